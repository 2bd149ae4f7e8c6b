//! Which format a stream is in: that of this crate, or that of Node.js.

#[cfg(feature = "node")]
use super::node;

/// The format of a stream, the same in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// What [`wire`](super) specifies.
    #[default]
    Offspring,
    /// What a Node.js process says to its parent and its children.
    #[cfg(feature = "node")]
    Node(node::Format),
}

impl Format {
    /// Whether both sides say hello at the beginning, and goodbye at the end. Without that the end of the stream is all
    /// that there is.
    pub(crate) fn is_polite(self) -> bool {
        matches!(self, Self::Offspring)
    }
}

/// How the bytes of a message are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    MessagePack,
    #[cfg(feature = "node")]
    Node(node::Serialization),
}

//! The operating-system floor of the [`offspring`](https://docs.rs/offspring) crate.
//!
//! Speaks of bytes, names, handles and processes; knows nothing of messages or frames. It is a package of its
//! own so that `offspring` itself can forbid `unsafe`, and so that each backend can be tested alone:
//! `cargo test -p offspring-platform`. Programs use `offspring`; this package keeps no promise of a stable API.
//!
//! # What a backend must supply
//!
//! The public types of this package are thin: each holds the type of the same name from the backend that the
//! ladder below mounts as `sys`. A backend is one folder with these items:
//!
//! | item | duty |
//! |---|---|
//! | `Stream`, `ReadHalf`, `WriteHalf` | bytes both ways, nothing lost at cancellation or at the peer's exit |
//! | `Listener` | one owner per name, same user only, survives exhaustion |
//! | `Process` | exit status without zombies, signals that cannot hit a stranger |
//! | `spawn` | the channel in the child's stdin slot, nothing inherited by siblings, cost independent of the parent's size |
//! | `this_program` | the program that runs now, even if its file has been replaced since, where that can be had |
//! | `Slot` | the other end of `spawn`: `Slot::find(&Note) -> Option<Slot>` looks at the stdin slot and touches nothing; `Slot::take(self, &Note)` turns it into the channel and puts the real stdin back |
//! | `node` (feature `node`) | `Launcher` and `Slot`: the same two for the channel of Node.js, and `FRAMED` |
//! | `address` | `fn address(&Name) -> io::Result<PathBuf>`: where a [`Name`] lives on this system |
//!
//! Each of them comes in two forms: driven by tokio (feature `tokio`), and blocking the thread (module [`blocking`],
//! feature `blocking`).
//!
//! `tests/contract.rs` runs the same tests against every backend.

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod error;
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
mod handle;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod handoff;
#[cfg(feature = "tokio")]
mod listener;
mod name;
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
mod node;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod process;
#[cfg(feature = "tokio")]
mod stream;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod trace;

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
        use unix as sys;
    } else if #[cfg(windows)] {
        mod windows;
        use windows as sys;
    } else {
        compile_error!("offspring supports Unix and Windows; this target is neither");
    }
}

#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
pub use crate::handle::{Handle, SocketKind, received, set_nonblocking, socket_kind};
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use crate::handoff::{AttachError, Attached, CHANNEL_VARIABLE, Channel, attach};
#[cfg(feature = "tokio")]
pub use crate::listener::Listener;
pub use crate::name::{Name, NameError};
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
pub use crate::node::{
    NODE_CHANNEL_IS_FRAMED, NODE_CHANNEL_VARIABLE, NODE_MODE_VARIABLE, NODE_TAKES_DATAGRAMS,
    NodeAttached, NodeLauncher, NodeOptions, attach_node,
};

#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use crate::process::{Options, Process, Spawned, Stdin, spawn, this_program};
#[cfg(feature = "tokio")]
pub use crate::stream::{ReadHalf, Stream, WriteHalf};

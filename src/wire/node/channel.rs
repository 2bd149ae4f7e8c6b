//! [`Format`]: how a stream to or from Node is written.

use serde::Serialize;

use super::control::{encode_answer, encode_with_handle};
use super::libuv::Transfer;
use super::{HandleKind, Serialization};
use crate::wire::format::Format as AnyFormat;
use crate::wire::{Encoding, Hello, Inbox, Limits, Outbox};
use crate::{Error, ErrorKind, Result};

/// How a stream to or from Node is written.
///
/// Needed only to speak to Node over an I/O of one's own; [`Command::node`](crate::Command::node) and
/// [`Parent::attach`](crate::Parent::attach) find out by themselves.
///
/// # Examples
///
/// ```
/// use offspring::node::{Format, Serialization};
/// use offspring::wire::{Envelope, Inbox, Limits, Outbox};
///
/// let format = Format::new(Serialization::Json);
/// let mut outbox = Outbox::to_node(Limits::new(), format);
/// outbox.push("hi")?;
/// let mut bytes = Vec::new();
/// outbox.take(&mut bytes);
/// assert_eq!(bytes, b"\"hi\"\n");
///
/// let mut inbox = Inbox::from_node(Limits::new(), format);
/// inbox.absorb(&mut bytes);
/// assert!(matches!(inbox.next()?, Some(Envelope::Message(body)) if body.decode::<String>()? == "hi"));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Format {
    pub(in crate::wire) serialization: Serialization,
    pub(in crate::wire) framed: bool,
    pub(in crate::wire) cluster: bool,
}

impl Format {
    /// A stream on which messages follow each other as they are, as on Unix.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Format, Serialization};
    /// let format = Format::new(Serialization::Advanced);
    /// # let _ = format;
    /// ```
    pub const fn new(serialization: Serialization) -> Self {
        Self {
            serialization,
            framed: false,
            cluster: false,
        }
    }

    /// Lets the program speak as the primary of a cluster: messages whose `cmd` is `NODE_CLUSTER` are for it, and a
    /// connection that goes with one is what a worker of the cluster takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Format, Serialization};
    /// let format = Format::new(Serialization::Json).cluster(true);
    /// # let _ = format;
    /// ```
    pub const fn cluster(mut self, cluster: bool) -> Self {
        self.cluster = cluster;
        self
    }

    /// Cuts the stream into the pieces of libuv, as on Windows.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Format, Serialization};
    /// let format = Format::new(Serialization::Json).framed(cfg!(windows));
    /// # let _ = format;
    /// ```
    pub const fn framed(mut self, framed: bool) -> Self {
        self.framed = framed;
        self
    }
}

impl Outbox {
    /// Creates an empty one whose messages Node reads. Nothing is said before and after them: a goodbye only keeps further
    /// messages from being added, and then the stream has to be closed.
    ///
    /// # Examples
    ///
    /// See [`Format`].
    pub fn to_node(limits: Limits, format: Format) -> Self {
        Self::with_format(limits, Encoding::default(), AnyFormat::Node(format))
    }

    /// Adds a message for Node with which an open socket goes: beside its first byte, by `SCM_RIGHTS`. Node answers once.
    ///
    /// For Windows, where the socket is described in the stream, there is no such call yet but in
    /// [`Connection`](crate::Connection).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] if this is not for Node; otherwise as [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Format, HandleKind, Serialization};
    /// use offspring::wire::{Limits, Outbox};
    ///
    /// let mut outbox = Outbox::to_node(Limits::new(), Format::new(Serialization::Json));
    /// outbox.push_with_handle(HandleKind::Server, "serve this")?;
    /// let mut bytes = Vec::new();
    /// outbox.take(&mut bytes);
    /// assert_eq!(bytes, b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":\"serve this\"}\n");
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn push_with_handle<M: Serialize + ?Sized>(
        &mut self,
        kind: HandleKind,
        message: &M,
    ) -> Result<()> {
        self.push_with_transfer(kind, message, || Ok(Vec::new()))
    }

    /// The same, and what `describe` gives tells the other process of the handle, where it does not go beside the stream.
    pub(crate) fn push_with_transfer<M: Serialize + ?Sized>(
        &mut self,
        kind: HandleKind,
        message: &M,
        describe: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<()> {
        let AnyFormat::Node(format) = self.format() else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "send a handle: the other side is not Node.js",
            ));
        };
        self.push_counted(|outbox, limits| {
            let record = describe()?;
            let transfer = Transfer::new(&record, kind == HandleKind::Socket);
            outbox.push_for_node(format, transfer, |bytes| {
                encode_with_handle(format, kind, message, limits, bytes)
            })
        })
    }

    /// Adds the answer to a handle that Node has sent: exactly one for each
    /// [`Envelope::WithHandle`](crate::wire::Envelope::WithHandle), or Node ends with an error. After a goodbye nothing may
    /// be said, and then this does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Format, Serialization};
    /// use offspring::wire::{Limits, Outbox};
    ///
    /// let mut outbox = Outbox::to_node(Limits::new(), Format::new(Serialization::Json));
    /// outbox.push_answer(true);
    /// let mut bytes = Vec::new();
    /// outbox.take(&mut bytes);
    /// assert_eq!(bytes, b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n");
    /// ```
    pub fn push_answer(&mut self, arrived: bool) {
        if let (AnyFormat::Node(format), false) = (self.format(), self.is_closed()) {
            // It is small, and its own `Serialize` does not fail.
            let _ = self.push_for_node(format, None, |bytes| {
                encode_answer(format.serialization, arrived, Limits::new(), bytes)
            });
        }
    }
}

impl Inbox {
    /// Takes the next description of a socket that stood in a [framed](Format::framed) stream, in the order of the messages
    /// with which they came: a `WSAPROTOCOL_INFOW` of 628 bytes and an error of four.
    ///
    /// The system has put the socket into this process already, so take them all, whether they are asked for or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Format, Serialization};
    /// use offspring::wire::{Inbox, Limits};
    ///
    /// let format = Format::new(Serialization::Json).framed(true);
    /// let mut inbox = Inbox::from_node(Limits::new(), format);
    /// // A socket that listens follows, 632 bytes, and no data.
    /// inbox.absorb(&mut [&[2_u8][..], &[0; 15], &[7; 632]].concat());
    /// assert_eq!(inbox.take_transfer(), Some(vec![7; 632]));
    /// assert_eq!(inbox.take_transfer(), None);
    /// ```
    pub fn take_transfer(&mut self) -> Option<Vec<u8>> {
        self.transfers.take()
    }

    /// Creates an empty one for what Node writes. It gives messages only: a goodbye is the end of the stream, if
    /// [`end`](Self::end) finds nothing wrong with it.
    ///
    /// # Examples
    ///
    /// See [`Format`].
    pub fn from_node(limits: Limits, format: Format) -> Self {
        let hello = Hello::new().with_max_message(limits.max_message() as u64);
        Self::with_format(limits, hello, AnyFormat::Node(format))
    }
}

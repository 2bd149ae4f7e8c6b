//! What a frame is for.

use serde::Deserialize;

use super::format::Codec;
use super::frame::Frame;
use super::limits::Limits;
use super::msgpack;
#[cfg(feature = "node")]
use super::node;
use crate::{Error, ErrorKind, Result};

/// What a frame is for.
///
/// # Examples
///
/// ```
/// use offspring::wire::{Encoding, Envelope, Hello, Inbox, Limits, Outbox};
///
/// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
/// outbox.push_hello(&Hello::new());
/// outbox.push("hi")?;
/// outbox.push_goodbye(0)?;
///
/// let mut inbox = Inbox::new(Limits::new(), Hello::new());
/// let mut bytes = Vec::new();
/// outbox.take(&mut bytes);
/// inbox.absorb(&mut bytes);
/// assert!(matches!(inbox.next()?, Some(Envelope::Message(body)) if body.decode::<&str>()? == "hi"));
/// assert!(matches!(inbox.next()?, Some(Envelope::Goodbye { taken: 0 })));
/// assert!(inbox.next()?.is_none());
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Envelope<'a> {
    /// A value of the application.
    Message(Body<'a>),
    /// The peer sends no more messages.
    Goodbye {
        /// How many of this side's messages the peer's program has taken so far.
        taken: u64,
    },
    /// The peer's program has taken messages.
    Taken {
        /// How many of this side's messages it has taken in all.
        count: u64,
    },
    /// A message from Node, with which a handle travels beside the bytes. It wants one answer.
    #[cfg(feature = "node")]
    WithHandle {
        /// The message; `None` if it is not for the program.
        message: Option<Body<'a>>,
        /// Node sends it again if the answer is that no handle has come.
        again: bool,
    },
    /// The answer of Node to a handle.
    #[cfg(feature = "node")]
    HandleAnswer {
        /// Whether the handle has come.
        arrived: bool,
    },
}

#[cfg(feature = "node")]
impl<'a> Envelope<'a> {
    pub(super) fn carried(mut body: Body<'a>, carrier: node::Carrier) -> Self {
        body.layers = carrier.layers;
        Self::WithHandle {
            message: (!carrier.foreign).then_some(body),
            again: carrier.again,
        }
    }
}

impl<'a> Envelope<'a> {
    /// Explains a frame; `None` if it may be ignored.
    #[inline]
    pub(super) fn open(frame: Frame<'a>, limits: Limits) -> Result<Option<Self>> {
        Ok(Some(match frame.kind {
            MESSAGE => Self::Message(Body::new(frame.body, limits)),
            GOODBYE => Self::Goodbye {
                taken: count(frame.body)?,
            },
            TAKEN => Self::Taken {
                count: count(frame.body)?,
            },
            MAY_IGNORE.. => return Ok(None),
            kind => {
                let text = format!("read a frame: its kind {kind:#04x} is unknown");
                return Err(Error::new(ErrorKind::Protocol, text));
            }
        }))
    }
}

/// The bytes of one message, not decoded yet: MessagePack, or what Node.js writes if it comes from there.
///
/// # Examples
///
/// ```
/// use offspring::wire::{Body, Limits};
///
/// let body = Body::new(b"\x92\xa3two\x02", Limits::new());
/// let (word, number): (&str, u8) = body.decode()?;
/// assert_eq!((word, number), ("two", 2));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    bytes: &'a [u8],
    limits: Limits,
    codec: Codec,
    /// How many control messages are around the message itself.
    #[cfg(feature = "node")]
    layers: u8,
}

impl<'a> Body<'a> {
    /// Takes bytes from anywhere as a message in MessagePack. Nothing is checked before [`decode`](Self::decode).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Body, Limits};
    ///
    /// assert_eq!(Body::new(&[0xc3], Limits::new()).decode::<bool>()?, true);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub const fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self::written(bytes, limits, Codec::MessagePack)
    }

    pub(super) const fn written(bytes: &'a [u8], limits: Limits, codec: Codec) -> Self {
        Self {
            bytes,
            limits,
            codec,
            #[cfg(feature = "node")]
            layers: 0,
        }
    }

    /// The bytes as they came.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Body, Limits};
    ///
    /// assert_eq!(Body::new(&[0x07], Limits::new()).bytes(), [0x07]);
    /// ```
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks and decodes the message.
    ///
    /// A `&str` or `&[u8]` in `T` borrows from the bytes: nothing is copied. Use `serde_bytes` for byte strings; a
    /// plain `Vec<u8>` is a list of numbers for serde, up to twice as large and a hundred times slower.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] if the bytes are not exactly one value, [`ErrorKind::TooDeep`] and
    /// [`ErrorKind::TooManyItems`] if it is over a limit, [`ErrorKind::Decode`] if it is not a `T`. The connection
    /// is still good after any of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::{Body, Limits};
    ///
    /// let body = Body::new(b"\xa5words", Limits::new());
    /// assert_eq!(body.decode::<u8>().unwrap_err().kind(), ErrorKind::Decode);
    /// assert_eq!(body.decode::<&str>()?, "words");
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn decode<T: Deserialize<'a>>(&self) -> Result<T> {
        match self.codec {
            Codec::MessagePack => msgpack::decode(self.bytes, self.limits),
            #[cfg(feature = "node")]
            Codec::Node(serialization) => {
                let (bytes, limits) = (self.bytes, self.limits);
                match self.layers {
                    0 => serialization.decode(bytes, limits),
                    1 => serialization
                        .decode(bytes, limits)
                        .map(|node::Inner(message)| message),
                    _ => serialization
                        .decode(bytes, limits)
                        .map(|node::Inner(node::Inner(message))| message),
                }
            }
        }
    }
}

fn count(body: &[u8]) -> Result<u64> {
    let bytes = body.try_into().map_err(|_| {
        let text = format!(
            "read a control frame: its body has {} bytes, expected 8",
            body.len()
        );
        Error::new(ErrorKind::Protocol, text)
    })?;
    Ok(u64::from_be_bytes(bytes))
}

pub(super) const MESSAGE: u8 = 0;
pub(super) const GOODBYE: u8 = 1;
pub(super) const TAKEN: u8 = 2;

/// From here on, a kind that is not known is skipped; below, it is an error.
const MAY_IGNORE: u8 = 0x80;

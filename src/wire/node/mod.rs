//! Node.js: the two serialisations of its channel between parent and child, byte by byte.

mod channel;
mod control;
mod fault;
mod frame;
mod javascript;
mod json;
mod libuv;
mod special;
mod v8;
mod value;

use serde::{Deserialize, Serialize};

pub use self::channel::Format;
pub use self::control::HandleKind;
pub(super) use self::control::{Carrier, Inner, check};
use self::fault::Fault;
pub(super) use self::frame::{Reader, begin, finish};
pub use self::value::{BigInt, ErrorClass, Object, OutOfRange, Value, View};
use super::Limits;
use crate::Result;

/// How messages are written on a channel to or from Node.js: the option `serialization` of its `fork`.
///
/// Both sides must use the same one. Node's default is [`Json`](Self::Json).
///
/// # Examples
///
/// ```
/// use offspring::node::Serialization;
///
/// assert_eq!(Serialization::default(), Serialization::Json);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Serialization {
    /// JSON, one text per line: what `JSON.stringify` writes.
    #[default]
    Json,
    /// V8's structured clone, which also knows `Map`, `Set`, `Date`, `BigInt`, `Buffer` and cycles.
    Advanced,
}

impl Serialization {
    /// Appends one message: a JSON text without the line end, or a structured clone without the length in front.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`](crate::ErrorKind::Encode) if the message cannot be serialised; `TooLarge`, `TooDeep` or
    /// `TooManyItems` if it is over a limit. `bytes` are as before then.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Serialization;
    /// use offspring::wire::Limits;
    ///
    /// let mut bytes = Vec::new();
    /// Serialization::Json.encode(&("a", 1), Limits::new(), &mut bytes)?;
    /// assert_eq!(bytes, br#"["a",1]"#);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn encode<M: Serialize + ?Sized>(
        self,
        message: &M,
        limits: Limits,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let start = bytes.len();
        let encoded = match self {
            Self::Json => json::encode(message, limits, bytes),
            Self::Advanced => v8::encode(message, limits, bytes),
        };
        if encoded.is_err() {
            bytes.truncate(start);
        }
        encoded
    }

    /// Checks and decodes one message: the text of a line, with or without its end, or a structured clone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`](crate::ErrorKind::Malformed) if it is none, `TooDeep` or `TooManyItems` if it is over a
    /// limit, [`ErrorKind::Decode`](crate::ErrorKind::Decode) if it is not a `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Serialization;
    /// use offspring::wire::Limits;
    ///
    /// let (word, number): (String, u8) = Serialization::Json.decode(br#"["a",1]"#, Limits::new())?;
    /// assert_eq!((&word[..], number), ("a", 1));
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn decode<'a, T: Deserialize<'a>>(self, bytes: &'a [u8], limits: Limits) -> Result<T> {
        match self {
            Self::Json => json::decode(bytes, limits),
            Self::Advanced => v8::decode(bytes, limits),
        }
    }
}

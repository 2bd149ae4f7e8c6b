//! Node.js: the two serialisations of its channel between parent and child, byte by byte.
//!
//! Nothing here reads a socket. [`Serialization`] turns messages into bytes and back, [`Value`] is what a message can be
//! when serde has no words for it, and [`Format`] tells an [`Outbox`](super::Outbox) and an [`Inbox`](super::Inbox) to
//! speak as Node does.
//!
//! # The stream
//!
//! A channel of Node has no hello and no goodbye: messages follow each other until it is closed.
//!
//! ```text
//! json       JSON text without line ends, then 0a
//! advanced   | length u32, big-endian | structured clone, of that many bytes |
//! ```
//!
//! On Windows the stream is cut into pieces, regardless of messages. Each has a head of 16 bytes: `01 00 00 00`, four
//! bytes that are 0, the length of the piece as a little-endian u32, four bytes that are 0.
//!
//! A message that is an object whose `cmd` is a string of more than 5 characters and begins with `NODE_` is for Node itself,
//! and never for a program.
//!
//! # JSON
//!
//! What `JSON.stringify` writes. A reader takes white space around the text. What is not UTF-8, and an escape of half a
//! surrogate pair (`\ud800`), becomes U+FFFD, for no string of Rust can hold it.
//!
//! # Structured clones
//!
//! `ff`, the version of the format, and one value; nothing follows it. Versions 13 to 15 are read; they are the same as far as
//! this page goes, but for the flags of a view in an `ArrayBuffer`, which version 13 lacks. 13 is written: every Node since
//! version 12 reads it.
//!
//! No Node has ever written anything behind the value: what it sends is what its serializer holds, which it is asked for one
//! value. Its reader stops there and would not see more. Here more is `Malformed`: bytes that nobody has written on purpose
//! say that the two sides do not agree where a value ends.
//!
//! A value is a tag and what the table says. In front of a tag there may be any number of `00`. A *varint* is an
//! unsigned number of 32 bits, seven to a byte, the lowest first, and the highest bit set in all bytes but the last.
//! Numbers are little-endian. A *string* is a value that is one.
//!
//! | Tag | Value | What follows |
//! | --- | --- | --- |
//! | `_` `0` `T` `F` | undefined, null, true, false | |
//! | `I`, `U` | integer of 32 bits | varint, of the number in zigzag (0, -1, 1, -2, …); of the number itself. `U` is only read. |
//! | `N` | number | 8 bytes, a double |
//! | `Z` | bigint | varint: number of bytes times 2, plus 1 if it is negative; the bytes of the magnitude, a multiple of 8 |
//! | `"` | string in Latin-1 | varint, so many bytes |
//! | `c` | string in UTF-16 | varint, so many bytes, in front of which there is padding so that they begin at an even offset. A reader takes any. |
//! | `S` | string in UTF-8 | varint, so many bytes; only read |
//! | `o` | object | keys and values; `{`, varint: their number. A key is a string, or a number if it is the index of an element. |
//! | `A` | array | varint: length; so many values, of which `-` is a hole; properties, as of an object; `$`, varint: number of properties, varint: length |
//! | `a` | array with gaps | varint: length; properties, whose keys are indices for elements; `@`, varint: their number, varint: length |
//! | `;` | `Map` | keys and values; `:`, varint: number of keys and values |
//! | `'` | `Set` | values; `,`, varint: their number |
//! | `D` | `Date` | 8 bytes, a double: milliseconds since 1970 in UTC |
//! | `R` | `RegExp` | string; varint: flags, of `gimyusldv` from the lowest bit on |
//! | `r` | `Error` | a letter for a class of its own: `E`val, `R`ange, re`F`erence, `S`yntax, `T`ype, `U`RI; each if it is there: `m` and a string, `c` and the value of its cause, `s` and the string of its stack; `.` |
//! | `n` `y` `x` `z` `s` | number, true, false, bigint, string as an object | as of `N`, nothing, nothing, as of `Z`, a string |
//! | `B` | `ArrayBuffer` | varint, so many bytes. If `V` follows, the value is a view of it: a letter, varint: offset, varint: length, varint: flags; only read. |
//! | `~` | `ArrayBuffer` that can grow | varint: length, varint: how long it may become, the bytes; only read |
//! | `\` `00` | view | varint: [which](View), varint: length, so many bytes. 0 `Int8Array`, 1 `Uint8Array`, 2 `Uint8ClampedArray`, 3 `Int16Array`, 4 `Uint16Array`, 5 `Int32Array`, 6 `Uint32Array`, 7 `Float32Array`, 8 `Float64Array`, 9 `DataView`, 10 `Buffer`, 11 `BigInt64Array`, 12 `BigUint64Array`, 13 `Float16Array` |
//! | `\` `01` | anything else that is not of JavaScript alone | a value: the object of its properties; only read |
//! | `^` | an object that has been there before | varint: its number. The values from `o` to `\` `01` in this table are numbered from 0 on, in the order in which they begin; a view that follows its `ArrayBuffer` has the next number. |
//! | `?` | | varint, a number of no meaning; the value. Only read. |
//!
//! `{a: [1, "€"]}`, for example:
//!
//! ```text
//! ff 0d                header: version 13
//! 6f                   object 0
//! 22 01 61               "a":
//! 41 02                  array of 2, object 1
//! 49 02                    1
//! 63 02 ac 20              "€", from offset 12 of the message on
//! 24 00 02               end of the array: no properties, 2 elements
//! 7b 01                end of the object: 1 property
//! ```
//!
//! # What Rust is in JavaScript
//!
//! | Rust, as serde sees it | JSON | Structured clone |
//! | --- | --- | --- |
//! | `bool`, `str`, `char` | boolean, string | the same |
//! | integers | digits, all of them; JavaScript rounds those beyond 2⁵³ | number, beyond ±2⁵³ bigint |
//! | floats | number; NaN and infinities `null` | number |
//! | bytes of `serde_bytes` | `{"type":"Buffer","data":[…]}`, of which `Buffer.from` makes a `Buffer` | `Buffer` |
//! | `Option`: `None`, `Some(x)`; `()`, `struct Unit;` | `null`, x; `null` | the same |
//! | sequences, tuples, tuple structs; a `Vec<u8>` without `serde_bytes` | array | the same |
//! | maps whose keys are strings, characters or enums without content; structs | object | the same |
//! | maps with other keys | object, if the keys are numbers or booleans; else it cannot be sent | `Map`; if it is empty, an object |
//! | `struct N(x)` | x | the same |
//! | `enum`: `Unit`; `New(x)`; `Tuple(x, y)`; `Struct { a: x }` | name; object with the name as its only key, and x, an array, or an object | the same |
//!
//! As in JSON, types that look different to people than to machines look as for people in both: an `Ipv4Addr` is a string.
//!
//! # What JavaScript is in Rust
//!
//! | JavaScript | JSON | In a structured clone, a type of Rust may take it as |
//! | --- | --- | --- |
//! | `undefined` | a property is left out, an element is `null` | `None`, `()` |
//! | number | number | any number that is the same; a type that takes all gets an integer if it is one and below 2⁵³ |
//! | bigint | `send` throws | any integer that is the same, up to 128 bits |
//! | array | array | a sequence; holes are `null` |
//! | object, instance of a class | object | map or struct |
//! | `Map`, `Set` | `{}` | map or struct; sequence |
//! | `Date` | string in ISO 8601 | `f64` or integer: milliseconds since 1970 in UTC; `String`: ISO 8601, which date types understand |
//! | `Buffer` | `{"type":"Buffer","data":[…]}`: bytes, as are an array and a string; or a struct | bytes, borrowed if you like; sequence of numbers |
//! | `ArrayBuffer`, `Uint8Array`, `DataView` | `{}`, an object, `{}` | as a `Buffer` |
//! | other typed arrays | object | sequence of numbers; as bytes if you ask for bytes |
//! | `RegExp` | `{}` | `String`: `/source/flags`; struct of `source` and `flags` |
//! | `Error` | `{}` | struct of `name`, `message`, `cause`, `stack` |
//! | `new Number(1)` and the like | the primitive | the primitive |
//! | an object in several places | in each of them | in each of them; [`Value`] keeps that it is one |
//! | an object in itself | `send` throws | only [`Value`] |
//!
//! A [`Value`] takes all of it as it is.
//!
//! # Limits
//!
//! Those of [`Limits`], checked before serde sees a byte and, for what is sent, while it is written:
//!
//! - an array, object, `Map`, `Set` or error is a level, so is what stands for an enum with content;
//! - elements, properties, entries and causes of errors are items; in JSON also each byte of a `Buffer`. It is written as an
//!   array of numbers, and only the type that reads it decides whether an element becomes a byte or a [`Value`], which is
//!   many times as large as the two characters of `0,`. So a `Buffer` of more than 1,100,000 bytes, `n`, needs
//!   `with_max_items(n + 2)` and, at up to four characters a byte, `with_max_message(4 * n + 64)`: 16 MiB, the default, end
//!   at some four million bytes in any case. In a structured clone a `Buffer` is its bytes, and none of them is an item;
//! - elements of a typed array that is not read as bytes are items, and so are the gaps of an array that is not read as a
//!   [`Value`];
//! - what is referred to counts once more each time that it is read, with its items, its levels and its bytes: if a type
//!   reads more bytes in this way than a message may have, it is `TooManyItems`.
//!
//! # What is refused
//!
//! | What is wrong | What happens | [`ErrorKind`](crate::ErrorKind) |
//! | --- | --- | --- |
//! | a message that is no JSON or no structured clone, or is more than that | message is skipped | `Malformed` |
//! | a message that is too deep, or has too many items | message is skipped | `TooDeep`, `TooManyItems` |
//! | a message that is not of the type which the program expects | message is skipped | `Decode` |
//! | a message that cannot be said, a [`Reference`](Value::Reference) that leads nowhere | message is not sent | `Encode` |
//! | an error that is in its own cause | Node sends such a thing, but ends when it receives one, so here it is not sent | `Encode` |

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
pub(super) use self::libuv::{Transfer, Transfers};
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

//! The wire: what two programs say to each other, byte by byte, and the code that writes and reads it.
//!
//! Nothing in here reads a socket or a clock, takes a lock or knows a runtime: bytes go in, bytes come out. An
//! [`Outbox`] turns messages into bytes, an [`Inbox`] turns bytes into messages. You need them only to carry messages
//! over something that is not a [`Transport`](crate::transport::Transport), or to test a program without a second one.
//!
//! This page is also the specification. It says all that another language needs to talk to an offspring program.
//!
//! # The stream
//!
//! Each side writes one stream and reads one. Both streams look the same, whoever connected to whom. They need a
//! transport that keeps bytes in order and loses none: a Unix domain socket, a named pipe in byte mode, TCP.
//!
//! ```text
//! stream = hello, then any number of frames
//!
//!          0                         8        9        10        12
//! hello    | 89 4f 46 53 0d 0a 1a 0a | wire   | wire   | map len | map ...
//!          | magic                   | min u8 | max u8 | u16     | map len bytes, at most 4084
//!
//!          0            4         5
//! frame    | length u32 | kind u8 | body ...
//!          |            | length bytes: kind and body, at least 1
//! ```
//!
//! All numbers outside MessagePack are unsigned and big-endian.
//!
//! # The hello
//!
//! Each side writes its hello at once, without waiting for the other's, and may write frames right behind it. So
//! opening costs no round trip. Each side reads the other's hello before anything else and gives up on a peer that
//! has not sent one in reasonable time.
//!
//! - **magic**: `\x89OFS\r\n\x1a\n`. A first byte that no text begins with, a name, and line ends that a transport in
//!   text mode would change. Whatever differs is refused at the first byte that differs.
//! - **wire min, wire max**: the versions of this format that the side can speak; 1 ≤ min ≤ max. This page is version
//!   1. The layout of the hello stays the same in all versions.
//! - **map**: one MessagePack map, whose keys are strings and come once each. Unknown keys are ignored. All known ones
//!   may be left out:
//!
//! | Key | Value | Meaning |
//! | --- | --- | --- |
//! | `max_message` | unsigned integer | The largest message that this side receives, in bytes. 16 MiB if left out; less than 64 counts as 64, more than 2³² − 2 as 2³² − 2. |
//! | `protocol` | map: `name` string of 1 to 255 bytes, `min` and `max` unsigned integers of 32 bits, all three required, min ≤ max | The application's own protocol, and the versions of it that this side can speak. |
//! | `features` | array of strings | Optional abilities. Version 1 has none; unknown ones are ignored. |
//! | `agent` | string of at most 255 bytes | What the program is made with, for people. |
//! | `refused` | string of at most 255 bytes | This side does not take the other: why, for people. |
//!
//! Behind a hello with `refused` nothing follows: both sides close. A server says so to a client that is one too many,
//! without waiting for the client's hello. So a client that finds itself cut off while it writes should still read. Who
//! does not know the key sees the end only.
//!
//! Both sides then come to the same conclusion. The wire version in use is the highest that both can speak. The
//! version of the application's protocol in use is the highest that both can speak, if both name the same protocol; if
//! neither names one there is none. In all other cases the two are incompatible, and both say so and close.
//!
//! # Frames
//!
//! The length is checked as soon as it is there, before any memory is set aside for what it promises: the body of a
//! frame is at most `max_message` bytes of the hello of the side that *reads* it, so the length is at most one more.
//! A side that has not read the peer's hello yet does not know this limit. A message above it ends the connection, so
//! who wants to send a large one at once waits for the hello first.
//!
//! | Kind | Name | Body |
//! | --- | --- | --- |
//! | 0 | message | exactly one MessagePack value |
//! | 1 | goodbye | u64: how many messages of the peer this side's program has taken so far |
//! | 2 | taken | u64: the same |
//! | 3 to 0x7f | reserved | a frame of such a kind is refused by who does not know it |
//! | 0x80 to 0xff | reserved | a frame of such a kind is skipped by who does not know it |
//!
//! # The end
//!
//! A program has *taken* a message when it has asked for it and got it, not when its bytes have arrived. Only a program
//! that waits for the other one to end, as a parent does for its child, may count what it keeps to look at afterwards.
//!
//! - After its **goodbye** a side sends no message and no second goodbye.
//! - **taken** answers a goodbye, and is sent by a side that has read one only. It is sent when the program has taken
//!   every message in front of that goodbye, unless the side's own goodbye has said the same number already. It may be
//!   sent earlier by a side that is ending itself and so will not take more for now, and again when the number has
//!   grown. The numbers in goodbye and taken never go down.
//! - A side that has said goodbye and reads a number as high as the number of its messages knows that all of them were
//!   taken. When it has read a goodbye too it has nothing to wait for, and may close the transport. So a taken that is
//!   written late may find nobody there, which is no fault.
//! - The end of the stream behind a goodbye is orderly. At the end of any other frame it means that the peer is gone
//!   without a word; inside a hello or a frame, that it was cut off.
//!
//! # Messages
//!
//! A message is a [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md) value of any kind. The reader
//! checks it before it decodes it: arrays, maps and extensions are nested at most 128 deep; all arrays and maps
//! together have at most 1,100,000 elements and entries; no length or count promises more than the bytes that are left;
//! nothing follows the value. The first two numbers are the defaults of [`Limits`].
//!
//! Types of Rust, as serde sees them, look like this:
//!
//! | Rust | MessagePack |
//! | --- | --- |
//! | `bool`, integers, floats, `str`, `char` | bool, the shortest integer, float of the same width, str, str |
//! | `i128`, `u128` | bin of 16 bytes, big-endian |
//! | bytes of `serde_bytes`; a `Vec<u8>` without it | bin; array of integers |
//! | `Option`: `None`, `Some(x)` | nil, x. So `Some(None)` and `Some(())` come back as `None`. |
//! | `()`; `struct Unit;` | nil; empty array |
//! | sequences, tuples, tuple structs; maps | array; map |
//! | `struct S { a: A }` | map with the names of the fields, [`Encoding::Named`]; or array, [`Encoding::Compact`]. A reader takes both. |
//! | `struct N(x)` | x |
//! | `enum`: `Unit`; `New(x)`; `Tuple(x, y)`; `Struct { a: x }` | str, the name; map of one entry, the name to x; to an array; to what a struct is |
//!
//! # What is refused
//!
//! | What is wrong | What happens | [`ErrorKind`](crate::ErrorKind) |
//! | --- | --- | --- |
//! | magic, wire versions, map length or map of the hello | connection ends | `Protocol` |
//! | a hello with `refused` | connection ends | `Refused` |
//! | no wire version or no protocol in common | connection ends | `Incompatible` |
//! | a length of 0; a kind of 3 to 0x7f; a goodbye or taken whose body is not 8 bytes, or whose number goes down; a message or goodbye after a goodbye | connection ends | `Protocol` |
//! | a length above the limit | connection ends | `TooLarge` |
//! | end of stream inside a hello or a frame | connection ends | `Truncated` |
//! | a message that is no value, or more than one | message is skipped | `Malformed` |
//! | a message that is too deep, or has too many items | message is skipped | `TooDeep`, `TooManyItems` |
//! | a message that is not of the type which the program expects, also by a string in it that is not UTF-8 | message is skipped | `Decode` |
//!
//! # A whole session
//!
//! The left side (`>`) asks how long a word is; the right side (`<`) answers. Each side's bytes are what it writes one
//! after the other; which side writes first does not matter.
//!
//! ```text
//! > 89 4f 46 53 0d 0a 1a 0a                         hello: magic
//! > 01 01                                           wire versions 1 to 1
//! > 00 45                                           the map has 69 bytes
//! > 83                                              map of 3 entries
//! > ab 6d 61 78 5f 6d 65 73 73 61 67 65             "max_message":
//! > ce 00 10 00 00                                    1048576
//! > a8 70 72 6f 74 6f 63 6f 6c                      "protocol":
//! > 83                                                map of 3 entries
//! > a4 6e 61 6d 65 a3 6c 65 6e                        "name": "len"
//! > a3 6d 69 6e 01                                    "min": 1
//! > a3 6d 61 78 02                                    "max": 2
//! > a5 61 67 65 6e 74                               "agent":
//! > af 6f 66 66 73 70 72 69 6e 67 20 30 2e 31 2e 30   "offspring 0.1.0"
//! > 00 00 00 0d                                     frame: 13 bytes follow
//! > 00                                              message
//! > 81 a4 77 6f 72 64                               { "word":
//! > a5 68 69 70 70 6f                                 "hippo" }
//!
//! < 89 4f 46 53 0d 0a 1a 0a                         hello: magic
//! < 01 03                                           wire versions 1 to 3, so both speak 1
//! < 00 1e                                           the map has 30 bytes
//! < 81                                              map of 1 entry: the defaults for the rest
//! < a8 70 72 6f 74 6f 63 6f 6c                      "protocol":
//! < 83                                                map of 3 entries
//! < a4 6e 61 6d 65 a3 6c 65 6e                        "name": "len"
//! < a3 6d 69 6e 02                                    "min": 2, so both speak version 2 of it
//! < a3 6d 61 78 04                                    "max": 4
//! < 00 00 00 02                                     frame: 2 bytes follow
//! < 00 05                                           message: 5
//!
//! > 00 00 00 09                                     frame: 9 bytes follow
//! > 01 00 00 00 00 00 00 00 01                      goodbye: 1 message was taken, the answer
//!
//! < 00 00 00 09                                     frame: 9 bytes follow
//! < 02 00 00 00 00 00 00 00 01                      taken: 1 message, the question
//! < 00 00 00 09                                     frame: 9 bytes follow
//! < 01 00 00 00 00 00 00 00 01                      goodbye: both sides may close now
//! ```

mod agreement;
mod buffer;
mod capped;
mod control;
mod envelope;
pub(crate) mod format;
mod frame;
mod grammar;
mod hello;
mod inbox;
mod limits;
mod msgpack;
#[cfg(feature = "node")]
pub mod node;
mod order;
mod outbox;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod outline;
mod scan;

pub use self::agreement::Agreement;
pub use self::envelope::{Body, Envelope};
pub use self::frame::{Frame, Parsed};
pub use self::hello::Hello;
pub use self::inbox::Inbox;
pub use self::limits::{Encoding, Limits};
pub use self::outbox::Outbox;
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub(crate) use self::outline::{Outline, Unwritten};

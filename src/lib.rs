//! Cross-platform inter-process communication with a fork-equivalent.
//!
//! `offspring` gives Rust programs what `child_process.fork()` gives JavaScript: start another program and talk to it
//! in typed messages, both ways, at any time, on Linux, macOS and Windows. The same connections also join unrelated
//! programs that meet by name, such as a daemon and its clients.
//!
//! ```
//! use offspring::{Command, Parent};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> offspring::Result<()> {
//! if let Some(mut parent) = Parent::<str, String>::attach_if_child()? {
//!     // This is the child.
//!     while let Some(message) = parent.recv().await? {
//!         assert_eq!(message, "Hello Child");
//!         parent.send("Hello Parent").await?;
//!     }
//!     return parent.close().await;
//! }
//!
//! // This is the parent. Here the child is the same program; `Command::new` starts another one.
//! let mut child = Command::current_exe()?.spawn::<str, String>()?;
//! child.send("Hello Child").await?;
//! assert_eq!(child.recv().await?.as_deref(), Some("Hello Parent"));
//! assert!(child.wait().await?.success());
//! # Ok(())
//! # }
//! ```
//!
//! # Where to begin
//!
//! | you want to | use |
//! |---|---|
//! | start a program and talk to it | [`fork`], [`Command`], [`Child`] |
//! | be that program | [`Parent`] |
//! | meet other programs by name | [`Name`], [`Listener`], [`Connection::connect`] |
//! | send from many tasks | [`Sender`], which can be cloned |
//! | receive as a stream, or without copying | [`Receiver`], [`Receiver::recv_with`] |
//! | learn in order what happens to a child | [`Child::event`], [`Event`] |
//! | set limits, deadlines, a protocol version | [`Config`] |
//! | start a Node.js script, or be started by one | `Command::node`, `Parent::attach`, feature `node` |
//! | carry messages over TCP, TLS or pipes | [`transport::Transport`] |
//! | speak to it from another language | [`wire`], the exact format |
//!
//! A message is any type that implements serde's `Serialize` and `Deserialize`. It travels as MessagePack, by default
//! with field names, so that programs of different versions understand each other. Large byte strings belong in
//! [`serde_bytes`](https://docs.rs/serde_bytes) types: a plain `Vec<u8>` is up to twice the bytes, each of them an item of
//! [`Config::max_items`], and takes tens of times as long.
//!
//! # What is promised
//!
//! - **No message is lost.** Messages that come before anybody listens wait. What a child sent before it exited, or
//!   crashed, is received before its end is reported. [`close`](Connection::close) returns `Ok` only when the other
//!   program has taken every message.
//! - **An end is what it is.** [`recv`](Connection::recv) has three answers: a message, a goodbye (`Ok(None)`), or an
//!   error. A crash is never a quiet end; a message cut short is [`ErrorKind::Truncated`].
//! - **Nothing is left behind.** Children are reaped, handles are not inherited by strangers, a child whose parent died
//!   ends too, signals never hit a reused process id.
//! - **Hostile bytes are an error.** Size, depth and number of items are checked before memory is taken, and before serde
//!   sees the bytes.
//! - **Only you.** A forked child's channel has no name that others could find. Named endpoints are for the same user
//!   only, and both sides check that before the first byte.
//! - **Starting is cheap.** The cost of a spawn does not depend on the parent's memory.
//!
//! # Cancel safety
//!
//! Every method that waits may be dropped at any await point, in `tokio::select!` or under a timeout. What has been sent
//! or received in part stays in the connection, not in the future:
//!
//! | dropped before it is ready | what happens |
//! |---|---|
//! | [`send`](Connection::send) | the message arrives whole, or not at all; later messages are not affected |
//! | [`feed`](Connection::feed) | the message was not taken |
//! | [`flush`](Connection::flush) | what waits leaves with the next call |
//! | [`recv`](Connection::recv), [`event`](Child::event) | nothing was taken; the next call gets it |
//! | [`close`](Connection::close) | the goodbye is said all the same; call again to wait again |
//! | [`accept`](Listener::accept) | no client is lost |
//! | [`connect`](Connection::connect) | the half-made connection is closed |
//! | [`ready`](Child::ready), [`wait`](Child::wait), [`stop`](Child::stop) | nothing is lost; call again |
//!
//! # Threads and tasks
//!
//! A connection has no task and no thread of its own: bytes move when one of its methods is polled. A child that
//! attached has one small thread that waits for its parent's death.
//!
//! On a runtime of many threads, as `#[tokio::main]` makes it, what `main` itself awaits is woken by another thread, which
//! makes a round trip take up to twice as long. A program that mostly waits for its parent, as a worker does, is faster with
//! `#[tokio::main(flavor = "current_thread")]`.
//!
//! # Features
//!
//! - `tokio` (default): the async API: Connection, Listener, Command, Child, Parent. Needs a tokio runtime with I/O and
//!   time enabled.
//! - `blocking`: the same for threads, in the module `blocking`. Neither needs a runtime nor starts one.
//! - `node`: speaks as Node.js does with its children and parents: its two serialisations, and a `Value` for what serde
//!   cannot say.
//! - `tracing`: emits `tracing` events for connections, refused peers and processes.
//!
//! Without features there is [`wire`] and [`Name`]: enough to speak the format over an I/O of one's own.
//!
//! # Platforms
//!
//! | | Linux | macOS, BSD | Windows 10 or later |
//! |---|---|---|---|
//! | transport | Unix domain socket | Unix domain socket | named pipe |
//! | hand-over to a child | in the stdin slot | in the stdin slot | in the stdin slot |
//! | exit is noticed by | pidfd | kqueue | process handle |
//! | all descendants are ended by | process group | process group | job object |
//! | who may connect to a name | same user | same user | same user |
#![forbid(unsafe_code)]

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod config;
#[cfg(feature = "tokio")]
mod connection;
mod error;
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
mod handle;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod life;
#[cfg(feature = "tokio")]
mod listener;
mod name;
#[cfg(feature = "tokio")]
mod process;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod session;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod sync;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod trace;
#[cfg(feature = "tokio")]
pub mod transport;
pub mod wire;

#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use crate::config::Config;
#[cfg(feature = "tokio")]
pub use crate::connection::{Connection, Receiver, Sender};
pub use crate::error::{Error, ErrorKind, Result};
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
pub use crate::handle::Handle;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use crate::life::{Event, Stdio};
#[cfg(feature = "tokio")]
pub use crate::listener::Listener;
pub use crate::name::Name;
#[cfg(feature = "tokio")]
pub use crate::process::{Child, Command, Parent, Process, fork};

/// What types of Rust become in JavaScript and the other way round, and the bytes, are told in [`wire::node`].
///
#[cfg(feature = "node")]
#[doc = include_str!("../COMING_FROM_NODE.md")]
pub mod node {
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub use crate::life::Script;
    #[doc(inline)]
    pub use crate::wire::node::*;
}

/// Compiles and runs the examples of the README.
#[cfg(all(doctest, feature = "tokio", feature = "blocking"))]
#[doc = include_str!("../README.md")]
struct Readme;

//! The same for threads: every method that waits blocks the thread that called it.
//!
//! The names, the guarantees and the bytes are those of the async API, so a blocking parent can have an async child,
//! and the other way round. No runtime is needed or started, and no thread, except the small one in a child that waits
//! for its parent's death.
//!
//! | | |
//! |---|---|
//! | [`Connection`], [`Sender`], [`Receiver`] | typed messages with one other process |
//! | [`Listener`] | a name that other programs connect to |
//! | [`Command`], [`Child`], [`fork`] | how to start a child, and the parent's handle on it |
//! | [`Parent`] | the child's handle on its parent |
//!
//! A [`Sender`] can be cloned and used by many threads while another one receives. Waits can be bounded:
//! [`recv_timeout`](Connection::recv_timeout), [`send_timeout`](Connection::send_timeout),
//! [`accept_timeout`](Listener::accept_timeout), [`wait_timeout`](Child::wait_timeout).
//!
//! With the feature `node` a child can be a Node.js script and the parent a Node.js program, as in the async API.
//!
//! # Inside of a runtime
//!
//! Everything works on a thread of a runtime too, and blocks that thread: other tasks of it stand still meanwhile. Use
//! the async API there, or a thread of one's own.
//!
//! # Examples
//!
//! ```
//! use offspring::blocking::{Command, Parent};
//!
//! fn main() -> offspring::Result<()> {
//!     if let Some(mut parent) = Parent::<str, String>::attach_if_child()? {
//!         // This is the child.
//!         assert_eq!(parent.recv()?.as_deref(), Some("Hello Child"));
//!         parent.send("Hello Parent")?;
//!         return parent.close();
//!     }
//!
//!     let mut child = Command::current_exe()?.spawn::<str, String>()?;
//!     child.send("Hello Child")?;
//!     assert_eq!(child.recv()?.as_deref(), Some("Hello Parent"));
//!     assert!(child.wait()?.success());
//!     Ok(())
//! }
//! ```

mod child;
mod command;
mod connection;
#[cfg(feature = "node")]
mod handles;
mod incoming;
mod link;
mod listener;
mod parent;
mod process;
mod receiver;
mod sender;
mod straight;

use std::time::{Duration, Instant};

pub use self::child::Child;
pub use self::command::{Command, fork};
pub use self::connection::Connection;
pub use self::listener::Listener;
pub use self::parent::Parent;
pub use self::process::Process;
pub use self::receiver::Receiver;
pub use self::sender::Sender;
pub use crate::life::{Event, Stdio};

/// A time that no clock can tell is for ever.
fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

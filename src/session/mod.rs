//! The rules of a connection, without any I/O: what waits to leave, what has been heard, what is owed for it.
//!
//! Whoever drives a connection decides when to read and to write, and who waits how.

mod encoder;
#[cfg(feature = "node")]
mod handles;
mod line;
#[cfg(feature = "node")]
mod offer;
mod queue;
mod quota;
mod talk;

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(feature = "tokio")]
pub(crate) use self::encoder::Encoder;
pub(crate) use self::line::Line;
#[cfg(feature = "node")]
pub(crate) use self::offer::{ANSWER_TIMEOUT, Offer, unanswered};
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub(crate) use self::queue::Pushed;
pub(crate) use self::queue::{Queue, gone};
pub(crate) use self::quota::{Permit, Quota};
pub(crate) use self::talk::{End, Next, Taken, Talk, at_peer, empty};
use crate::sync::{Mutex, MutexGuard};

/// Locks, also after a panic elsewhere: nothing here is left half-changed by one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the other side may take to say hello, unless [`Config`](crate::Config) says otherwise.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

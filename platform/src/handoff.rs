//! How the channel gets from `spawn` to `attach`: the note in the environment and the first bytes on the channel.
//!
//! The rules are the same on every system and live here as plain functions; moving descriptors and handles is
//! the backends' part.

use std::fmt;
use std::io;

use crate::{Stream, sys};

/// The child's end of what [`spawn`](crate::spawn) made.
#[derive(Debug)]
pub struct Attached {
    /// The channel to the parent.
    pub channel: Stream,
    /// The parent's process id.
    pub parent_pid: u32,
}

/// Why [`attach`] failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachError {
    /// The program was not started by `spawn`: no note in the environment, or a stale one.
    NotAChild,
    /// `attach` was called before in this process.
    AlreadyAttached,
    /// Whatever is in the stdin slot does not begin as `spawn` begins.
    Invalid(&'static str),
    /// The system refused.
    Io(io::Error),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAChild => f.write_str("this program was not started as a child"),
            Self::AlreadyAttached => f.write_str("this program has already attached to its parent"),
            Self::Invalid(what) => write!(f, "the parent's channel is unusable: {what}"),
            Self::Io(_) => f.write_str("the parent's channel is unusable"),
        }
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AttachError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Takes the channel that the parent put into the stdin slot, once, and puts the real stdin back.
///
/// # Errors
///
/// See [`AttachError`]. After `NotAChild` nothing was touched: the standard input is still whatever it was.
pub fn attach() -> Result<Attached, AttachError> {
    sys::attach()
}

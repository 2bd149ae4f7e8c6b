//! A client on its way to a pipe.

use std::io;
use std::os::windows::io::AsRawHandle as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY};

use super::overlapped::Port;
use super::{address, handle, owner, pipe, security};
use crate::Name;
use crate::error::context;

/// A client on its way to a server.
pub(super) struct Connecting {
    name: String,
    path: PathBuf,
    deadline: Instant,
}

pub(super) enum Attempt {
    Done(Arc<Port>, Option<u32>),
    /// After so long a pause. Not WaitNamedPipe: it would block a thread, which nobody could get back.
    Again(Duration),
}

impl Connecting {
    pub(super) fn new(name: &Name, deadline: Instant) -> io::Result<Self> {
        Ok(Self {
            name: format!("connect to {:?}", name.to_string()),
            path: address(name)?,
            deadline,
        })
    }

    pub(super) fn attempt(&self) -> io::Result<Attempt> {
        let refused = |kind, why| io::Error::new(kind, format!("{}: {why}", self.name));
        match pipe::open(&self.path) {
            Ok(pipe) => {
                security::check_owner(&pipe).map_err(|error| {
                    context(error, format!("{}: the server is not ours", self.name))
                })?;
                let peer = pipe::server_pid(pipe.as_raw_handle()).ok();
                return Ok(Attempt::Done(Port::new(pipe)?, peer));
            }
            // All instances have a client: the server will make more, unless nothing but old connections is left.
            Err(error) if handle::is(&error, ERROR_PIPE_BUSY) => {
                if owner::is_gone(&self.path) {
                    let kind = io::ErrorKind::ConnectionRefused;
                    return Err(refused(kind, "nobody is listening"));
                }
            }
            Err(error) if handle::is(&error, ERROR_FILE_NOT_FOUND) => {
                return Err(refused(io::ErrorKind::NotFound, "nobody is listening"));
            }
            Err(error) => return Err(context(error, self.name.as_str())),
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let why = "the server did not answer in time";
            return Err(refused(io::ErrorKind::TimedOut, why));
        }
        Ok(Attempt::Again(jitter(RETRY).min(left)))
    }
}

/// Between half of `pause` and all of it, so that clients which were refused together do not come back together.
pub(super) fn jitter(pause: Duration) -> Duration {
    let random = crate::name::random().map_or(0, |bytes| bytes[0]);
    pause / 2 + pause * u32::from(random) / 512
}

/// How long a client waits before it asks for a free instance again.
const RETRY: Duration = Duration::from_millis(10);

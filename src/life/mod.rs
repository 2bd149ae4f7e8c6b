//! The life of a child, whoever waits for it: what it is started with, what becomes of it, and in which order that is
//! told.

mod builder;
mod event;
mod recipe;
#[cfg(feature = "node")]
mod script;
mod stdio;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use offspring_platform::{self as platform, AttachError};

pub(crate) use self::builder::builder;
pub use self::event::Event;
pub(crate) use self::event::Stage;
pub(crate) use self::recipe::{CHILD_HANDSHAKE_TIMEOUT, Recipe};
#[cfg(feature = "node")]
pub use self::script::Script;
pub use self::stdio::Stdio;
use crate::error::{Error, ErrorKind, Result};
use crate::{Config, trace};

/// A child process, apart from the connection to it and from how it is waited for.
pub(crate) struct Life {
    pub(crate) process: platform::Process,
    /// The program and its id, in words for error texts.
    pub(crate) name: String,
    status: Option<ExitStatus>,
    pub(crate) kill_on_drop: bool,
}

impl Life {
    fn new(process: platform::Process, program: &OsStr, kill_on_drop: bool) -> Self {
        let program = Path::new(program);
        let program = program.file_name().unwrap_or(program.as_os_str());
        Self {
            name: format!("child {program:?} (pid {})", process.id()),
            process,
            status: None,
            kill_on_drop,
        }
    }

    /// The exit status, if it was seen before.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let result = self.process.try_wait();
        result
            .transpose()
            .map(|result| self.note(result))
            .transpose()
    }

    /// Takes note of the exit.
    pub(crate) fn note(&mut self, result: io::Result<ExitStatus>) -> Result<ExitStatus> {
        let status =
            result.map_err(|error| Error::io(format_args!("wait for {}", self.name), error))?;
        trace::debug!("{} ended: {status}", self.name);
        self.status = Some(status);
        Ok(status)
    }

    pub(crate) fn terminate(&mut self) -> Result<()> {
        self.process
            .terminate()
            .map_err(|error| Error::io(format_args!("terminate {}", self.name), error))
    }

    pub(crate) fn start_kill(&mut self) -> Result<()> {
        self.process
            .kill()
            .map_err(|error| Error::io(format_args!("kill {}", self.name), error))
    }

    /// The error of a child that ended before it attached.
    pub(crate) fn ended_early(&self, status: ExitStatus) -> Error {
        Error::new(
            ErrorKind::ExitedEarly { status },
            format!("start {}: it ended before it attached: {status}", self.name),
        )
    }
}

/// When to look for the exit of a process although messages come: a grandchild that holds the channel may write to it
/// without a pause.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    received: u8,
}

impl Looks {
    /// Whether it is time to look, before something more is received.
    pub(crate) fn is_due(&mut self, status: Option<ExitStatus>) -> bool {
        self.received = (self.received + 1) % RECEIVED;
        self.received == 0 || status.is_some()
    }
}

/// How many times something may be received before the exit is looked for.
const RECEIVED: u8 = 64;

impl Drop for Life {
    fn drop(&mut self) {
        if self.kill_on_drop {
            if let Ok(None) = self.try_wait() {
                trace::debug!("killed {}: its handle was dropped", self.name);
            }
            // Also if the process has ended: its descendants may not. Nobody is left to tell what goes wrong.
            let _ = self.process.kill();
        }
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.name)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The way to the parent, for a driver to use.
pub(crate) struct Attached<S> {
    pub(crate) channel: S,
    /// The parent's process id.
    pub(crate) id: u32,
    /// How the channel is used.
    pub(crate) config: Config,
    /// The parent in words, for error texts.
    pub(crate) name: String,
}

/// Takes the channel that a parent has left for this process, one of ours or Node.
pub(crate) fn attach<S: platform::Channel>(config: Config) -> Result<Attached<S>> {
    let attached = match platform::attach() {
        #[cfg(feature = "node")]
        Err(AttachError::NotAChild) => script::attach(config),
        attached => attached.map(|attached| (attached.channel, attached.parent_pid, config)),
    };
    let (channel, id, config) = attached.map_err(not_attached)?;
    trace::debug!("attached to parent {id}");
    Ok(Attached {
        channel,
        id,
        config,
        name: format!("the parent (pid {id})"),
    })
}

#[cold]
fn not_attached(error: AttachError) -> Error {
    let kind = match &error {
        AttachError::NotAChild => ErrorKind::NotAChild,
        AttachError::AlreadyAttached => ErrorKind::AlreadyAttached,
        AttachError::Invalid(_) => ErrorKind::Protocol,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("attach to the parent: {error}")).with_source(error)
}

/// Whether an error may come of the end of the process.
pub(crate) fn may_be_exit(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Truncated)
}

/// Adds to an error what the child wrote last to its standard error.
#[cold]
pub(crate) fn with_tail(error: Error, tail: &[u8]) -> Error {
    match String::from_utf8_lossy(tail).trim_end() {
        "" => error,
        tail => error.and_then_text(format_args!("; its standard error ends with {tail:?}")),
    }
}

/// How long after the end of the channel the exit of the process is waited for.
pub(crate) const EXIT_FOLLOWS: Duration = Duration::from_millis(500);

/// How long the standard error of a process that has ended may take to be read.
pub(crate) const STDERR_IS_THERE: Duration = Duration::from_millis(200);

/// How many bytes of the standard error go into an error text.
pub(crate) const STDERR_TAIL: usize = 2048;

//! [`Process`]: the life of a child. The rest of this folder starts children and lets them find their parent.

mod child;
mod command;
mod event;
#[cfg(all(feature = "node", unix))]
mod handles;
#[cfg(feature = "node")]
mod node;
mod parent;
mod stdio;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};

use offspring_platform as platform;

pub use self::child::Child;
pub use self::command::{Command, fork};
pub use self::event::Event;
#[cfg(feature = "node")]
pub use self::node::Script;
pub use self::parent::Parent;
pub use self::stdio::Stdio;
use crate::error::{Error, Result};
use crate::trace;

/// A child process, apart from the connection to it. See [`Child::into_parts`].
///
/// Signals go to this process or to nobody, never to a stranger that was given the same id later. A process that is
/// dropped goes on, unless [`Command::kill_on_drop`] was set, and is reaped when it ends in either case: no zombie
/// stays behind.
///
/// # Examples
///
/// ```
/// use offspring::{Command, Parent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
/// let child = Command::current_exe()?.spawn::<str, String>()?;
/// let (connection, mut process) = child.into_parts();
/// drop(connection); // says goodbye; this child ends when its parent has no more to say
/// assert!(process.wait().await?.success());
/// # Ok(())
/// # }
/// ```
pub struct Process {
    process: platform::Process,
    /// The program and its id, in words for error texts.
    name: String,
    status: Option<ExitStatus>,
    kill_on_drop: bool,
}

impl Process {
    fn new(process: platform::Process, name: String, kill_on_drop: bool) -> Self {
        Self {
            process,
            name,
            status: None,
            kill_on_drop,
        }
    }

    /// The id that the system gave the process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &offspring::Process) {
    /// println!("running as {}", process.id());
    /// # }
    /// ```
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the system does not tell, for example because this program ignores
    /// SIGCHLD.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped nothing is lost; the status can be asked for again and again.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn show(process: &mut offspring::Process) -> offspring::Result<()> {
    /// let status = process.wait().await?;
    /// println!("ended: {status}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<ExitStatus>> {
        if let Some(status) = self.status {
            return Poll::Ready(Ok(status));
        }
        let result = ready!(self.process.poll_wait(cx));
        Poll::Ready(self.note(result))
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &mut offspring::Process) -> offspring::Result<()> {
    /// if process.try_wait()?.is_none() {
    ///     println!("still running");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let result = self.process.try_wait();
        result
            .transpose()
            .map(|result| self.note(result))
            .transpose()
    }

    fn note(&mut self, result: io::Result<ExitStatus>) -> Result<ExitStatus> {
        let status =
            result.map_err(|error| Error::io(format_args!("wait for {}", self.name), error))?;
        trace::debug!("{} ended: {status}", self.name);
        self.status = Some(status);
        Ok(status)
    }

    /// Asks the process to end, with SIGTERM. Ok if it has already ended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the child has changed its user.
    ///
    /// # Platform notes
    ///
    /// Windows has no request that every program understands, so there it is ended at once.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn show(process: &mut offspring::Process) -> offspring::Result<()> {
    /// process.terminate()?;
    /// process.wait().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn terminate(&mut self) -> Result<()> {
        self.process
            .terminate()
            .map_err(|error| Error::io(format_args!("terminate {}", self.name), error))
    }

    /// Ends the process at once, with its descendants if [`Command::kill_tree`] was set, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the process is ended all the same.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn show(process: &mut offspring::Process) -> offspring::Result<()> {
    /// process.kill().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.start_kill()?;
        self.wait().await
    }

    /// Ends the process at once, like [`kill`](Self::kill), without waiting.
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &mut offspring::Process) -> offspring::Result<()> {
    /// process.start_kill()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_kill(&mut self) -> Result<()> {
        self.process
            .kill()
            .map_err(|error| Error::io(format_args!("kill {}", self.name), error))
    }
}

impl Drop for Process {
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

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.name)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

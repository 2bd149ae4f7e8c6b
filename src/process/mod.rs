//! [`Process`]: the life of a child. The rest of this folder starts children and lets them find their parent.

mod child;
mod command;
#[cfg(feature = "node")]
mod handles;
mod parent;

use std::fmt;
use std::future::poll_fn;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};

pub use self::child::Child;
pub use self::command::{Command, fork};
pub use self::parent::Parent;
use crate::error::Result;
use crate::life::Life;

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
pub struct Process(Life);

impl Process {
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
        self.0.process.id()
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
        if let Some(status) = self.0.status() {
            return Poll::Ready(Ok(status));
        }
        let result = ready!(self.0.process.poll_wait(cx));
        Poll::Ready(self.0.note(result))
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
        self.0.try_wait()
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
        self.0.terminate()
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
        self.0.start_kill()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! [`Process`]: the life of a child.

use std::fmt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use offspring_platform as platform;

use crate::blocking::deadline;
use crate::error::Result;
use crate::life::Life;

/// A child process, apart from the connection to it. See [`Child::into_parts`](crate::blocking::Child::into_parts).
///
/// The same as [`Process`](crate::Process) of the async API, for threads.
///
/// # Examples
///
/// ```
/// use offspring::blocking::{Command, Parent};
///
/// # fn main() -> offspring::Result<()> {
/// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv()?; return Ok(()) }
/// let child = Command::current_exe()?.spawn::<str, String>()?;
/// let (connection, mut process) = child.into_parts();
/// drop(connection); // says goodbye; this child ends when its parent has no more to say
/// assert!(process.wait()?.success());
/// # Ok(())
/// # }
/// ```
pub struct Process(pub(super) Life);

impl Process {
    pub(super) fn platform(&mut self) -> &mut platform::Process {
        &mut self.0.process
    }

    /// The id that the system gave the process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &offspring::blocking::Process) {
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
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &mut offspring::blocking::Process) -> offspring::Result<()> {
    /// let status = process.wait()?;
    /// println!("ended: {status}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.wait_until(None)? {
                return Ok(status);
            }
        }
    }

    /// Waits until the process has ended, and no longer than that; `None` if it has not.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &mut offspring::blocking::Process) -> offspring::Result<()> {
    /// use std::time::Duration;
    /// if process.wait_timeout(Duration::from_secs(1))?.is_none() {
    ///     println!("still running");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<ExitStatus>> {
        self.wait_until(deadline(timeout))
    }

    pub(super) fn wait_until(&mut self, until: Option<Instant>) -> Result<Option<ExitStatus>> {
        if let Some(status) = self.0.status() {
            return Ok(Some(status));
        }
        let exit = self.0.process.wait_until(until).transpose();
        exit.map(|exit| self.0.note(exit)).transpose()
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
    /// # fn show(process: &mut offspring::blocking::Process) -> offspring::Result<()> {
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
    /// # fn show(process: &mut offspring::blocking::Process) -> offspring::Result<()> {
    /// process.terminate()?;
    /// process.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn terminate(&mut self) -> Result<()> {
        self.0.terminate()
    }

    /// Ends the process at once, with its descendants if
    /// [`Command::kill_tree`](crate::blocking::Command::kill_tree) was set, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate) and [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(process: &mut offspring::blocking::Process) -> offspring::Result<()> {
    /// process.kill()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.start_kill()?;
        self.wait()
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
    /// # fn show(process: &mut offspring::blocking::Process) -> offspring::Result<()> {
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

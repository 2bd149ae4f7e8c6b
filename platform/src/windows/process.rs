//! A child process: waited for and ended through its handle, which no other process can come to have.

use std::io;
use std::os::windows::io::AsHandle;
use std::process::{Command, ExitStatus};
use std::task::{Context, Poll};
#[cfg(feature = "blocking")]
use std::time::{Duration, Instant};

use super::exit::ExitWatch;
use super::job::Job;
use super::running::Running;
#[cfg(feature = "blocking")]
use super::timed;

pub(crate) struct Process {
    // Before the child, whose handle it waits for.
    watch: Option<ExitWatch>,
    child: Running,
    /// With its descendants, if they are to be ended with it.
    job: Option<Job>,
}

impl Process {
    pub(super) fn new(child: Running, job: Option<Job>) -> Self {
        Self {
            watch: None,
            child,
            job,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Poll::Ready(Ok(status));
        }
        let watch = match &mut self.watch {
            Some(watch) => watch,
            None => self.watch.insert(ExitWatch::new()?),
        };
        watch.wake(self.child.as_handle(), cx.waker());
        // Between the first question and the waker it may have ended, and then an older waker was woken.
        match self.child.try_wait()? {
            Some(status) => Poll::Ready(Ok(status)),
            None => Poll::Pending,
        }
    }

    /// Waits for the exit; `None` at the deadline.
    #[cfg(feature = "blocking")]
    pub(crate) fn wait_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => Duration::MAX,
            };
            if !timed::wait(&self.child, left) && deadline.is_some() {
                return Ok(None);
            }
        }
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    pub(crate) fn terminate(&mut self) -> io::Result<()> {
        self.kill()
    }

    pub(crate) fn kill(&mut self) -> io::Result<()> {
        match &self.job {
            // A job whose processes have all ended can still be told to end.
            Some(job) => job.kill(),
            // Ok if it has ended.
            None => self.child.kill(),
        }
    }
}

/// The program that runs now. A program that runs cannot be removed on Windows.
pub(crate) fn this_program() -> io::Result<Command> {
    std::env::current_exe().map(Command::new)
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

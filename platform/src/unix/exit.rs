//! A descriptor that becomes readable when a process ends.
//!
//! | system | what it is |
//! |---|---|
//! | Linux 5.3 and later | a pidfd, which also signals exactly this process and no later one with the same id |
//! | macOS, BSD | a kqueue that waits for the exit of the process |
//! | elsewhere, or where a sandbox forbids pidfds | a pipe, closed by a thread that waits for the child |

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
#[cfg(feature = "tokio")]
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
#[cfg(feature = "tokio")]
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, Signal};
#[cfg(feature = "tokio")]
use tokio::io::Interest;

#[cfg(feature = "blocking")]
use super::descriptor::left;
#[cfg(feature = "tokio")]
use super::descriptor::{Watched, watch};
use super::descriptor::{pipe, retry};
use super::thread;

#[derive(Clone, Debug)]
pub(crate) struct Exit {
    /// Shared, so that a registration with a runtime that has ended can be made again with another.
    fd: Arc<OwnedFd>,
    is_pidfd: bool,
}

impl Exit {
    /// For a child of ours that nobody has reaped.
    pub(super) fn of_child(pid: Pid) -> io::Result<Self> {
        match native(pid) {
            Ok(exit) => Ok(exit),
            // The system reaped it already, because the program ignores SIGCHLD, or it is a zombie (macOS).
            Err(Errno::SRCH) => Self::of_thread(|| {}),
            // No such call, or a sandbox forbids it.
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS | Errno::INVAL) => {
                Self::of_thread(move || wait_for_exit(pid))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// For a process that is not our child. `None`: there is no such process; an error: this system cannot tell.
    pub(super) fn of_process(pid: Pid) -> io::Result<Option<Self>> {
        match native(pid) {
            Ok(exit) => Ok(Some(exit)),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn of_thread(wait: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (read, write) = pipe()?;
        thread::start("offspring-exit", move || {
            wait();
            drop(write);
        })?;
        Ok(Self {
            fd: Arc::new(read),
            is_pidfd: false,
        })
    }

    #[cfg(test)]
    pub(super) fn of_thread_for_tests(pid: Pid) -> Self {
        Self::of_thread(move || wait_for_exit(pid)).unwrap()
    }

    /// Signals the process through the descriptor; `None` if it is not of that kind.
    pub(super) fn signal(&self, signal: Signal) -> Option<rustix::io::Result<()>> {
        self.is_pidfd.then(|| signal_through(&self.fd, signal))
    }

    /// The pidfd, for `waitid`.
    #[cfg(target_os = "linux")]
    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.is_pidfd.then(|| self.fd.as_fd())
    }

    #[cfg(feature = "tokio")]
    pub(super) fn shared(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.fd)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Blocks this thread until the process has ended.
    pub(super) fn block(&self) -> io::Result<()> {
        self.look(None)?;
        Ok(())
    }

    /// Whether the process has ended, as far as has been told by now.
    pub(super) fn has_ended(&self) -> bool {
        // If the system does not say, whoever asks looks further.
        self.look(Some(&NOW)).unwrap_or(true)
    }

    /// Whether a thread waits for the exit. What it has not told has not happened, and the id is still the child's.
    pub(super) fn is_by_thread(&self) -> bool {
        cfg!(any(target_os = "linux", target_os = "android")) && !self.is_pidfd
    }

    #[cfg(feature = "blocking")]
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Blocks this thread until the process has ended; `false` at the deadline.
    #[cfg(feature = "blocking")]
    pub(super) fn block_until(&self, deadline: Option<std::time::Instant>) -> io::Result<bool> {
        loop {
            let left = left(deadline);
            let mut fds = [PollFd::new(&*self.fd, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                // The time that has passed counts: signals may come all the time.
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the process has ended, after at most that time.
    fn look(&self, patience: Option<&Timespec>) -> rustix::io::Result<bool> {
        let mut fds = [PollFd::new(&*self.fd, PollFlags::IN)];
        Ok(retry(|| poll(&mut fds, patience))? > 0)
    }
}

/// Wakes a task when a process has ended, whoever else waits for that.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(super) struct ExitWatch {
    exit: Exit,
    /// Of a second descriptor, for a runtime watches each only once. Made when it is first needed.
    watch: Option<Watched>,
}

#[cfg(feature = "tokio")]
impl ExitWatch {
    pub(super) fn new(exit: Exit) -> Self {
        Self { exit, watch: None }
    }

    /// Has the runtime watch the process, if it does not yet.
    ///
    /// # Errors
    ///
    /// If there is no descriptor to be had.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        if self.watch.is_none() {
            let second = fcntl_dupfd_cloexec(&self.exit.fd, 3)?;
            self.watch = Some(watch(Arc::new(second), Interest::READABLE)?);
        }
        Ok(())
    }

    /// Ready when the process has ended. Before [`begin`](Self::begin) it never is.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(watch) = &self.watch {
            match ready!(watch.poll_read_ready(cx)) {
                Ok(mut ready) => match self.exit.look(Some(&NOW)) {
                    Ok(false) => ready.clear_ready(),
                    _ => return Poll::Ready(()),
                },
                // The runtime has ended, and nobody is polled by it any more.
                Err(_) => break,
            }
        }
        Poll::Pending
    }
}

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

#[cfg(any(target_os = "linux", target_os = "android"))]
fn native(pid: Pid) -> rustix::io::Result<Exit> {
    use rustix::process::{PidfdFlags, pidfd_open};
    Ok(Exit {
        fd: Arc::new(pidfd_open(pid, PidfdFlags::empty())?),
        is_pidfd: true,
    })
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
))]
fn native(pid: Pid) -> rustix::io::Result<Exit> {
    use rustix::event::kqueue::{Event, EventFilter, EventFlags, ProcessEvents, kevent, kqueue};

    let queue = kqueue()?;
    // A child of `fork` does not inherit it, and this is for one that `posix_spawn` starts.
    super::descriptor::close_on_exec(&queue).map_err(|_| Errno::BADF)?;
    let filter = EventFilter::Proc {
        pid,
        flags: ProcessEvents::EXIT,
    };
    let exit = Event::new(filter, EventFlags::ADD, std::ptr::null_mut());
    let mut none: [Event; 0] = [];
    // SAFETY: the event names a process, not a descriptor, so no descriptor can be closed behind its back.
    unsafe { kevent(&queue, &[exit], &mut none, Some(std::time::Duration::ZERO)) }?;
    Ok(Exit {
        fd: Arc::new(queue),
        is_pidfd: false,
    })
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
fn native(_: Pid) -> rustix::io::Result<Exit> {
    Err(Errno::NOSYS)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn signal_through(pidfd: &OwnedFd, signal: Signal) -> rustix::io::Result<()> {
    rustix::process::pidfd_send_signal(pidfd, signal)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn signal_through(_: &OwnedFd, _: Signal) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// Blocks until the child has ended, and leaves it to be reaped.
#[cfg(not(target_os = "openbsd"))]
fn wait_for_exit(pid: Pid) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    // ECHILD, the only error, means that it is gone as well.
    let _ = retry(|| {
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )
    });
}

/// Never used: `kqueue` does not fail with the errors that lead here.
#[cfg(target_os = "openbsd")]
fn wait_for_exit(_: Pid) {}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::process::{WaitOptions, waitpid};

    use super::*;

    #[test]
    #[expect(clippy::zombie_processes, reason = "it is reaped by its id at the end")]
    fn an_exit_is_told_without_a_pidfd_too_and_left_to_be_reaped() {
        let mut child = Command::new("/bin/cat")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let native = Exit::of_child(pid).unwrap();
        let by_thread = Exit::of_thread(move || wait_for_exit(pid)).unwrap();
        for exit in [&native, &by_thread] {
            assert!(!exit.look(Some(&NOW)).unwrap(), "it is still running");
        }
        assert!(by_thread.signal(Signal::KILL).is_none());
        drop(child.stdin.take());
        native.block().unwrap();
        by_thread.block().unwrap();
        assert!(waitpid(Some(pid), WaitOptions::NOHANG).unwrap().is_some());
    }

    #[test]
    fn a_process_that_is_gone_is_told_from_one_that_cannot_be_watched() {
        let mut child = Command::new("/bin/cat")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        child.wait().unwrap();
        assert!(Exit::of_process(pid).unwrap().is_none());
        Exit::of_child(pid).unwrap().block().unwrap();
    }
}

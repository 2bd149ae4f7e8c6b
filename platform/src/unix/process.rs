//! A child process: its state, its exit, its end.
//!
//! ```text
//!            exit seen                            exit seen, reaped
//! Running ─┬────────────── kill_tree: Exited ──┬─ Reaped
//!          │               kill or drop ───────┘
//!          ├────────────── otherwise ────────────  Reaped
//!          └─ somebody else reaped it ───────────  Lost
//! ```
//!
//! With `kill_tree` the child leads a process group whose number is its own id. The system gives that number to
//! nobody else while the leader is unreaped or the group has a member; after that, `kill` on the group could hit a
//! stranger. So the leader stays unreaped (a zombie) until `kill` was called or the handle is dropped.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
#[cfg(feature = "tokio")]
use std::task::{Context, Poll, ready};
#[cfg(feature = "blocking")]
use std::time::Instant;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};
#[cfg(feature = "tokio")]
use tokio::io::Interest;

use super::descriptor::retry;
#[cfg(feature = "tokio")]
use super::descriptor::{Watched, watch};
use super::error::context;
#[cfg(feature = "tokio")]
use super::error::need_runtime;
use super::exit::Exit;
use super::reaper;

#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    exit: Exit,
    /// The registration with a runtime, made when somebody first waits.
    #[cfg(feature = "tokio")]
    watch: Option<Watched>,
    leads_group: bool,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Running,
    Exited(ExitStatus),
    Reaped(ExitStatus),
    Lost,
}

impl Process {
    /// Takes charge of a child that was just started. If that fails, the child is ended.
    pub(super) fn new(pid: Pid, leads_group: bool) -> io::Result<Self> {
        let exit = Exit::of_child(pid).inspect_err(|_| {
            // It was not reaped, so the id is still its own.
            let _ = kill_process(pid, Signal::KILL);
            let _ = retry(|| waitpid(Some(pid), WaitOptions::empty()));
        })?;
        Ok(Self {
            pid,
            exit,
            #[cfg(feature = "tokio")]
            watch: None,
            leads_group,
            state: State::Running,
        })
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit.clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        // The state and the registration are asked before the system: somebody who waits for messages of the child
        // polls this with each of them.
        while let State::Running = self.state {
            let (watch, is_new) = match self.watch.take() {
                Some(watch) => (watch, false),
                None => {
                    need_runtime("wait for a process")?;
                    (watch(self.exit.shared(), Interest::READABLE)?, true)
                }
            };
            let watch = self.watch.insert(watch);
            match ready!(watch.poll_read_ready(cx)) {
                Ok(mut ready) => ready.clear_ready(),
                // The runtime that it was registered with has ended; this one may be another.
                Err(_) if !is_new => {
                    self.unwatch();
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.observe(AFTER_EXIT)?;
        }
        Poll::Ready(
            self.observe(Waiting::No)
                .and_then(|status| status.ok_or_else(|| self.lost())),
        )
    }

    /// Waits for the exit; `None` at the deadline.
    #[cfg(feature = "blocking")]
    pub(crate) fn wait_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> io::Result<Option<ExitStatus>> {
        while let State::Running = self.state {
            if !self.exit.block_until(deadline)? {
                return Ok(None);
            }
            self.observe(AFTER_EXIT)?;
        }
        self.observe(Waiting::No)
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.observe(Waiting::No)
    }

    pub(crate) fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let group = if self.leads_group {
            self.kill_group()
        } else {
            Ok(())
        };
        // Also if the group got it: the child may have moved to another one.
        let child = self.signal(Signal::KILL);
        if let State::Exited(status) = self.state {
            // Nothing is left that the number of the group would be needed for.
            let _ = take(self.pid, &self.exit, Waiting::No);
            self.state = State::Reaped(status);
        }
        group.and(child)
    }

    fn kill_group(&mut self) -> io::Result<()> {
        // If somebody else reaped the child, its number may be that of another group by now: look first, which shrinks
        // that risk to an instant.
        let _ = self.observe(Waiting::No);
        let exited = match self.state {
            State::Running => false,
            State::Exited(_) => true,
            State::Reaped(_) | State::Lost => return Ok(()),
        };
        match kill_process_group(self.pid, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            // What macOS says of a group in which only the zombie is left.
            Err(Errno::PERM) if exited || cfg!(target_vendor = "apple") => Ok(()),
            Err(error) => Err(context(
                error,
                format!("end the process group {}", self.id()),
            )),
        }
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if !matches!(self.state, State::Running) {
            return Ok(());
        }
        let sent = match self.exit.signal(signal) {
            Some(sent) => sent,
            None if self.exit.has_ended() => Ok(()),
            // The id is the child's as long as it is not reaped, and only we reap it, unless the program reaps all its
            // children or ignores SIGCHLD: look first, which shrinks that risk to an instant.
            None => match self.try_wait() {
                Ok(None) => kill_process(self.pid, signal),
                Ok(Some(_)) | Err(_) => Ok(()),
            },
        };
        match sent {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(context(error, format!("signal the process {}", self.id()))),
        }
    }

    /// Moves the state on if the process has exited.
    fn observe(&mut self, waiting: Waiting) -> io::Result<Option<ExitStatus>> {
        match self.state {
            State::Running => {}
            State::Exited(status) | State::Reaped(status) => return Ok(Some(status)),
            State::Lost => return Err(self.lost()),
        }
        let look = if self.leads_group { peek } else { take };
        match look(self.pid, &self.exit, waiting) {
            Ok(None) => Ok(None),
            Ok(Some(status)) => {
                // Before the descriptor could be closed with the handle.
                self.unwatch();
                self.state = match self.leads_group && PEEK_LEAVES_IT {
                    true => State::Exited(status),
                    false => State::Reaped(status),
                };
                Ok(Some(status))
            }
            Err(Errno::CHILD) => {
                self.unwatch();
                self.state = State::Lost;
                Err(self.lost())
            }
            Err(error) => Err(context(
                error,
                format!("wait for the process {}", self.id()),
            )),
        }
    }

    /// Takes the descriptor out of the runtime, before it could be closed or handed on.
    fn unwatch(&mut self) {
        #[cfg(feature = "tokio")]
        {
            self.watch = None;
        }
    }

    fn lost(&self) -> io::Error {
        let text = format!(
            "learn how the process {} ended: this program ignores SIGCHLD, or reaps all children",
            self.id()
        );
        context(Errno::CHILD, text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        match self.state {
            State::Reaped(_) | State::Lost => {}
            State::Running | State::Exited(_) => {
                // The descriptor stays with the reaper, so it has to leave the runtime first.
                self.unwatch();
                if let Ok(None) = take(self.pid, &self.exit, Waiting::No) {
                    reaper::adopt(reaper::Orphan::new(self.pid, self.exit.clone()));
                }
            }
        }
    }
}

/// Whether a wait call may block until the process has exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    No,
    Blocking,
}

/// How to look once the exit was announced: kqueue announces it before the process can be reaped, and then a wait that
/// does not block may find nothing, and no second announcement follows. Blocking takes an instant there.
const AFTER_EXIT: Waiting = if cfg!(any(target_os = "linux", target_os = "android")) {
    Waiting::No
} else {
    Waiting::Blocking
};

/// Reaps the process if it has exited.
pub(super) fn take(
    pid: Pid,
    exit: &Exit,
    waiting: Waiting,
) -> rustix::io::Result<Option<ExitStatus>> {
    // Through the pidfd, another child with the same id (after somebody else reaped ours) is not touched.
    #[cfg(target_os = "linux")]
    if let Some(pidfd) = exit.pidfd() {
        use rustix::process::{WaitId, WaitIdOptions};
        return wait_id(WaitId::PidFd(pidfd), WaitIdOptions::EXITED, waiting);
    }
    let options = match waiting {
        Waiting::No => WaitOptions::NOHANG,
        Waiting::Blocking => WaitOptions::empty(),
    };
    by_id(exit, || {
        let found = retry(|| waitpid(Some(pid), options))?;
        Ok(found.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
    })
}

/// Looks for a child by its id, but not for another one that has got the same id, after somebody else reaped ours.
fn by_id(
    exit: &Exit,
    look: impl FnOnce() -> rustix::io::Result<Option<ExitStatus>>,
) -> rustix::io::Result<Option<ExitStatus>> {
    if !exit.is_by_thread() {
        return look();
    }
    if !exit.has_ended() {
        return Ok(None);
    }
    match look()? {
        None => Err(Errno::CHILD),
        found => Ok(found),
    }
}

#[cfg(not(target_os = "openbsd"))]
const PEEK_LEAVES_IT: bool = true;
/// OpenBSD got `waitid` late and rustix does not know it: descendants that outlive the leader are left alone there.
#[cfg(target_os = "openbsd")]
const PEEK_LEAVES_IT: bool = false;

/// The exit status of the process if it has exited; it stays to be reaped.
#[cfg(not(target_os = "openbsd"))]
fn peek(pid: Pid, exit: &Exit, waiting: Waiting) -> rustix::io::Result<Option<ExitStatus>> {
    use rustix::process::{WaitId, WaitIdOptions};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    // As in `take`, not another child with the same id.
    #[cfg(target_os = "linux")]
    if let Some(pidfd) = exit.pidfd() {
        return wait_id(WaitId::PidFd(pidfd), options, waiting);
    }
    by_id(exit, || wait_id(WaitId::Pid(pid), options, waiting))
}

#[cfg(target_os = "openbsd")]
use take as peek;

#[cfg(not(target_os = "openbsd"))]
fn wait_id(
    id: rustix::process::WaitId<'_>,
    options: rustix::process::WaitIdOptions,
    waiting: Waiting,
) -> rustix::io::Result<Option<ExitStatus>> {
    let options = match waiting {
        Waiting::No => options | rustix::process::WaitIdOptions::NOHANG,
        Waiting::Blocking => options,
    };
    let found = retry(|| rustix::process::waitid(id.clone(), options))?;
    Ok(found.map(|found| {
        // The layout that `wait` uses on every Unix: exit code above, signal and "dumped core" below.
        let raw = match (found.exit_status(), found.terminating_signal()) {
            (Some(code), _) => (code & 0xff) << 8,
            (None, Some(signal)) if found.dumped() => signal | 0x80,
            (None, Some(signal)) => signal,
            (None, None) => 0,
        };
        ExitStatus::from_raw(raw)
    }))
}

#[cfg(test)]
#[cfg(feature = "tokio")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// A child on a system without pidfds.
    #[expect(clippy::zombie_processes, reason = "`Process` reaps it")]
    fn without_pidfd(program: &mut Command) -> Process {
        let child = program.stdin(Stdio::null()).spawn().unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        let exit = Exit::of_thread_for_tests(pid);
        Process {
            pid,
            exit,
            watch: None,
            leads_group: false,
            state: State::Running,
        }
    }

    #[tokio::test]
    async fn a_child_is_waited_for_and_ended_without_pidfds_too() {
        let mut child = without_pidfd(Command::new("/bin/sh").args(["-c", "exit 5"]));
        let status = std::future::poll_fn(|cx| child.poll_wait(cx))
            .await
            .unwrap();
        assert_eq!(status.code(), Some(5));
        child.kill().unwrap();

        let mut child = without_pidfd(Command::new("/bin/sleep").arg("60"));
        assert!(child.try_wait().unwrap().is_none());
        child.terminate().unwrap();
        let status = std::future::poll_fn(|cx| child.poll_wait(cx))
            .await
            .unwrap();
        assert_eq!(status.signal(), Some(libc::SIGTERM));
        child.kill().unwrap();
    }
}

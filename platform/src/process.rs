//! Child processes: started with a channel in their stdin slot, waited for, ended.

use std::io;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
#[cfg(feature = "tokio")]
use std::task::{Context, Poll};
use std::time::Duration;
#[cfg(feature = "blocking")]
use std::time::Instant;

use crate::handoff::{Channel, End, Wrap};
use crate::sys;

/// What the child finds as its standard input once it has attached.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stdin {
    /// The standard input of this process.
    #[default]
    Inherit,
    /// Nothing: reads end at once.
    Null,
    /// A pipe whose other end is [`Spawned::stdin`].
    Piped,
    /// An open file, socket or pipe.
    #[cfg(unix)]
    Owned(std::os::fd::OwnedFd),
    /// An open file, socket or pipe.
    #[cfg(windows)]
    Owned(std::os::windows::io::OwnedHandle),
}

/// How [`spawn`] starts a child, beyond what a [`Command`] says.
#[derive(Debug, Default)]
pub struct Options {
    /// The child's standard input.
    pub stdin: Stdin,
    /// [`Process::kill`] ends all descendants too: process group on Unix, job object on Windows.
    ///
    /// On Unix a descendant that moves to a group or session of its own gets away. A group that is not the
    /// terminal's is stopped when it reads from the terminal, and Ctrl-C does not reach it. The child stays a zombie
    /// after its exit, until [`kill`](Process::kill) or drop: it keeps the number of the group from being reused.
    ///
    /// A job needs a child that starts suspended. Creation flags that were set on the command are replaced by that
    /// one, and are gone afterwards: they cannot be asked for.
    pub kill_tree: bool,
    /// How long the child may go on after this process has died; `None`: for ever.
    pub orphan_grace: Option<Duration>,
}

/// A started child.
#[derive(Debug)]
pub struct Spawned<S> {
    /// The process.
    pub process: Process,
    /// The parent's end of the channel.
    pub channel: S,
    /// The writing end, if [`Options::stdin`] was [`Stdin::Piped`].
    pub stdin: Option<ChildStdin>,
    /// As in [`std::process::Child`].
    pub stdout: Option<ChildStdout>,
    /// As in [`std::process::Child`].
    pub stderr: Option<ChildStderr>,
}

/// Starts `command` with a channel in its stdin slot.
///
/// The command's own stdin setting and the variable [`CHANNEL_VARIABLE`](crate::CHANNEL_VARIABLE) are overwritten.
/// On Unix this stays on `posix_spawn`, so its cost does not depend on the memory of this process, unless the command
/// changes the user or the group, sets `PATH` for a program that is looked up in it, or has a `pre_exec` hook.
///
/// # Errors
///
/// What the system says: `NotFound`, `PermissionDenied`, … No process exists then and nothing stays open.
pub fn spawn<S: Channel>(command: &mut Command, options: Options) -> io::Result<Spawned<S>> {
    sys::spawn::<S::Inner>(command, options).map(Spawned::wrapped)
}

impl<S> Spawned<S> {
    pub(crate) fn wrapped<C: Wrap<Inner = S>>(self) -> Spawned<C>
    where
        S: End,
    {
        Spawned {
            process: self.process,
            channel: C::wrap(self.channel),
            stdin: self.stdin,
            stdout: self.stdout,
            stderr: self.stderr,
        }
    }
}

/// The program that runs now, to be started once more.
///
/// On Linux also if its file was replaced or removed in the meantime.
///
/// # Errors
///
/// What the system says if it does not tell which program this is.
pub fn this_program() -> io::Result<Command> {
    sys::this_program()
}

/// A child process.
///
/// Signals go to this process or to nobody: never to a stranger with a reused id. If dropped before its exit was
/// seen, the process goes on, and is still reaped when it ends.
#[derive(Debug)]
pub struct Process(pub(crate) sys::Process);

impl Process {
    /// The process id that the system gave it.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until the process has exited, and reaps it; `None` at the deadline.
    #[cfg(feature = "blocking")]
    pub fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        self.0.wait_until(deadline)
    }

    /// Polls for the exit of the process, and reaps it. The status is remembered for later calls.
    #[cfg(feature = "tokio")]
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.0.poll_wait(cx)
    }

    /// Waits until the process has exited, and reaps it. Cancel safe.
    #[cfg(feature = "tokio")]
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        std::future::poll_fn(|cx| self.poll_wait(cx)).await
    }

    /// The exit status if the process has exited, without waiting.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Asks the process to end: SIGTERM on Unix. Windows has no such request for any program, so there it is
    /// [`kill`](Self::kill). Ok if it has already exited.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.0.terminate()
    }

    /// Ends the process at once, and all its descendants if it was started with [`Options::kill_tree`]. Ok if it
    /// has already exited (descendants are still ended).
    pub fn kill(&mut self) -> io::Result<()> {
        self.0.kill()
    }
}

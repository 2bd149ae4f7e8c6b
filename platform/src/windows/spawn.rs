//! Starting a child with the channel in its stdin slot.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE, ERROR_NO_DATA};
use windows_sys::Win32::System::Console::STD_INPUT_HANDLE;
use windows_sys::Win32::System::Threading::CREATE_SUSPENDED;

use super::exit::Exit;
use super::handle::is;
use super::job::Job;
use super::pipe::{self, Direction};
use super::process::Process;
use super::running::{self, Running};
use super::stream::Channel;
use super::{remote, stdin, timed};
use crate::handoff::{CHANNEL_VARIABLE, End, Note, Preface, RealStdin, Token};
use crate::{Options, Spawned, Stdin};

pub(crate) fn spawn<S: End>(command: &mut Command, options: Options) -> io::Result<Spawned<S>> {
    let token = Token::random()?;
    let (ours, theirs) = pipe::pair(Direction::Both)?;
    let (real, stdin) = real_stdin(options.stdin)?;
    let note = Note {
        parent_pid: std::process::id(),
        token,
        inode: pipe::identity(theirs.as_raw_handle())
            .ok_or_else(|| io::Error::other("the system does not tell the name of a pipe"))?,
    };
    #[cfg(feature = "node")]
    crate::node::hide(command);
    command.env(CHANNEL_VARIABLE, note.to_string());
    let started = start(command, theirs, options.kill_tree);
    command.env_remove(CHANNEL_VARIABLE);
    let (child, pipes) = started?;
    child.hand_over(&ours, real, options.orphan_grace, token)?;
    child.spawned(Channel::new(ours), Pipes { stdin, ..pipes })
}

/// Starts `command` with `theirs` in its stdin slot, held until [`Unfinished::spawned`] if it is to be in a job.
fn start(
    command: &mut Command,
    theirs: OwnedHandle,
    kill_tree: bool,
) -> io::Result<(Unfinished, Pipes)> {
    let job = kill_tree.then(Job::new).transpose()?;
    command.stdin(Stdio::from(theirs));
    if job.is_some() {
        // The flags that the user has set cannot be asked for. The documentation of `kill_tree` says so.
        command.creation_flags(CREATE_SUSPENDED);
    }
    let started = running::starting(|| command.spawn());
    // The command can be used again, and holds nothing of this spawn: its end of the channel is the child's alone.
    command.stdin(Stdio::inherit());
    if job.is_some() {
        command.creation_flags(0);
    }
    let mut child = started?;
    let pipes = Pipes {
        stdin: None,
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
    };
    Ok((Unfinished::new(child.into(), job), pipes))
}

/// What the child is to have as its standard input, and what of it stays here.
fn real_stdin(stdin: Stdin) -> io::Result<(Option<OwnedHandle>, Option<ChildStdin>)> {
    match stdin {
        Stdin::Inherit => Ok((stdin::copy(STD_INPUT_HANDLE), None)),
        Stdin::Null => Ok((None, None)),
        Stdin::Piped => {
            let (write, read) = pipe::pair(Direction::ToClient)?;
            Ok((Some(read), Some(ChildStdin::from(write))))
        }
        Stdin::Owned(handle) => Ok((Some(handle), None)),
    }
}

/// This side's ends of the child's standard streams.
pub(super) struct Pipes {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

/// A child that is ended again if something goes wrong before `spawn` has returned it.
pub(super) struct Unfinished {
    child: Option<Running>,
    job: Option<Job>,
}

impl Unfinished {
    /// `job` is for a child that is held.
    pub(super) fn new(child: Running, job: Option<Job>) -> Self {
        let child = Some(child);
        Self { child, job }
    }

    /// Lets it run if it was held, and takes charge of it.
    pub(super) fn spawned<S: End>(mut self, ours: Channel, pipes: Pipes) -> io::Result<Spawned<S>> {
        if let Some(job) = &self.job {
            job.start(self.get().as_handle(), self.get().id())?;
        }
        let mut channel = S::of_channel(ours)?;
        channel.read_by(Exit::of(self.get())?);
        let job = self.job.take();
        Ok(Spawned {
            channel,
            stdin: pipes.stdin,
            stdout: pipes.stdout,
            stderr: pipes.stderr,
            process: crate::Process(Process::new(self.finish(), job)),
        })
    }

    pub(super) fn get(&self) -> &Running {
        self.child
            .as_ref()
            .expect("only `finish` takes it, and ends this")
    }

    fn finish(mut self) -> Running {
        self.child
            .take()
            .expect("only `finish` takes it, and ends this")
    }

    /// Puts the handles into the child and writes where they are.
    fn hand_over(
        &self,
        channel: &OwnedHandle,
        real: Option<OwnedHandle>,
        orphan_grace: Option<Duration>,
        token: Token,
    ) -> io::Result<()> {
        match self.try_hand_over(channel, real, orphan_grace, token) {
            // It has ended, or closed the channel: not our failure, and its exit status tells more.
            Err(error) if is(&error, ERROR_BROKEN_PIPE) || is(&error, ERROR_NO_DATA) => Ok(()),
            Err(error) if is(&error, ERROR_ACCESS_DENIED) && timed::wait(self.get(), ENDING) => {
                Ok(())
            }
            result => result,
        }
    }

    fn try_hand_over(
        &self,
        channel: &OwnedHandle,
        real: Option<OwnedHandle>,
        orphan_grace: Option<Duration>,
        token: Token,
    ) -> io::Result<()> {
        let stdin = match real {
            None => RealStdin::Null,
            Some(real) => RealStdin::Handle(remote::give(self.get(), &real)?),
        };
        let parent_process = remote::give_this_process(self.get())?;
        let preface = Preface {
            stdin,
            orphan_grace,
            parent_process,
            token,
        };
        // The pipe is empty and takes this at once; the limit is for the case that it does not.
        timed::write_all(channel, &preface.encode(), ENDING)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            // Nothing better can be done with an error while another one is being reported.
            let _ = child.kill();
            let _ = timed::wait(&child, ENDING);
        }
    }
}

/// How long a process that refuses handles because it is ending may take to end.
const ENDING: Duration = Duration::from_secs(5);

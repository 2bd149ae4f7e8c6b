//! Channels from and to Node.js: a pipe that the C runtime calls by a number.
//!
//! std fills the three standard slots of a child and no more, so a Node child is started by a call of our own. What a Node
//! parent gives may have any number: it is looked up where the C runtime does.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use std::time::Duration;

use windows_sys::Win32::Foundation::{GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT};
use windows_sys::Win32::System::Console::{
    STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};

use super::create::create;
use super::environment::Environment;
use super::handle::check;
use super::job::Job;
use super::pipe::{self, Direction};
use super::runtime::descriptor;
use super::spawn::{Pipes, Unfinished};
use super::stream::Channel;
use super::{orphan, remote, stdin};
use crate::AttachError;
use crate::handoff::{CHANNEL_VARIABLE, End};
use crate::node::{NODE_CHANNEL_VARIABLE, NodeOptions};
use crate::process::{Spawned, Stdin};

/// libuv cuts the stream into pieces here.
pub(crate) const FRAMED: bool = true;

/// Whether libuv passes UDP sockets on here.
pub(crate) const DATAGRAMS: bool = false;

#[derive(Debug)]
pub(crate) struct Launcher(());

impl Launcher {
    pub(crate) fn new(_: &mut Command) -> Self {
        Self(())
    }

    pub(crate) fn spawn<S: End>(
        &self,
        command: &mut Command,
        options: NodeOptions<'_>,
    ) -> io::Result<Spawned<S>> {
        S::check()?;
        let (Some(stdout), Some(stderr)) = (options.stdout, options.stderr) else {
            let text = "the standard streams of a Node child on Windows must be of the type `offspring::Stdio`, \
                        for nobody can tell what is in one of std's";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        };
        // The server end is for overlapped I/O, and the client end too: without that Node refuses it.
        let (ours, theirs) = pipe::pair(Direction::Both)?;
        command
            .env(NODE_CHANNEL_VARIABLE, NUMBER.to_string())
            .env_remove(CHANNEL_VARIABLE);
        let (stdin, in_writer) = input(options.stdin)?;
        let (stdout, out_reader) = output(stdout, STD_OUTPUT_HANDLE)?;
        let (stderr, err_reader) = output(stderr, STD_ERROR_HANDLE)?;
        let job = options.kill_tree.then(Job::new).transpose()?;
        let descriptors: [_; NUMBER + 1] = [stdin, stdout, stderr, Some(theirs)];
        let environment = Environment::of(command, options.env_cleared);
        let child = create(command, &environment, descriptors, job.is_some())?;
        let pipes = Pipes {
            stdin: in_writer.map(ChildStdin::from),
            stdout: out_reader.map(ChildStdout::from),
            stderr: err_reader.map(ChildStderr::from),
        };
        let channel = Channel::new(ours).with_handles(child.id());
        Unfinished::new(child, job).spawned(channel, pipes)
    }
}

/// What the child is to have as its standard input, and what of it stays here.
fn input(stdin: Stdin) -> io::Result<(Option<OwnedHandle>, Option<OwnedHandle>)> {
    Ok(match stdin {
        Stdin::Inherit => (stdin::copy(STD_INPUT_HANDLE), None),
        Stdin::Null => (Some(File::open("NUL")?.into()), None),
        Stdin::Piped => {
            let (write, read) = pipe::pair(Direction::ToClient)?;
            (Some(read), Some(write))
        }
        Stdin::Owned(handle) => (Some(handle), None),
    })
}

/// The same for what it writes.
fn output(
    stdio: Stdin,
    slot: STD_HANDLE,
) -> io::Result<(Option<OwnedHandle>, Option<OwnedHandle>)> {
    Ok(match stdio {
        Stdin::Inherit => (stdin::copy(slot), None),
        Stdin::Null => {
            let null = OpenOptions::new().write(true).open("NUL")?;
            (Some(null.into()), None)
        }
        Stdin::Piped => {
            let (read, write) = pipe::pair(Direction::ToServer)?;
            (Some(write), Some(read))
        }
        Stdin::Owned(handle) => (Some(handle), None),
    })
}

/// The descriptor of the channel: the first one after the standard streams, where Node puts that of its own children.
const NUMBER: usize = 3;

/// A handle that a Node parent may have left.
#[derive(Debug)]
pub(crate) struct Slot {
    number: u16,
    handle: HANDLE,
}

impl Slot {
    /// `None` unless a pipe is there that this process was started with.
    pub(crate) fn find(number: u16) -> Option<Self> {
        let handle = match number {
            0 => stdin::get()?,
            number => descriptor(number)?,
        };
        let mut flags = 0;
        // SAFETY: for a number that is no handle the call fails; `flags` outlives it.
        check(unsafe { GetHandleInformation(handle, &mut flags) }).ok()?;
        // What this process has opened itself is not inherited by anybody, and what was inherited is.
        let is_it = flags & HANDLE_FLAG_INHERIT != 0 && pipe::server_pid(handle).is_ok();
        is_it.then_some(Self { number, handle })
    }

    pub(crate) fn take<S: End>(self, grace: Option<Duration>) -> Result<(S, u32), AttachError> {
        // SAFETY: it is open, as `find` saw. It was announced by a variable that is gone now, so from here on it is ours;
        // the C runtime knows its number, but closes nothing that it was not told to close.
        let channel = unsafe { OwnedHandle::from_raw_handle(self.handle) };
        if self.number == 0 {
            stdin::set(None)?;
        }
        stdin::set_inherited(&channel, false)?;
        let parent = pipe::server_pid(self.handle)?;
        // If it is gone, or cannot be watched, the end of the channel has to do.
        if let (Some(grace), Ok(Some(process))) = (grace, remote::older(parent)) {
            orphan::end_with(process, grace)?;
        }
        Ok((
            S::of_channel(Channel::new(channel).with_handles(parent))?,
            parent,
        ))
    }
}

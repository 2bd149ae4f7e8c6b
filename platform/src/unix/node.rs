//! Channels from and to Node.js: a socket with a number.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FileType, fstat};
use rustix::io::{FdFlags, dup2, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, SocketType, getsockname};
use rustix::process::getppid;

use super::channel::Channel;
use super::descriptor::{retry, socket_pair, spawning};
use super::numbered::Numbered;
use super::orphan;
use super::slot::dev_null;
use super::socket::listens;
use super::spawn::{occupy_stdin, started};
use crate::AttachError;
use crate::handoff::{CHANNEL_VARIABLE, End};
use crate::node::{NODE_CHANNEL_VARIABLE, NodeOptions};
use crate::process::{Spawned, Stdin};

/// Messages follow each other on the socket as they are.
pub(crate) const FRAMED: bool = false;

/// Whether libuv passes UDP sockets on here.
pub(crate) const DATAGRAMS: bool = true;

#[derive(Debug)]
pub(crate) struct Launcher(Numbered);

impl Launcher {
    pub(crate) fn new(command: &mut Command) -> Self {
        Self(Numbered::new(command))
    }

    pub(crate) fn spawn<S: End>(
        &self,
        command: &mut Command,
        options: NodeOptions<'_>,
    ) -> io::Result<Spawned<S>> {
        S::check()?;
        let _occupied = occupy_stdin()?;
        let (ours, theirs) = socket_pair()?;
        let channel = S::of_channel(Channel::new(ours).with_handles())?;
        command
            .env(NODE_CHANNEL_VARIABLE, Numbered::NUMBER.to_string())
            .env_remove(CHANNEL_VARIABLE)
            .stdin(stdio(options.stdin));
        let (own_stdout, own_stderr) = (options.stdout.is_some(), options.stderr.is_some());
        if let Some(stdout) = options.stdout {
            command.stdout(stdio(stdout));
        }
        if let Some(stderr) = options.stderr {
            command.stderr(stdio(stderr));
        }
        if options.kill_tree {
            command.process_group(0);
        }
        let child = spawning(|| self.0.inheriting(&theirs, || command.spawn()));
        // `Command` keeps what it was given, which may be a descriptor.
        command.stdin(std::process::Stdio::null());
        if own_stdout {
            command.stdout(std::process::Stdio::null());
        }
        if own_stderr {
            command.stderr(std::process::Stdio::null());
        }
        // Ours would keep the channel from ever ending.
        drop(theirs);
        started(child?, channel, options.kill_tree)
    }
}

fn stdio(stdin: Stdin) -> std::process::Stdio {
    match stdin {
        Stdin::Inherit => std::process::Stdio::inherit(),
        Stdin::Null => std::process::Stdio::null(),
        Stdin::Piped => std::process::Stdio::piped(),
        Stdin::Owned(fd) => fd.into(),
    }
}

/// A descriptor that a Node parent may have left.
#[derive(Debug)]
pub(crate) struct Slot(RawFd);

impl Slot {
    /// `None` unless a connected socket of the right kind is there which this process was started with.
    ///
    /// A variable may be left over from a process above, and then the number is that of anything, or of nothing. Whatever
    /// this program has opened itself is close-on-exec, as std and tokio make all descriptors; what was inherited is not.
    pub(crate) fn find(number: u16) -> Option<Self> {
        let number = RawFd::from(number);
        // SAFETY: only looked at here, and if nothing is there the system says so.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let is_socket = FileType::from_raw_mode(fstat(fd).ok()?.st_mode) == FileType::Socket;
        let is_it = is_socket
            && (number <= 2 || !fcntl_getfd(fd).ok()?.contains(FdFlags::CLOEXEC))
            && getsockname(fd).ok()?.address_family() == AddressFamily::UNIX
            && socket_type(fd).ok()? == SocketType::STREAM
            && !listens(fd);
        is_it.then_some(Self(number))
    }

    pub(crate) fn take<S: End>(self, grace: Option<Duration>) -> Result<(S, u32), AttachError> {
        let channel = self.own().map_err(AttachError::Io)?;
        let parent = orphan::opener(&channel)
            .or_else(|| getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()))
            .unwrap_or_default();
        if let Some(grace) = grace {
            orphan::watch(parent, grace, &channel)?;
        }
        let channel = S::of_channel(Channel::new(channel).with_handles())?;
        Ok((channel, parent))
    }

    /// Out of the sight of children, and out of the standard streams.
    fn own(self) -> io::Result<OwnedFd> {
        if self.0 > 2 {
            // SAFETY: `find` saw it open and inherited; nobody in this process was told of it but through the variable,
            // which is gone now, so from here on we are its owner.
            let fd = unsafe { OwnedFd::from_raw_fd(self.0) };
            fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
            return Ok(fd);
        }
        // SAFETY: the standard streams are never closed, only replaced.
        let slot = unsafe { BorrowedFd::borrow_raw(self.0) };
        let fd = fcntl_dupfd_cloexec(slot, 3)?;
        let null = dev_null()?;
        // SAFETY: the slot is open, and stays so; `ManuallyDrop` keeps it from being closed here.
        let mut slot = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(self.0) });
        retry(|| dup2(null.as_fd(), &mut slot))?;
        Ok(fd)
    }
}

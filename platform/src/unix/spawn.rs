//! Starts a child with the channel in its stdin slot.
//!
//! std's `Command` does the work, and without any `pre_exec` hook it does so with `posix_spawn`, whose cost does
//! not grow with the memory of this process. (It falls back to `fork` if the command changes the user or the group,
//! or sets `PATH` for a program that has to be looked up in it.)

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};

use rustix::fs::{Mode, OFlags, Stat, fstat, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec, fcntl_getfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};
use rustix::process::Pid;

use super::Process;
use super::channel::{Channel, NO_SIGNAL};
use super::descriptor::{pipe, retry, socket_pair, spawning};
use super::error::context;
use crate::handoff::{CHANNEL_VARIABLE, End, Note, Preface, RealStdin, Token};
use crate::process::{Options, Spawned, Stdin};

pub(crate) fn spawn<S: End>(command: &mut Command, options: Options) -> io::Result<Spawned<S>> {
    S::check()?;
    let _occupied = occupy_stdin()?;
    let token = Token::random()?;
    let (ours, theirs) = socket_pair()?;
    let (real, writer) = real_stdin(options.stdin)?;
    let preface = Preface {
        stdin: if real.is_some() {
            RealStdin::Attached
        } else {
            RealStdin::Null
        },
        orphan_grace: options.orphan_grace,
        parent_process: 0,
        token,
    };
    // Into an empty socket buffer, so this neither waits nor is cut short.
    send_preface(ours.as_fd(), &preface, real.as_ref().map(OwnedFd::as_fd))?;
    let mut channel = Channel::new(ours);
    if let Some(real) = real {
        channel.keep_until_taken(real);
    }
    let channel = S::of_channel(channel)?;

    let note = Note {
        parent_pid: std::process::id(),
        token,
        inode: inode(&fstat(&theirs)?)?,
    };
    #[cfg(feature = "node")]
    crate::node::hide(command);
    command
        .env(CHANNEL_VARIABLE, note.to_string())
        .stdin(Stdio::from(theirs));
    if options.kill_tree {
        command.process_group(0);
    }
    let child = spawning(|| command.spawn());
    // `Command` keeps what it was given: its copy of the child's end would keep the channel from ever ending, and
    // the note must not go to whatever it starts next.
    command.stdin(Stdio::null()).env_remove(CHANNEL_VARIABLE);
    let mut spawned = started(child?, channel, options.kill_tree)?;
    spawned.stdin = writer;
    Ok(spawned)
}

/// Takes charge of a child that std has started.
pub(super) fn started<S: End>(
    mut child: std::process::Child,
    mut channel: S,
    kill_tree: bool,
) -> io::Result<Spawned<S>> {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(Errno::SRCH)?;
    let process = Process::new(pid, kill_tree)?;
    channel.read_by(process.exit());
    // std's handle neither reaps nor kills when it is dropped here; `Process` is in charge.
    Ok(Spawned {
        process: crate::Process(process),
        channel,
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
    })
}

/// Fills the slot of the standard input if this process was started without one, or has closed it.
///
/// std may open the child's standard output there, and then puts the channel into the slot first: the child would
/// write its output into the channel.
pub(super) fn occupy_stdin() -> io::Result<Option<OwnedFd>> {
    match fcntl_getfd(io::stdin()) {
        Err(Errno::BADF) => {
            let null = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            // The lowest free descriptor, so this is the slot, unless another thread was quicker.
            Ok((null.as_raw_fd() == 0).then_some(null))
        }
        _ => Ok(None),
    }
}

/// What the child reads once it has attached, and the other end if that is a pipe of ours.
fn real_stdin(stdin: Stdin) -> io::Result<(Option<OwnedFd>, Option<ChildStdin>)> {
    match stdin {
        Stdin::Null => Ok((None, None)),
        Stdin::Owned(fd) => Ok((Some(fd), None)),
        Stdin::Piped => {
            let (read, write) = pipe()?;
            Ok((Some(read), Some(ChildStdin::from(write))))
        }
        Stdin::Inherit => match fcntl_dupfd_cloexec(io::stdin(), 3) {
            Ok(fd) => Ok((Some(fd), None)),
            // This process has no standard input, so neither has the child.
            Err(Errno::BADF) => Ok((None, None)),
            Err(error) => Err(error.into()),
        },
    }
}

fn send_preface(
    channel: BorrowedFd<'_>,
    preface: &Preface,
    stdin: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let bytes = preface.encode();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = stdin.map(|fd| [fd]);
    if let Some(fds) = &fds {
        let fits = control.push(SendAncillaryMessage::ScmRights(fds));
        debug_assert!(fits, "the space is for one descriptor");
    }
    let sent = retry(|| sendmsg(channel, &[IoSlice::new(&bytes)], &mut control, NO_SIGNAL))
        .map_err(|error| context(error, "hand the standard input over to the child"))?;
    if sent != bytes.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(())
}

/// By which the child knows the channel again.
pub(super) fn inode(socket: &Stat) -> io::Result<u64> {
    // Its type differs between systems; none is wider than this.
    u64::try_from(i128::from(socket.st_ino)).map_err(io::Error::other)
}

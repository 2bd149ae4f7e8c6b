//! The child's side of the hand-over: from the stdin slot to the channel, and the real stdin into the slot.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, getsockname,
    recvmsg,
};
use rustix::stdio::dup2_stdin;

use super::channel::Channel;
use super::descriptor::retry;
use super::{orphan, spawn};
use crate::handoff::{End, Note, Preface, RealStdin};
use crate::{AttachError, Attached};

/// The stdin slot, seen to hold the socket that the note describes.
#[derive(Debug)]
pub(crate) struct Slot(());

impl Slot {
    pub(crate) fn find(note: &Note) -> Option<Self> {
        let stdin = io::stdin();
        let found = fstat(&stdin).ok()?;
        let is_it = FileType::from_raw_mode(found.st_mode) == FileType::Socket
            && spawn::inode(&found).ok()? == note.inode
            && getsockname(&stdin).ok()?.address_family() == AddressFamily::UNIX;
        is_it.then_some(Self(()))
    }

    pub(crate) fn take<S: End>(self, note: &Note) -> Result<Attached<S>, AttachError> {
        // Close-on-exec, and above the standard slots: no child of ours sees it there.
        let channel = fcntl_dupfd_cloexec(io::stdin(), 3).map_err(io::Error::from)?;
        let (bytes, mut descriptors) = receive_preface(&channel)?;
        let preface = Preface::decode(&bytes, note.token).map_err(AttachError::Invalid)?;
        let real = match (preface.stdin, descriptors.pop()) {
            (RealStdin::Null, None) => dev_null()?,
            (RealStdin::Attached, Some(real)) if descriptors.is_empty() => real,
            _ => {
                return Err(AttachError::Invalid(
                    "the standard input did not come with it",
                ));
            }
        };
        // This closes the slot's copy of the channel. The new one is not close-on-exec, like any standard input.
        retry(|| dup2_stdin(&real)).map_err(io::Error::from)?;
        if let Some(grace) = preface.orphan_grace {
            orphan::watch(note.parent_pid, grace, &channel)?;
        }
        Ok(Attached {
            channel: S::of_channel(Channel::new(channel))?,
            parent_pid: note.parent_pid,
        })
    }
}

/// Reads exactly the preface, and every descriptor that comes with it.
fn receive_preface(channel: &OwnedFd) -> Result<([u8; Preface::SIZE], Vec<OwnedFd>), AttachError> {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = [0; Preface::SIZE];
    let mut descriptors = Vec::new();
    let mut filled = 0;
    while filled < bytes.len() {
        // One more than any kernel passes in one message: with too little room, macOS would leave the rest open in
        // this process, where nobody knows of them.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(513))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = {
            let mut iov = [IoSliceMut::new(&mut bytes[filled..])];
            retry(|| recvmsg(channel, &mut iov, &mut control, RECEIVE))
        };
        let received = match received {
            Ok(received) => received,
            Err(Errno::WOULDBLOCK) => {
                wait_readable(channel, deadline)?;
                continue;
            }
            Err(error) => return Err(io::Error::from(error).into()),
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                descriptors.extend(fds);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(AttachError::Invalid("the standard input did not fit in"));
        }
        if received.bytes == 0 {
            return Err(AttachError::Invalid("it ends before it begins"));
        }
        filled += received.bytes;
    }
    #[cfg(target_vendor = "apple")]
    for fd in &descriptors {
        super::descriptor::close_on_exec(fd)?;
    }
    Ok((bytes, descriptors))
}

/// The parent writes the preface before it starts the child, so this is for a parent that is not what it seems.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(not(target_vendor = "apple"))]
const RECEIVE: RecvFlags = RecvFlags::DONTWAIT.union(RecvFlags::CMSG_CLOEXEC);
#[cfg(target_vendor = "apple")]
const RECEIVE: RecvFlags = RecvFlags::DONTWAIT;

fn wait_readable(channel: impl AsFd, deadline: Instant) -> Result<(), AttachError> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(&channel, PollFlags::IN)], Some(&timeout)) {
        Ok(0) => Err(AttachError::Invalid("the parent does not say anything")),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

pub(super) fn dev_null() -> io::Result<OwnedFd> {
    Ok(retry(|| {
        open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    })?)
}

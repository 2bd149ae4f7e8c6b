//! Descriptors that travel beside the bytes of a stream.
//!
//! ```text
//! stream    ... | frame | frame with a descriptor | frame ...
//!                       ^ sendmsg begins here, and the descriptor goes with its first byte
//! ```

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, recvmsg, sendmsg,
};

use super::channel::{NO_SIGNAL, send_now};
use super::descriptor::retry;

/// Descriptors that came and were not asked for yet.
#[derive(Debug, Default)]
pub(super) struct Received(VecDeque<OwnedFd>);

impl Received {
    /// Reads bytes, and whatever comes beside them.
    ///
    /// A read that is cut short may have come to a descriptor, and so says nothing about what is behind.
    pub(super) fn recv(
        &mut self,
        socket: &OwnedFd,
        buf: &mut [u8],
        flags: RecvFlags,
    ) -> rustix::io::Result<usize> {
        // As many as any kernel passes at once: with too little room, macOS would leave the rest open in this process,
        // where nobody knows of them.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(513))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = {
            let mut iov = [IoSliceMut::new(buf)];
            retry(|| recvmsg(socket, &mut iov, &mut control, flags | CLOSE_ON_EXEC))
        }?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.keep(fds);
            }
        }
        Ok(received.bytes)
    }

    /// Keeps a few. A peer that sends more than it says would fill our table otherwise; what is too much is closed.
    fn keep(&mut self, fds: impl Iterator<Item = OwnedFd>) {
        for fd in fds {
            if self.0.len() < MOST && close_on_exec(&fd) {
                self.0.push_back(fd);
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<OwnedFd> {
        self.0.pop_front()
    }
}

/// Descriptors that are to go with certain bytes.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// How many bytes have been written in all.
    written: u64,
    waiting: VecDeque<(u64, OwnedFd)>,
}

impl Sending {
    /// Lets `fd` go with the byte at `position`, counted from the first one of the stream. Later calls name later ones.
    pub(super) fn add(&mut self, position: u64, fd: OwnedFd) {
        self.waiting.push_back((position, fd));
    }

    /// What of `buf` can be sent at once: up to the next byte that has company.
    pub(super) fn fitting<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        let next = self.waiting.iter().find(|(at, _)| *at > self.written);
        let free = next.map_or(usize::MAX, |(at, _)| {
            usize::try_from(at - self.written).unwrap_or(usize::MAX)
        });
        &buf[..buf.len().min(free)]
    }

    /// Sends bytes for which there is room, which [`fitting`](Self::fitting) gave, and what goes with the first of them.
    pub(super) fn send(&mut self, socket: &OwnedFd, buf: &[u8]) -> rustix::io::Result<usize> {
        let sent = match self.waiting.front() {
            Some((at, fd)) if *at <= self.written => {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                let fds = [fd.as_fd()];
                let fits = control.push(SendAncillaryMessage::ScmRights(&fds));
                debug_assert!(fits, "the space is for one descriptor");
                let bytes = [IoSlice::new(buf)];
                let sent = retry(|| sendmsg(socket, &bytes, &mut control, NO_SIGNAL))?;
                if sent > 0 {
                    self.waiting.pop_front();
                }
                sent
            }
            _ => send_now(socket, buf)?,
        };
        self.written += sent as u64;
        Ok(sent)
    }
}

#[cfg(not(target_vendor = "apple"))]
fn close_on_exec(_: &OwnedFd) -> bool {
    true
}

#[cfg(target_vendor = "apple")]
fn close_on_exec(fd: &OwnedFd) -> bool {
    super::descriptor::close_on_exec(fd).is_ok()
}

#[cfg(not(target_vendor = "apple"))]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::empty();

/// How many may wait.
const MOST: usize = 64;

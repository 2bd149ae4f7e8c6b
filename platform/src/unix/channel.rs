//! A socket, whatever drives it.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::time::Duration;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg, sockopt};

use super::descriptor::retry;

/// One end of a socket pair that nobody drives yet.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(super) fd: OwnedFd,
    pub(super) in_flight: InFlight,
    /// Descriptors may travel beside the bytes, from the first one on.
    #[cfg(feature = "node")]
    pub(super) handles: bool,
}

impl Channel {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            in_flight: InFlight::default(),
            #[cfg(feature = "node")]
            handles: false,
        }
    }

    /// Lets descriptors travel beside the bytes.
    #[cfg(feature = "node")]
    pub(super) fn with_handles(mut self) -> Self {
        self.handles = true;
        self
    }

    /// Notes a descriptor that was sent and that the peer has not taken yet.
    pub(super) fn keep_until_taken(&mut self, fd: OwnedFd) {
        self.in_flight.keep(fd);
    }
}

/// Sends what there is room for. Not `write`: in a program that is not Rust's, SIGPIPE is usually not ignored, and
/// ends it.
pub(super) fn send_now(fd: &OwnedFd, buf: &[u8]) -> rustix::io::Result<usize> {
    retry(|| send(fd, buf, NO_SIGNAL.union(SendFlags::DONTWAIT)))
}

/// Sends of both, one after the other, what there is room for.
pub(super) fn send_both(fd: &OwnedFd, first: &[u8], second: &[u8]) -> rustix::io::Result<usize> {
    let both = [IoSlice::new(first), IoSlice::new(second)];
    let flags = NO_SIGNAL.union(SendFlags::DONTWAIT);
    retry(|| sendmsg(fd, &both, &mut SendAncillaryBuffer::default(), flags))
}

/// What the system keeps of large messages between the two processes.
///
/// Each time it is full, writer and reader wait for each other once: at 208 KiB, Linux's default, ten times for a round
/// trip of 1 MiB. A connection that never sends so much keeps what it was given, and costs no call.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// It has been asked for once. Who may not have it is not to ask for each message.
    asked: AtomicBool,
}

impl Room {
    /// Sends what there is room for, and makes more if that leaves out a good deal for the first time.
    #[inline]
    pub(super) fn send(
        &self,
        fd: &OwnedFd,
        buf: &[u8],
        mut send: impl FnMut(&[u8]) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        match send(buf) {
            Ok(taken) if taken == buf.len() => Ok(taken),
            sent => self.send_rest(fd, buf, sent, &mut send),
        }
    }

    #[cold]
    fn send_rest(
        &self,
        fd: &OwnedFd,
        buf: &[u8],
        sent: rustix::io::Result<usize>,
        send: &mut dyn FnMut(&[u8]) -> rustix::io::Result<usize>,
    ) -> rustix::io::Result<usize> {
        let taken = match sent {
            Ok(taken) => taken,
            Err(Errno::WOULDBLOCK) => 0,
            Err(_) => return sent,
        };
        if buf.len() - taken < A_GOOD_DEAL || !self.widen(fd) {
            return sent;
        }
        match send(&buf[taken..]) {
            Ok(more) => Ok(taken + more),
            // What is wrong, a later one tells.
            Err(_) if taken > 0 => Ok(taken),
            Err(error) => Err(error),
        }
    }

    fn widen(&self, fd: &OwnedFd) -> bool {
        !self.asked.swap(true, Ordering::Relaxed)
            && sockopt::socket_send_buffer_size(fd).is_ok_and(|size| size < ROOM)
            && sockopt::set_socket_send_buffer_size(fd, ROOM).is_ok()
    }
}

/// A message of 256 KiB leaves out 49 where 208 are taken at once. With this, it takes 1.2 of a raw round trip, and 1.45
/// with a limit above those 49. One small message never leaves out so much.
const A_GOOD_DEAL: usize = 16 * 1024;

/// Linux doubles it, for its own book-keeping that comes out of it, so this holds 1 MiB; but it gives no more than
/// `net.core.wmem_max`, 208 KiB on most systems: <https://man7.org/linux/man-pages/man7/socket.7.html>. More was no faster.
/// macOS and the BSDs refuse what is above `kern.ipc.maxsockbuf`, at least 2 MiB.
const ROOM: usize = 512 * 1024;

/// Lets the system keep more of what is written.
pub(super) fn make_room(fd: &OwnedFd) {
    // On Linux this is twice of what was set, and what is set is doubled too, within the limit of the system.
    if let Ok(size) = sockopt::socket_send_buffer_size(fd) {
        // Where more cannot be had, what does not fit in is lost.
        let _ = sockopt::set_socket_send_buffer_size(fd, size.saturating_mul(2));
    }
}

/// Descriptors that were sent and may not have been received yet.
///
/// Only Apple's kernel needs this: it may drop a descriptor in flight that nobody else holds. The first bytes from
/// the peer prove that it has taken everything before.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    #[cfg(target_vendor = "apple")]
    fd: Option<OwnedFd>,
}

#[cfg(target_vendor = "apple")]
impl InFlight {
    #[cfg(feature = "blocking")]
    pub(super) const MATTERS: bool = true;

    pub(super) fn keep(&mut self, fd: OwnedFd) {
        self.fd = Some(fd);
    }

    pub(super) fn taken(&mut self) {
        self.fd = None;
    }
}

#[cfg(not(target_vendor = "apple"))]
impl InFlight {
    #[cfg(feature = "blocking")]
    pub(super) const MATTERS: bool = false;

    pub(super) fn keep(&mut self, _: OwnedFd) {}

    pub(super) fn taken(&mut self) {}
}

/// Whether the server may be alive but have no room in its queue at the moment.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn may_be_busy(error: &io::Error, _: Instant) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the server may be alive but have no room in its queue at the moment.
///
/// The BSDs and macOS answer a full queue and an abandoned socket alike, so this gives up after a short while.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn may_be_busy(error: &io::Error, begin: Instant) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::ConnectionRefused => begin.elapsed() < Duration::from_millis(100),
        _ => false,
    }
}

#[cfg(not(target_vendor = "apple"))]
pub(super) const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// There it is an option of the socket.
#[cfg(target_vendor = "apple")]
pub(super) const NO_SIGNAL: SendFlags = SendFlags::empty();

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn tune(_: &OwnedFd) -> io::Result<()> {
    Ok(())
}

#[cfg(target_vendor = "apple")]
pub(super) fn tune(socket: &OwnedFd) -> io::Result<()> {
    sockopt::set_socket_nosigpipe(socket, true)?;
    enlarge(socket);
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn tune(socket: &OwnedFd) -> io::Result<()> {
    enlarge(socket);
    Ok(())
}

/// 4 KiB by default, or 8 (`PIPSIZ` in <https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/uipc_usrreq.c>), so
/// that a MiB takes more than a hundred turns of both sides. What Linux gives is plenty, and less than that still works.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn enlarge(socket: &OwnedFd) {
    let _ = sockopt::set_socket_send_buffer_size(socket, 208 * 1024);
    let _ = sockopt::set_socket_recv_buffer_size(socket, 208 * 1024);
}

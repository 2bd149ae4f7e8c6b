//! What kind of socket a descriptor is.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, fstat};
use rustix::io::ioctl_fionbio;
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, SocketType, getsockname};

use crate::SocketKind;

/// Takes over the socket that a description tells of: none, for sockets travel beside the stream here.
pub fn received(_: &[u8]) -> Option<OwnedFd> {
    None
}

/// Finds out what kind of socket `fd` is.
pub fn socket_kind(fd: &OwnedFd) -> SocketKind {
    kind(fd).unwrap_or(SocketKind::Other)
}

fn kind(fd: &OwnedFd) -> Option<SocketKind> {
    if FileType::from_raw_mode(fstat(fd).ok()?.st_mode) != FileType::Socket {
        return None;
    }
    let family = getsockname(fd).ok()?.address_family();
    let is_ip = family == AddressFamily::INET || family == AddressFamily::INET6;
    let kind = socket_type(fd).ok()?;
    Some(
        if kind == SocketType::DGRAM && family == AddressFamily::INET {
            SocketKind::Udp4
        } else if kind == SocketType::DGRAM && family == AddressFamily::INET6 {
            SocketKind::Udp6
        } else if kind != SocketType::STREAM {
            SocketKind::Other
        } else if is_ip && listens(fd) {
            SocketKind::TcpListener
        } else if is_ip {
            SocketKind::TcpStream
        } else if family == AddressFamily::UNIX && listens(fd) {
            SocketKind::UnixListener
        } else if family == AddressFamily::UNIX {
            SocketKind::UnixStream
        } else {
            SocketKind::Other
        },
    )
}

/// Lets nobody wait in a call on this socket, in any process that has it.
///
/// # Errors
///
/// What the system says.
pub fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    Ok(ioctl_fionbio(fd, true)?)
}

/// Whether a stream socket listens.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn listens(fd: impl AsFd) -> bool {
    rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false)
}

/// Whether a stream socket listens. Apple's kernel does not tell, but one that has a name and no peer most likely does.
#[cfg(target_vendor = "apple")]
pub(super) fn listens(fd: impl AsFd) -> bool {
    matches!(
        rustix::net::getpeername(fd),
        Err(rustix::io::Errno::NOTCONN)
    )
}

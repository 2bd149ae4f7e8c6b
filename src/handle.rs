//! [`Handle`]: an open socket that travels beside a message.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(windows)]
use std::os::windows::io::OwnedSocket;

use offspring_platform as platform;
use offspring_platform::SocketKind;

/// An open socket that travels beside a message, from one process to the other.
///
/// Made from the types of std, and taken apart into them. The other process gets a copy of the descriptor: both refer to
/// the same socket until one closes its own.
///
/// All of them are non-blocking, as Node and tokio want them; std's
/// [`set_nonblocking`](TcpStream::set_nonblocking) changes that for both processes at once.
///
/// # Examples
///
/// ```
/// use offspring::Handle;
/// use std::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let handle = Handle::from(listener);
/// assert!(matches!(handle, Handle::TcpListener(_)));
/// # Ok(())
/// # }
/// ```
#[cfg(unix)]
#[derive(Debug)]
#[non_exhaustive]
pub enum Handle {
    /// A `net.Server` of Node that listens on TCP.
    TcpListener(TcpListener),
    /// A `net.Socket` of Node over TCP.
    TcpStream(TcpStream),
    /// A `net.Server` of Node that listens on a path.
    UnixListener(UnixListener),
    /// A `net.Socket` of Node over a Unix domain socket.
    UnixStream(UnixStream),
    /// A `dgram.Socket` of Node.
    UdpSocket(UdpSocket),
    /// Anything else. It can be received, but Node takes none.
    Other(OwnedFd),
}

/// An open socket that travels beside a message, from one process to the other.
///
/// Made from the types of std, and taken apart into them. The other process gets a copy of the handle: both refer to
/// the same socket until one closes its own.
///
/// All of them are non-blocking, as Node and tokio want them; std's
/// [`set_nonblocking`](TcpStream::set_nonblocking) changes that for both processes at once.
///
/// # Examples
///
/// ```
/// use offspring::Handle;
/// use std::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let handle = Handle::from(listener);
/// assert!(matches!(handle, Handle::TcpListener(_)));
/// # Ok(())
/// # }
/// ```
#[cfg(windows)]
#[derive(Debug)]
#[non_exhaustive]
pub enum Handle {
    /// A `net.Server` of Node that listens on TCP.
    TcpListener(TcpListener),
    /// A `net.Socket` of Node over TCP.
    TcpStream(TcpStream),
    /// Node sends and takes none on Windows.
    UdpSocket(UdpSocket),
    /// Anything else. It can be received, but Node takes none.
    Other(OwnedSocket),
}

#[cfg(unix)]
impl Handle {
    /// Finds out what has come.
    pub(crate) fn received(handle: platform::Handle) -> Self {
        match platform::socket_kind(&handle) {
            SocketKind::TcpListener => Self::TcpListener(handle.into()),
            SocketKind::TcpStream => Self::TcpStream(handle.into()),
            SocketKind::UnixListener => Self::UnixListener(handle.into()),
            SocketKind::UnixStream => Self::UnixStream(handle.into()),
            SocketKind::Udp4 | SocketKind::Udp6 => Self::UdpSocket(handle.into()),
            _ => Self::Other(handle),
        }
    }
}

#[cfg(windows)]
impl Handle {
    /// Finds out what has come.
    pub(crate) fn received(handle: platform::Handle) -> Self {
        match platform::socket_kind(&handle) {
            SocketKind::TcpListener => Self::TcpListener(handle.into()),
            SocketKind::TcpStream => Self::TcpStream(handle.into()),
            SocketKind::Udp4 | SocketKind::Udp6 => Self::UdpSocket(handle.into()),
            _ => Self::Other(handle),
        }
    }
}

impl Handle {
    /// Makes it ready for an event loop.
    pub(crate) fn prepared(self) -> io::Result<(SocketKind, platform::Handle)> {
        let handle = platform::Handle::from(self);
        let kind = platform::socket_kind(&handle);
        if kind != SocketKind::Other {
            platform::set_nonblocking(&handle)?;
        }
        Ok((kind, handle))
    }
}

#[cfg(unix)]
impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::TcpListener(socket) => socket.as_fd(),
            Self::TcpStream(socket) => socket.as_fd(),
            Self::UnixListener(socket) => socket.as_fd(),
            Self::UnixStream(socket) => socket.as_fd(),
            Self::UdpSocket(socket) => socket.as_fd(),
            Self::Other(fd) => fd.as_fd(),
        }
    }
}

#[cfg(unix)]
impl From<Handle> for OwnedFd {
    fn from(handle: Handle) -> Self {
        match handle {
            Handle::TcpListener(socket) => socket.into(),
            Handle::TcpStream(socket) => socket.into(),
            Handle::UnixListener(socket) => socket.into(),
            Handle::UnixStream(socket) => socket.into(),
            Handle::UdpSocket(socket) => socket.into(),
            Handle::Other(fd) => fd,
        }
    }
}

#[cfg(windows)]
impl From<Handle> for OwnedSocket {
    fn from(handle: Handle) -> Self {
        match handle {
            Handle::TcpListener(socket) => socket.into(),
            Handle::TcpStream(socket) => socket.into(),
            Handle::UdpSocket(socket) => socket.into(),
            Handle::Other(socket) => socket,
        }
    }
}

impl From<TcpListener> for Handle {
    fn from(socket: TcpListener) -> Self {
        Self::TcpListener(socket)
    }
}

impl From<TcpStream> for Handle {
    fn from(socket: TcpStream) -> Self {
        Self::TcpStream(socket)
    }
}

#[cfg(unix)]
impl From<UnixListener> for Handle {
    fn from(socket: UnixListener) -> Self {
        Self::UnixListener(socket)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Handle {
    fn from(socket: UnixStream) -> Self {
        Self::UnixStream(socket)
    }
}

impl From<UdpSocket> for Handle {
    fn from(socket: UdpSocket) -> Self {
        Self::UdpSocket(socket)
    }
}

//! Open sockets that travel beside the bytes of a channel from or to Node.

use crate::sys;

pub use sys::Handle;
pub use sys::socket::{received, set_nonblocking, socket_kind};

/// What kind of socket a handle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketKind {
    /// Listens on TCP.
    TcpListener,
    /// A TCP connection.
    TcpStream,
    /// Listens on a path.
    UnixListener,
    /// A connected Unix domain socket.
    UnixStream,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
    /// Something else, or no socket at all.
    Other,
}

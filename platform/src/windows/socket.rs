//! Sockets put into another process, and taken over from one.
//!
//! A description of the socket travels in the stream of Node. The system makes it for one process only, and puts a handle
//! there at once: if that process never looks at the description, the handle stays until its end. There is no way back.

use std::io;
use std::os::windows::io::{AsRawSocket as _, FromRawSocket as _, OwnedSocket};
use std::sync::OnceLock;

use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, FIONBIO, FROM_PROTOCOL_INFO, INVALID_SOCKET, SO_ACCEPTCONN, SO_TYPE,
    SOCK_DGRAM, SOCK_STREAM, SOCKADDR_STORAGE, SOCKET, SOL_SOCKET, WSA_FLAG_NO_HANDLE_INHERIT,
    WSA_FLAG_OVERLAPPED, WSADATA, WSADuplicateSocketW, WSAPROTOCOL_INFOW, WSASocketW, WSAStartup,
    getsockname, getsockopt, ioctlsocket,
};

use crate::SocketKind;

/// Describes `socket` for the process `pid`: a `WSAPROTOCOL_INFOW`, and an error of the one that sent it, which is none.
pub(super) fn describe(socket: &OwnedSocket, pid: u32) -> io::Result<Vec<u8>> {
    let mut info = WSAPROTOCOL_INFOW::default();
    // SAFETY: the socket is open, and `info` outlives the call.
    check(unsafe { WSADuplicateSocketW(raw(socket), pid, &mut info) })?;
    let mut record = vec![0; INFO];
    // SAFETY: both are of that size, and apart. The structure has no padding, for all its fields are 32 bits wide or less
    // and their sizes add up, as `INFO` checks.
    unsafe {
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(&info).cast::<u8>(),
            record.as_mut_ptr(),
            INFO,
        );
    }
    record.extend_from_slice(&[0; 4]);
    Ok(record)
}

/// Takes over the socket that a description of another process tells of; `None` if there is none.
///
/// # Platform notes
///
/// On Unix sockets travel beside the stream, and nothing is described.
pub fn received(record: &[u8]) -> Option<OwnedSocket> {
    let (info, error) = record.split_first_chunk::<INFO>()?;
    if error != [0; 4] {
        return None;
    }
    start().ok()?;
    // SAFETY: numbers only, so that all bytes will do; the array has as many as are read, wherever they lie.
    let info: WSAPROTOCOL_INFOW = unsafe { std::ptr::read_unaligned(info.as_ptr().cast()) };
    // SAFETY: the call reads `info`, and fails if it describes nothing that was put into this process.
    let socket = unsafe {
        WSASocketW(
            FROM_PROTOCOL_INFO,
            FROM_PROTOCOL_INFO,
            FROM_PROTOCOL_INFO,
            &info,
            0,
            WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT,
        )
    };
    if socket == INVALID_SOCKET {
        return None;
    }
    let socket = u64::try_from(socket).ok()?;
    // SAFETY: the call has just made it of what the other process has put here for us.
    Some(unsafe { OwnedSocket::from_raw_socket(socket) })
}

/// Finds out what kind of socket it is.
pub fn socket_kind(socket: &OwnedSocket) -> SocketKind {
    kind(socket).unwrap_or(SocketKind::Other)
}

fn kind(socket: &OwnedSocket) -> Option<SocketKind> {
    let mut address = SOCKADDR_STORAGE::default();
    let mut size = size_of::<SOCKADDR_STORAGE>() as i32;
    // SAFETY: the socket is open; the address is as large as the call is told and outlives it, as does the size.
    check(unsafe { getsockname(raw(socket), (&raw mut address).cast(), &mut size) }).ok()?;
    let four = address.ss_family == AF_INET;
    if !four && address.ss_family != AF_INET6 {
        return None;
    }
    match option(socket, SO_TYPE)? {
        SOCK_STREAM if option(socket, SO_ACCEPTCONN)? != 0 => Some(SocketKind::TcpListener),
        SOCK_STREAM => Some(SocketKind::TcpStream),
        SOCK_DGRAM if four => Some(SocketKind::Udp4),
        SOCK_DGRAM => Some(SocketKind::Udp6),
        _ => None,
    }
}

fn option(socket: &OwnedSocket, option: i32) -> Option<i32> {
    let mut value = 0_i32;
    let mut size = size_of::<i32>() as i32;
    let place = (&raw mut value).cast();
    // SAFETY: the socket is open; the value is as large as the call is told and outlives it, as does the size.
    check(unsafe { getsockopt(raw(socket), SOL_SOCKET, option, place, &mut size) }).ok()?;
    Some(value)
}

/// Lets nobody wait in a call on this socket.
///
/// # Errors
///
/// What the system says.
pub fn set_nonblocking(socket: &OwnedSocket) -> io::Result<()> {
    let mut on = 1;
    // SAFETY: the socket is open, and `on` outlives the call.
    check(unsafe { ioctlsocket(raw(socket), FIONBIO, &mut on) })
}

fn raw(socket: &OwnedSocket) -> SOCKET {
    // As wide as a pointer, whatever type std gives it.
    socket.as_raw_socket() as SOCKET
}

fn check(result: i32) -> io::Result<()> {
    match result {
        0 => Ok(()),
        // Sockets leave their errors where everything else does.
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sockets must be announced once in each process. std does so when it makes one, which may never happen here.
fn start() -> io::Result<()> {
    static STARTED: OnceLock<i32> = OnceLock::new();
    let result = *STARTED.get_or_init(|| {
        let mut data = WSADATA::default();
        // SAFETY: `data` outlives the call.
        unsafe { WSAStartup(0x0202, &mut data) }
    });
    match result {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// The size of a `WSAPROTOCOL_INFOW`, which is part of the format.
const INFO: usize = 628;
const _: () = assert!(size_of::<WSAPROTOCOL_INFOW>() == INFO);

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_socket_is_taken_over_by_its_description() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let server = OwnedSocket::from(server);
        let record = describe(&server, std::process::id()).unwrap();
        assert_eq!(record.len(), 632);
        let taken = received(&record).unwrap();
        assert_eq!(socket_kind(&taken), SocketKind::TcpStream);
        drop(server);
        client.write_all(b"hello").unwrap();
        let mut text = [0; 5];
        TcpStream::from(taken).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"hello");
    }

    #[test]
    fn sockets_are_told_apart() {
        let kind_of = |socket: OwnedSocket| socket_kind(&socket);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(kind_of(listener.into()), SocketKind::TcpListener);
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(kind_of(udp.into()), SocketKind::Udp4);
    }

    #[test]
    fn a_description_of_nothing_gives_nothing() {
        assert!(received(&[0; 632]).is_none());
        assert!(received(&[0xff; 632]).is_none());
        assert!(received(&[0; 100]).is_none());
        let listener = OwnedSocket::from(TcpListener::bind("127.0.0.1:0").unwrap());
        let mut record = describe(&listener, std::process::id()).unwrap();
        // The other side could not make it listen.
        record[628] = 1;
        assert!(received(&record).is_none());
        // There is no such process.
        assert!(describe(&listener, u32::MAX).is_err());
    }
}

//! Who is at the other end of a socket.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::process::geteuid;

/// Fails unless the other end was opened by this user; tells its process id if the system does.
///
/// interprocess's `peer_creds` is no good here: on Linux it takes process id 0, which is a peer in another pid namespace,
/// for an error. And tokio tells it only of a socket that its runtime has begun to watch, which is not for nothing.
pub(super) fn same_user(socket: &OwnedFd) -> io::Result<Option<u32>> {
    // An error here means that we do not know, and then it is nobody we want to talk to.
    let (uid, pid) = credentials(socket)?;
    if uid != geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to user {uid}"),
        ));
    }
    Ok(pid
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid != 0))
}

/// The user and the process that opened the other end. Not through rustix, whose type cannot hold process id 0.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn credentials(socket: &OwnedFd) -> io::Result<(libc::uid_t, Option<libc::pid_t>)> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointers are to `peer` and `size`, which live here; `size` is that of `peer`.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    match answer {
        0 => Ok((peer.uid, Some(peer.pid))),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn credentials(socket: &OwnedFd) -> io::Result<(libc::uid_t, Option<libc::pid_t>)> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the pointers are to `uid` and `gid`, which live here.
    match unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) } {
        0 => Ok((uid, process(socket))),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(target_vendor = "apple")]
fn process(socket: &OwnedFd) -> Option<libc::pid_t> {
    let mut pid = 0;
    let mut size = size_of::<libc::pid_t>() as libc::socklen_t;
    // SAFETY: the pointers are to `pid` and `size`, which live here; `size` is that of `pid`.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_LOCAL,
            libc::LOCAL_PEEREPID,
            (&raw mut pid).cast(),
            &raw mut size,
        )
    };
    (answer == 0).then_some(pid)
}

/// Of the BSDs, some could tell, each in its own way.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn process(_: &OwnedFd) -> Option<libc::pid_t> {
    None
}

//! Who is at the other end of a socket.

use std::io;

use rustix::process::geteuid;

/// Fails unless the other end was opened by this user; tells its process id if the system does.
///
/// tokio asks `SO_PEERCRED` on Linux, and elsewhere `getpeereid` or its like. interprocess's `peer_creds` is no
/// good here: on Linux it takes process id 0, which is a peer in another pid namespace, for an error.
#[cfg(feature = "tokio")]
pub(super) fn same_user(socket: &tokio::net::UnixStream) -> io::Result<Option<u32>> {
    // An error here means that we do not know, and then it is nobody we want to talk to.
    let peer = socket.peer_cred()?;
    check(peer.uid(), peer.pid())
}

/// The same without a runtime.
#[cfg(feature = "blocking")]
pub(super) fn same_user_of(socket: &std::os::fd::OwnedFd) -> io::Result<Option<u32>> {
    let (uid, pid) = credentials(socket)?;
    check(uid, pid)
}

fn check(uid: libc::uid_t, pid: Option<libc::pid_t>) -> io::Result<Option<u32>> {
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
pub(super) fn credentials(
    socket: &std::os::fd::OwnedFd,
) -> io::Result<(libc::uid_t, Option<libc::pid_t>)> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointers are to `peer` and `size`, which live here; `size` is that of `peer`.
    let answer = unsafe {
        libc::getsockopt(
            std::os::fd::AsRawFd::as_raw_fd(socket),
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

#[cfg(all(
    feature = "blocking",
    not(any(target_os = "linux", target_os = "android"))
))]
fn credentials(socket: &std::os::fd::OwnedFd) -> io::Result<(libc::uid_t, Option<libc::pid_t>)> {
    let (mut uid, mut gid) = (0, 0);
    let socket = std::os::fd::AsRawFd::as_raw_fd(socket);
    // SAFETY: the pointers are to `uid` and `gid`, which live here.
    match unsafe { libc::getpeereid(socket, &raw mut uid, &raw mut gid) } {
        0 => Ok((uid, None)),
        _ => Err(io::Error::last_os_error()),
    }
}

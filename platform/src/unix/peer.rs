//! Who is at the other end of a socket.

use std::io;

use rustix::process::geteuid;
use tokio::net::UnixStream;

/// Fails unless the other end was opened by this user; tells its process id if the system does.
///
/// tokio asks `SO_PEERCRED` on Linux, and elsewhere `getpeereid` or its like. interprocess's `peer_creds` is no
/// good here: on Linux it takes process id 0, which is a peer in another pid namespace, for an error.
pub(super) fn same_user(socket: &UnixStream) -> io::Result<Option<u32>> {
    // An error here means that we do not know, and then it is nobody we want to talk to.
    let peer = socket.peer_cred()?;
    if peer.uid() != geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to user {}", peer.uid()),
        ));
    }
    Ok(peer
        .pid()
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid != 0))
}

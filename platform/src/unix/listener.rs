//! A listener is a Unix domain socket in a folder of its user, and the lock that makes the name ours.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
#[cfg(feature = "tokio")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use interprocess::local_socket::{
    GenericFilePath, Listener as LocalListener, ListenerOptions, ToFsName as _,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use rustix::io::{Errno, ioctl_fionbio};
#[cfg(feature = "tokio")]
use tokio::io::Interest;

#[cfg(feature = "tokio")]
use super::descriptor::{Watched, accept, watch};
use super::error::context;
use super::ownership::Ownership;
use super::{address, folder};
use crate::name::Address;
use crate::{Name, trace};

#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(crate) struct Listener {
    /// Dropped first, so that the path is gone before the socket closes: a client is never refused by a path.
    _owner: Ownership,
    socket: Watched,
    exhaustion: Exhaustion,
}

#[cfg(feature = "tokio")]
impl Listener {
    pub(crate) fn bind(name: &Name) -> io::Result<Self> {
        super::error::need_runtime("bind a listener")?;
        let (owner, socket) = bind(name)?;
        Ok(Self {
            _owner: owner,
            socket: watch(Arc::new(socket), Interest::READABLE)?,
            exhaustion: Exhaustion::default(),
        })
    }

    pub(crate) async fn accept(&mut self) -> io::Result<super::Stream> {
        use super::{Stream, peer};
        loop {
            if let Some(until) = self.exhaustion.pause() {
                tokio::time::sleep_until(until.into()).await;
            }
            let accepted = self.socket.async_io(Interest::READABLE, |fd| accept(fd));
            match accepted.await {
                Ok(client) => {
                    self.exhaustion.end();
                    // A client of another user is closed here; one that is gone already is passed over.
                    let stream = peer::same_user(&client)
                        .and_then(|peer_pid| Stream::of_peer(client, peer_pid));
                    if let Some(stream) = admitted(stream) {
                        return Ok(stream);
                    }
                }
                Err(error) => self.exhaustion.or_fail(error)?,
            }
        }
    }
}

/// The client that has come, unless it is of another user, which is told of, or gone already.
pub(super) fn admitted<S>(client: io::Result<S>) -> Option<S> {
    match client {
        Ok(stream) => Some(stream),
        Err(error) => {
            if error.kind() == io::ErrorKind::PermissionDenied {
                trace::warn!("refused a client: {error}");
            }
            None
        }
    }
}

/// Takes the name and listens. The socket never blocks: a client may be gone again before it is accepted, and the next one
/// may take its time.
pub(super) fn bind(name: &Name) -> io::Result<(Ownership, OwnedFd)> {
    let path = address(name)?;
    if let (Address::Label(_), Some(folder)) = (name.address(), path.parent()) {
        folder::create(folder)?;
    }
    let mut owner = Ownership::take(&path)?;
    let socket =
        listen(&path).map_err(|error| context(error, format!("bind {:?}", name.to_string())))?;
    owner.bound()?;
    Ok((owner, socket))
}

/// Without the pause, a process without free descriptors would fail to accept a million times a second.
///
/// The time is kept here and not in the future of `accept`, for callers that drop that future again and again.
#[derive(Debug, Default)]
pub(super) struct Exhaustion {
    pause: Duration,
    until: Option<Instant>,
}

impl Exhaustion {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_millis(400);

    /// Until when to wait before the next client is accepted.
    pub(super) fn pause(&self) -> Option<Instant> {
        self.until.filter(|until| *until > Instant::now())
    }

    /// A client was accepted.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// What to do about an error of `accept`: wait and try again, just try again, or give up.
    pub(super) fn or_fail(&mut self, error: io::Error) -> io::Result<()> {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.pause = (self.pause * 2).clamp(Self::FIRST, Self::LONGEST);
                self.until = Some(Instant::now() + self.pause);
                Ok(())
            }
            // What a client that has gone leaves behind, and a signal handler of the program.
            Some(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::PERM
                | Errno::INTR
                | Errno::AGAIN,
            ) => Ok(()),
            _ => Err(context(error, "accept a client")),
        }
    }
}

/// Binds and listens; the caller has made sure that nothing is at the path.
fn listen(path: &std::path::Path) -> io::Result<OwnedFd> {
    let options = || {
        let name = path.to_fs_name::<GenericFilePath>()?;
        // interprocess's own clean-up removes whatever is at the path by then, and its `try_overwrite` takes the
        // name from a live server. `Ownership` does both jobs.
        io::Result::Ok(
            ListenerOptions::new()
                .name(name)
                .reclaim_name(false)
                .try_overwrite(false),
        )
    };
    // The mode is set before `bind`, so there is no moment at which others could connect, and no need to touch the
    // umask, which is one for all threads.
    let created = match options()?.mode(0o600).create_sync() {
        // macOS and older BSDs cannot. The folder keeps others out there, and the check at `accept` in any case.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => options()?.create_sync(),
        answer => answer,
    };
    let LocalListener::UdSocket(socket) = created?;
    let socket = OwnedFd::from(UnixListener::from(socket));
    ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

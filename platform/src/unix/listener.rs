//! A listener is a Unix domain socket in a folder of its user, and the lock that makes the name ours.

use std::io;
use std::time::{Duration, Instant};

use interprocess::local_socket::tokio::Listener as LocalListener;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName as _};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use rustix::io::Errno;

use super::error::{context, need_runtime};
use super::ownership::Ownership;
use super::{Stream, address, folder, peer};
use crate::name::Address;
use crate::{Name, trace};

#[derive(Debug)]
pub(crate) struct Listener {
    /// Dropped first, so that the path is gone before the socket closes: a client is never refused by a path.
    _owner: Ownership,
    socket: LocalListener,
    exhaustion: Exhaustion,
}

impl Listener {
    pub(crate) fn bind(name: &Name) -> io::Result<Self> {
        need_runtime("bind a listener")?;
        let path = address(name)?;
        if let (Address::Label(_), Some(folder)) = (name.address(), path.parent()) {
            folder::create(folder)?;
        }
        let mut owner = Ownership::take(&path)?;
        let socket = listen(&path)
            .map_err(|error| context(error, format!("bind {:?}", name.to_string())))?;
        owner.bound()?;
        Ok(Self {
            _owner: owner,
            socket,
            exhaustion: Exhaustion::default(),
        })
    }

    pub(crate) async fn accept(&mut self) -> io::Result<Stream> {
        loop {
            self.exhaustion.pause().await;
            let LocalListener::UdSocket(socket) = &self.socket;
            match socket.inner().accept().await {
                Ok((client, _)) => {
                    self.exhaustion.end();
                    // A client of another user is closed here; one that is gone already is passed over.
                    let stream =
                        peer::same_user(&client).and_then(|peer_pid| Stream::new(client, peer_pid));
                    match stream {
                        Ok(stream) => return Ok(stream),
                        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                            trace::warn!("refused a client: {error}");
                        }
                        Err(_) => {}
                    }
                }
                Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                    Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                        self.exhaustion.more();
                    }
                    // What a client that has gone leaves behind, and a signal handler of the program.
                    Some(
                        Errno::CONNABORTED
                        | Errno::CONNRESET
                        | Errno::PROTO
                        | Errno::PERM
                        | Errno::INTR
                        | Errno::AGAIN,
                    ) => {}
                    _ => return Err(context(error, "accept a client")),
                },
            }
        }
    }
}

/// Without the pause, a process without free descriptors would fail to accept a million times a second.
///
/// The time is kept here and not in the future of `accept`, for callers that drop that future again and again.
#[derive(Debug, Default)]
struct Exhaustion {
    pause: Duration,
    until: Option<Instant>,
}

impl Exhaustion {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_millis(400);

    async fn pause(&mut self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until.into()).await;
            self.until = None;
        }
    }

    fn more(&mut self) {
        self.pause = (self.pause * 2).clamp(Self::FIRST, Self::LONGEST);
        self.until = Some(Instant::now() + self.pause);
    }

    fn end(&mut self) {
        self.pause = Duration::ZERO;
    }
}

/// Binds and listens; the caller has made sure that nothing is at the path.
fn listen(path: &std::path::Path) -> io::Result<LocalListener> {
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
    match options()?.mode(0o600).create_tokio() {
        // macOS and older BSDs cannot. The folder keeps others out there, and the check at `accept` in any case.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => options()?.create_tokio(),
        answer => answer,
    }
}

//! A stream is a Unix domain socket, registered with tokio.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead as _, Interest, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{sleep, timeout_at};

use super::descriptor::retry;
use super::error::{context, need_runtime};
use super::{address, peer};
use crate::Name;

#[derive(Debug)]
pub(crate) struct Stream {
    socket: UnixStream,
    peer_pid: Option<u32>,
    in_flight: InFlight,
}

impl Stream {
    pub(crate) async fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        need_runtime("connect to a server")?;
        let path = address(name)?;
        let quoted = || format!("connect to {:?}", name.to_string());
        // tokio's connect, not interprocess's: that one takes EAGAIN, which on Linux means that the server's
        // queue is full, for EINPROGRESS, and hands out a socket that is connected to nobody.
        let attempts = async {
            let mut pause = Duration::from_millis(1);
            let begin = Instant::now();
            loop {
                match UnixStream::connect(&path).await {
                    Err(error) if may_be_busy(&error, begin) => {}
                    answer => return answer,
                }
                // Of many that wait, not all should come back at the same moment.
                let jitter = f64::from(crate::name::random()?[0]) / 255.0;
                sleep(pause.mul_f64(0.5 + jitter)).await;
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        };
        let socket = match timeout_at(deadline.into(), attempts).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => {
                let text = match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                        format!("{}: nobody is listening", quoted())
                    }
                    _ => quoted(),
                };
                return Err(context(error, text));
            }
            Err(_) => {
                let text = format!("{}: the server did not answer in time", quoted());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        };
        let peer_pid = peer::same_user(&socket)
            .map_err(|error| context(error, format!("{}: the server is not ours", quoted())))?;
        Self::new(socket, peer_pid)
    }

    /// A stream whose peer was checked, or needs no check.
    pub(super) fn new(socket: UnixStream, peer_pid: Option<u32>) -> io::Result<Self> {
        tune(&socket)?;
        Ok(Self {
            socket,
            peer_pid,
            in_flight: InFlight::default(),
        })
    }

    /// Registers one end of a socket pair with tokio.
    pub(super) fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixStream::from(fd);
        socket.set_nonblocking(true)?;
        Self::new(UnixStream::from_std(socket)?, None)
    }

    /// Notes a descriptor that was sent and that the peer has not taken yet.
    pub(super) fn keep_until_taken(&mut self, fd: OwnedFd) {
        self.in_flight.keep(fd);
    }

    pub(crate) fn peer_pid(&self) -> Option<u32> {
        self.peer_pid
    }

    pub(crate) fn into_split(self) -> (ReadHalf, WriteHalf) {
        let (read, write) = self.socket.into_split();
        let read = ReadHalf {
            socket: read,
            in_flight: self.in_flight,
        };
        (
            read,
            WriteHalf {
                socket: Some(write),
            },
        )
    }
}

#[derive(Debug)]
pub(crate) struct ReadHalf {
    socket: OwnedReadHalf,
    in_flight: InFlight,
}

impl ReadHalf {
    pub(crate) fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Not tokio's `try_read`: that one answers `WouldBlock` until the reactor thread has come round to see
        // the data, and the exit of a child is often seen before that.
        Ok(retry(|| recv(self.socket.as_ref(), &mut *buf, RecvFlags::DONTWAIT))?.1)
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            // tokio's own `poll_read` knows that a short read has emptied the socket, and saves the second call
            // that `try_io` would need to find that out.
            match ready!(Pin::new(&mut self.socket).poll_read(cx, buf)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => {
                    self.in_flight.taken();
                    return Poll::Ready(answer);
                }
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct WriteHalf {
    /// Always there until drop.
    socket: Option<OwnedWriteHalf>,
}

impl WriteHalf {
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(half) = &self.socket else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let socket: &UnixStream = half.as_ref();
        // Not `write`: in a program that is not Rust's, SIGPIPE is usually not ignored, and ends it.
        let attempt = || Ok(retry(|| send(socket, buf, NO_SIGNAL))?);
        // The socket is asked first, not tokio: to tokio a new socket is not writable before the reactor has come
        // round, and what is said at the last moment, on drop, cannot wait for that.
        match attempt() {
            Err(error) if would_block(&error) => {}
            answer => return Poll::Ready(answer),
        }
        loop {
            ready!(socket.poll_write_ready(cx))?;
            match socket.try_io(Interest::WRITABLE, attempt) {
                Err(error) if would_block(&error) => {}
                answer => return Poll::Ready(answer),
            }
        }
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        // tokio would shut the direction down; on Windows that does not exist, so here it does not happen either.
        if let Some(half) = self.socket.take() {
            half.forget();
        }
    }
}

/// Descriptors that were sent and may not have been received yet.
///
/// Only Apple's kernel needs this: it may drop a descriptor in flight that nobody else holds. The first bytes from
/// the peer prove that it has taken everything before.
#[derive(Debug, Default)]
struct InFlight {
    #[cfg(target_vendor = "apple")]
    fd: Option<OwnedFd>,
}

#[cfg(target_vendor = "apple")]
impl InFlight {
    fn keep(&mut self, fd: OwnedFd) {
        self.fd = Some(fd);
    }

    fn taken(&mut self) {
        self.fd = None;
    }
}

#[cfg(not(target_vendor = "apple"))]
impl InFlight {
    fn keep(&mut self, _: OwnedFd) {}

    fn taken(&mut self) {}
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the server may be alive but have no room in its queue at the moment.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn may_be_busy(error: &io::Error, _: Instant) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the server may be alive but have no room in its queue at the moment.
///
/// The BSDs and macOS answer a full queue and an abandoned socket alike, so this gives up after a short while.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn may_be_busy(error: &io::Error, begin: Instant) -> bool {
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

#[cfg(not(target_vendor = "apple"))]
fn tune(_: &UnixStream) -> io::Result<()> {
    Ok(())
}

#[cfg(target_vendor = "apple")]
fn tune(socket: &UnixStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_nosigpipe(socket, true)?;
    // 8 KiB by default. What Linux gives is plenty, and less than that still works.
    let _ = sockopt::set_socket_send_buffer_size(socket, 208 * 1024);
    let _ = sockopt::set_socket_recv_buffer_size(socket, 208 * 1024);
    Ok(())
}

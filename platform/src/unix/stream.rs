//! A stream is a Unix domain socket.

use std::future::Future as _;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::io::{Errno, fcntl_dupfd_cloexec, ioctl_fionbio, ioctl_fionread};
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use tokio::io::{Interest, ReadBuf};
use tokio::runtime::Handle;
use tokio::task::coop::consume_budget;
use tokio::time::{Sleep, sleep};

use super::channel::{Channel, InFlight, Room, make_room, send_both, send_now, tune};
use super::connecting::{Attempt, Attempts};
use super::descriptor::{Watched, retry, watch};
use super::error::need_runtime;
use super::exit::{Exit, ExitWatch};
#[cfg(feature = "node")]
use super::passing::{Received, Sending};
use crate::Name;
use crate::handoff::End;

#[derive(Debug)]
pub(crate) struct Stream {
    readable: Watched,
    runtime: Handle,
    peer_pid: Option<u32>,
    in_flight: InFlight,
    reader: Option<ExitWatch>,
    /// Descriptors may travel beside the bytes.
    #[cfg(feature = "node")]
    handles: bool,
}

impl Stream {
    pub(crate) async fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        need_runtime("connect to a server")?;
        let mut attempts = Attempts::new(name, deadline)?;
        loop {
            // A server that always has room must not keep other tasks from running.
            consume_budget().await;
            match attempts.next()? {
                Attempt::Connected(socket, peer_pid) => return Self::of_peer(socket, peer_pid),
                Attempt::Busy(pause) => sleep(pause).await,
            }
        }
    }

    /// A stream whose peer was checked.
    pub(super) fn of_peer(socket: OwnedFd, peer_pid: Option<u32>) -> io::Result<Self> {
        Self::adopt(Channel::new(socket), peer_pid)
    }

    fn adopt(channel: Channel, peer_pid: Option<u32>) -> io::Result<Self> {
        tune(&channel.fd)?;
        // For reading only. tokio's `UnixStream` also asks to be told when there is room for writing, and then each
        // message that the peer reads wakes this side for nothing: a fourth of the time of a round trip.
        let readable = watch(Arc::new(channel.fd), Interest::READABLE)?;
        Ok(Self {
            readable,
            runtime: Handle::current(),
            peer_pid,
            in_flight: channel.in_flight,
            reader: None,
            #[cfg(feature = "node")]
            handles: channel.handles,
        })
    }

    pub(crate) fn peer_pid(&self) -> Option<u32> {
        self.peer_pid
    }

    pub(crate) fn into_split(self) -> (ReadHalf, WriteHalf) {
        let fd = Arc::clone(self.readable.get_ref());
        let read = ReadHalf {
            readable: self.readable,
            in_flight: self.in_flight,
            #[cfg(feature = "node")]
            received: self.handles.then(Box::default),
        };
        let write = WriteHalf {
            fd,
            runtime: self.runtime,
            full: None,
            room: Room::default(),
            reader: self.reader,
            #[cfg(feature = "node")]
            company: Company(self.handles.then(Box::default)),
            #[cfg(not(feature = "node"))]
            company: Company,
        };
        (read, write)
    }
}

impl End for Stream {
    fn check() -> io::Result<()> {
        need_runtime("open a channel")
    }

    fn of_channel(channel: Channel) -> io::Result<Self> {
        ioctl_fionbio(&channel.fd, true)?;
        Self::adopt(channel, None)
    }

    fn read_by(&mut self, process: Exit) {
        self.reader = Some(ExitWatch::new(process));
    }
}

#[derive(Debug)]
pub(crate) struct ReadHalf {
    readable: Watched,
    in_flight: InFlight,
    /// Descriptors that came beside the bytes, if there can be any.
    #[cfg(feature = "node")]
    received: Option<Box<Received>>,
}

impl ReadHalf {
    pub(crate) fn arrived(&self) -> io::Result<u64> {
        Ok(ioctl_fionread(self.readable.get_ref())?)
    }

    pub(crate) fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "node")]
        if let Some(received) = &mut self.received {
            return Ok(received.recv(self.readable.get_ref(), buf, RecvFlags::DONTWAIT)?);
        }
        // Whatever the runtime thinks: its thread may not have come round to see the data yet, and the exit of a
        // child is often seen before that.
        Ok(retry(|| recv(self.readable.get_ref(), &mut *buf, RecvFlags::DONTWAIT))?.1)
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        #[cfg(feature = "node")]
        if let Some(received) = &mut self.received {
            let read = poll_recv(received, &self.readable, cx, buf);
            if read.is_ready() {
                self.in_flight.taken();
            }
            return read;
        }
        loop {
            let mut ready = ready!(self.readable.poll_read_ready(cx))?;
            // SAFETY: `recv` writes to the room and never makes what was initialised uninitialised again.
            let room = unsafe { buf.unfilled_mut() };
            let size = room.len();
            match recv(self.readable.get_ref(), room, RecvFlags::DONTWAIT) {
                Ok(((filled, _), _)) => {
                    let n = filled.len();
                    // The socket is empty, so the next read has to wait: no need to try and be told so.
                    if SHORT_MEANS_ALL && 0 < n && n < size {
                        ready.clear_ready();
                    }
                    // SAFETY: rustix made `filled` of the first `n` bytes of the room, which the system has filled.
                    unsafe { buf.assume_init(n) };
                    buf.advance(n);
                    self.in_flight.taken();
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

#[cfg(feature = "node")]
fn poll_recv(
    received: &mut Received,
    socket: &Watched,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    loop {
        let mut ready = ready!(socket.poll_read_ready(cx))?;
        let room = buf.initialize_unfilled();
        match received.recv(socket.get_ref(), room, RecvFlags::DONTWAIT) {
            Ok(count) => {
                buf.advance(count);
                return Poll::Ready(Ok(()));
            }
            Err(Errno::WOULDBLOCK) => ready.clear_ready(),
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}

/// Whether a read that is cut short has emptied the socket, and such a write has filled it. It is so where the
/// selector tells of every change anew; tokio relies on the same for its own sockets.
const SHORT_MEANS_ALL: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
));

#[derive(Debug)]
pub(crate) struct WriteHalf {
    fd: Arc<OwnedFd>,
    /// The one that watches the stream, for a poll may come from outside of it.
    runtime: Handle,
    /// How to learn that there is room again, while there is none.
    full: Option<Full>,
    /// The process at the other end, if that is a child. Whoever else holds that end open does not read.
    reader: Option<ExitWatch>,
    company: Company,
    room: Room,
}

#[derive(Debug)]
enum Full {
    /// A second descriptor of the socket, for the runtime watches each only once; and how many writes in a row have
    /// found room since there was none.
    Watched(Watched, u8),
    /// There was no descriptor to be had: look again in a moment.
    Asleep(Pin<Box<Sleep>>),
}

impl WriteHalf {
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let buf = self.company.fitting(buf);
        loop {
            match &mut self.full {
                Some(Full::Watched(room, _)) => {
                    let Poll::Ready(ready) = room.poll_write_ready(cx) else {
                        return self.poll_reader(cx);
                    };
                    let mut ready = ready?;
                    match self
                        .room
                        .send(&self.fd, buf, |buf| self.company.send(&self.fd, buf))
                    {
                        Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                        answer => {
                            if SHORT_MEANS_ALL && answer.is_ok_and(|n| n < buf.len()) {
                                ready.clear_ready();
                            }
                            self.count(answer == Ok(buf.len()));
                            return Poll::Ready(answer.map_err(io::Error::from));
                        }
                    }
                }
                waiting => {
                    if let Some(Full::Asleep(sleep)) = waiting {
                        ready!(sleep.as_mut().poll(cx));
                    }
                    // The runtime is not asked first: what is said on drop, at the last moment, has to leave at once.
                    match self
                        .room
                        .send(&self.fd, buf, |buf| self.company.send(&self.fd, buf))
                    {
                        Err(Errno::WOULDBLOCK) => {
                            let reader = self.reader.as_mut();
                            *waiting = Some(Full::new(&self.fd, reader, &self.runtime)?);
                        }
                        answer => {
                            *waiting = None;
                            return Poll::Ready(answer.map_err(io::Error::from));
                        }
                    }
                }
            }
        }
    }

    /// Writes one after the other; it may end in the midst of either.
    pub(crate) fn poll_write_both(
        &mut self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Whatever is known of the room: who writes more than one at once has waited for nothing yet.
        if self.company.is_none() {
            match send_both(&self.fd, first, second) {
                Err(Errno::WOULDBLOCK) => {}
                answer => {
                    self.count(answer == Ok(first.len() + second.len()));
                    return Poll::Ready(answer.map_err(io::Error::from));
                }
            }
        }
        self.poll_write(cx, first)
    }

    pub(crate) fn end(&mut self) -> bool {
        // It fails if the peer is gone, and then there is nothing left to end.
        let _ = shutdown(&self.fd, Shutdown::Write);
        true
    }

    /// There is no room: only the end of the one who could make some is to be told.
    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(reader) = &mut self.reader {
            ready!(reader.poll(cx));
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Pending
    }

    pub(crate) fn make_room(&mut self) {
        make_room(&self.fd);
        // Not only when the runtime comes round to see it.
        self.full = None;
    }

    /// Stops being told of room when the peer has kept up for a while; to start and stop at every turn would cost
    /// a stream of large messages more than it saves.
    fn count(&mut self, found_room: bool) {
        if let Some(Full::Watched(_, calm)) = &mut self.full {
            *calm = if found_room { *calm + 1 } else { 0 };
            if *calm == 64 {
                self.full = None;
            }
        }
    }
}

#[cfg(feature = "node")]
impl ReadHalf {
    pub(crate) fn take_handle(&mut self) -> Option<OwnedFd> {
        self.received.as_mut()?.take()
    }
}

#[cfg(feature = "node")]
impl WriteHalf {
    #[expect(
        clippy::unused_self,
        reason = "on other systems it counts who is asked"
    )]
    pub(crate) fn describe(&self, _: &OwnedFd) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    pub(crate) fn send_handle(&mut self, position: u64, fd: OwnedFd) {
        if let Some(sending) = &mut self.company.0 {
            sending.add(position, fd);
        }
    }
}

/// What goes beside the bytes, if anything ever does.
#[cfg(feature = "node")]
#[derive(Debug)]
struct Company(Option<Box<Sending>>);

#[cfg(feature = "node")]
impl Company {
    fn is_none(&self) -> bool {
        self.0.is_none()
    }

    fn fitting<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        match &self.0 {
            Some(sending) => sending.fitting(buf),
            None => buf,
        }
    }

    fn send(&mut self, fd: &OwnedFd, buf: &[u8]) -> rustix::io::Result<usize> {
        match &mut self.0 {
            Some(sending) => sending.send(fd, buf),
            None => send_now(fd, buf),
        }
    }
}

/// Nothing goes beside the bytes.
#[cfg(not(feature = "node"))]
#[derive(Debug)]
struct Company;

#[cfg(not(feature = "node"))]
impl Company {
    fn is_none(&self) -> bool {
        true
    }

    fn fitting<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf
    }

    fn send(&mut self, fd: &OwnedFd, buf: &[u8]) -> rustix::io::Result<usize> {
        send_now(fd, buf)
    }
}

impl Full {
    fn new(fd: &OwnedFd, reader: Option<&mut ExitWatch>, runtime: &Handle) -> io::Result<Self> {
        let _runtime = runtime.enter();
        let is_watched = reader.is_none_or(|reader| reader.begin().is_ok());
        match fcntl_dupfd_cloexec(fd, 3) {
            Ok(second) if is_watched => Ok(Self::Watched(
                watch(Arc::new(second), Interest::WRITABLE)?,
                0,
            )),
            _ => Ok(Self::Asleep(Box::pin(sleep(Duration::from_millis(10))))),
        }
    }
}

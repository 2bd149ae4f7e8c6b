//! Streams and listeners for threads that wait.
//!
//! The operations are those of the other form, on the thread pool's completion port, and for the same reason: what a
//! thread has begun must not end with that thread. A write that waits goes on in the background, and is asked for later.

use std::io::{self, Read as _};
use std::os::windows::io::AsRawHandle as _;
use std::process::ChildStderr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::connecting::{Attempt, Connecting, jitter};
use super::exit::Exit;
use super::listener::{Instances, PAUSE};
use super::overlapped::Port;
use super::parker::{Parker, Waiters};
use super::pipe::{self, Direction};
use super::stream::{Channel, ReadHalf, WriteHalf};
use crate::Name;
use crate::blocking::{Ready, Want};
use crate::handoff::End;

#[derive(Debug)]
pub(crate) struct Stream {
    /// `None` when the stream was shut down.
    read: Mutex<Option<ReadHalf>>,
    write: Mutex<Option<WriteHalf>>,
    waiters: Arc<Waiters>,
    /// `waiters`, as the operations see it.
    waker: Waker,
    rung: AtomicBool,
    peer_pid: Option<u32>,
}

impl Stream {
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = pipe::pair(Direction::Both)?;
        Ok((
            Self::of_channel(Channel::new(one))?,
            Self::of_channel(Channel::new(other))?,
        ))
    }

    pub(crate) fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        let connecting = Connecting::new(name, deadline)?;
        loop {
            match connecting.attempt()? {
                Attempt::Done(port, peer) => return Ok(Self::new(port, peer)),
                Attempt::Again(pause) => std::thread::sleep(pause),
            }
        }
    }

    fn new(port: Arc<Port>, peer_pid: Option<u32>) -> Self {
        let read = ReadHalf::new(Arc::clone(&port));
        Self::of_halves(read, WriteHalf::new(port), peer_pid)
    }

    fn of_halves(read: ReadHalf, write: WriteHalf, peer_pid: Option<u32>) -> Self {
        let waiters = Arc::new(Waiters::default());
        Self {
            read: Mutex::new(Some(read)),
            write: Mutex::new(Some(write)),
            waker: Waker::from(Arc::clone(&waiters)),
            waiters,
            rung: AtomicBool::new(false),
            peer_pid,
        }
    }

    pub(crate) fn peer_pid(&self) -> Option<u32> {
        self.peer_pid
    }

    /// No call here both waits and reads.
    pub(crate) fn read_soon(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_seen(buf)
    }

    pub(crate) fn bound_reads(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn read_seen(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut *lock(&self.read) {
            Some(read) => read.read_seen(&self.waker, buf),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut *lock(&self.read) {
            Some(read) => read.try_read(buf),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    pub(crate) fn arrived(&self) -> io::Result<u64> {
        match &*lock(&self.read) {
            Some(read) => read.arrived(),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let write = &mut *lock(&self.write);
        let Some(write) = write else {
            return Err(io::ErrorKind::ConnectionAborted.into());
        };
        if buf.is_empty() {
            return Ok(0);
        }
        match write.poll_write_once(&self.waker, buf) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// There is no such call.
    pub(crate) fn try_write_both(&self, first: &[u8], _: &[u8]) -> io::Result<usize> {
        self.try_write(first)
    }

    pub(crate) fn wait(&self, mut want: Want<'_>) -> io::Result<Ready> {
        let waiting = self.waiters.add();
        let parker = waiting.parker();
        parker.clear();
        if let Some(ready) = self.look(&mut want) {
            return Ok(ready);
        }
        parker.park(want.until);
        Ok(self.look(&mut want).unwrap_or_default())
    }

    /// What is ready. If nothing is, the waiters will be woken by what will be.
    fn look(&self, want: &mut Want<'_>) -> Option<Ready> {
        let rung = want.bell && self.rung.swap(false, Ordering::AcqRel);
        let ready = Ready {
            read: want.read
                && lock(&self.read)
                    .as_mut()
                    .is_none_or(|read| read.poll_readable(&self.waker).is_ready()),
            write: want.write
                && lock(&self.write)
                    .as_mut()
                    .is_none_or(|write| write.poll_writable(&self.waker).is_ready()),
            exit: want.exit.as_mut().is_some_and(|process| {
                let mut cx = Context::from_waker(&self.waker);
                process.0.poll_wait(&mut cx).is_ready()
            }),
        };
        (rung || ready.read || ready.write || ready.exit).then_some(ready)
    }

    /// There always is one.
    pub(crate) fn hang_bell(&self) {}

    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }

    /// The size of a pipe was settled when it was made.
    pub(crate) fn make_room(&self) {}

    #[cfg(feature = "node")]
    pub(crate) fn end(&self) -> bool {
        lock(&self.write).as_mut().is_none_or(WriteHalf::end)
    }

    pub(crate) fn shut_down(&self) {
        // The pipe closes when both are gone.
        let read = lock(&self.read).take();
        let write = lock(&self.write).take();
        drop((read, write));
        self.waker.wake_by_ref();
    }
}

#[cfg(feature = "node")]
impl Stream {
    pub(crate) fn take_handle(&self) -> Option<super::Handle> {
        lock(&self.read).as_mut()?.take_handle()
    }

    pub(crate) fn describe(&self, handle: &super::Handle) -> io::Result<Vec<u8>> {
        match &*lock(&self.write) {
            Some(write) => write.describe(handle),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    pub(crate) fn send_handle(&self, position: u64, handle: super::Handle) {
        if let Some(write) = &mut *lock(&self.write) {
            write.send_handle(position, handle);
        }
    }
}

impl End for Stream {
    fn check() -> io::Result<()> {
        Ok(())
    }

    fn of_channel(channel: Channel) -> io::Result<Self> {
        let (read, write) = channel.open()?;
        Ok(Self::of_halves(read, write, None))
    }

    fn read_by(&mut self, process: Exit) {
        if let Some(write) = &mut *lock(&self.write) {
            write.read_by(process);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Listener(Instances);

impl Listener {
    pub(crate) fn bind(name: &Name) -> io::Result<Self> {
        Instances::bind(name).map(Self)
    }

    pub(crate) fn accept(&mut self, deadline: Option<Instant>) -> io::Result<Option<Stream>> {
        let parker = Parker::current();
        let waker = Waker::from(Arc::clone(&parker));
        let Self(instances) = self;
        loop {
            let filled = instances.fill_or_fail()?;
            let soon = Instant::now() + jitter(PAUSE);
            let soon = Some(deadline.map_or(soon, |deadline| soon.min(deadline)));
            parker.clear();
            match instances.poll_next(&waker) {
                Poll::Ready(Some(port)) => {
                    if let Some((port, peer)) = instances.admit(port) {
                        return Ok(Some(Stream::new(port, peer)));
                    }
                }
                Poll::Ready(None) => parker.park(soon),
                Poll::Pending => parker.park(if filled { deadline } else { soon }),
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }
}

/// Reads from a pipe, and waits no longer than that.
pub(crate) fn read_until(
    pipe: &mut ChildStderr,
    buf: &mut [u8],
    until: Instant,
) -> io::Result<usize> {
    loop {
        match pipe::arrived_in(pipe.as_raw_handle())? {
            0 if until <= Instant::now() => return Err(io::ErrorKind::TimedOut.into()),
            // The system tells nobody when bytes arrive in a pipe that others read.
            0 => std::thread::sleep(Duration::from_millis(5)),
            arrived => {
                let size = arrived.min(buf.len());
                return pipe.read(&mut buf[..size]);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The same for threads that wait: no runtime is needed or started.
//!
//! One thread may read while another writes; who waits for what is the caller's to decide, with
//! [`wait`](Stream::wait). What is shared with the other form ([`Process`], [`Options`](crate::Options), …) stands one level up.

use std::io;
use std::process::ChildStderr;
use std::time::Instant;

#[cfg(model)]
use self::model::Stream as Backend;
use crate::handoff::Wrap;
use crate::{Name, Process, sys};

#[cfg(model)]
#[path = "../../models/platform/stream.rs"]
mod model;

/// What carries the bytes; in `models/`, which tries the schedules of threads, something that knows of them.
#[cfg(not(model))]
type Backend = sys::blocking::Stream;

/// A connected, two-way byte stream to one other process of the same user.
#[derive(Debug)]
pub struct Stream(Backend);

/// What a thread waits for.
#[derive(Debug, Default)]
pub struct Want<'a> {
    /// Bytes have arrived, or the end has.
    pub read: bool,
    /// There is room, or nobody is left to make some.
    pub write: bool,
    /// Another thread calls [`Stream::ring`].
    pub bell: bool,
    /// This process has ended.
    pub exit: Option<&'a mut Process>,
    /// The time is over.
    pub until: Option<Instant>,
}

/// What a thread need not wait for any more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ready {
    /// As in [`Want`].
    pub read: bool,
    /// As in [`Want`].
    pub write: bool,
    /// As in [`Want`].
    pub exit: bool,
}

impl Stream {
    /// Two ends that are joined.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors or handles to give.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = Backend::pair()?;
        Ok((Self(one), Self(other)))
    }

    /// As [`Stream::connect`](crate::Stream) of the other form.
    ///
    /// # Errors
    ///
    /// `NotFound` or `ConnectionRefused` if nobody listens, `PermissionDenied` if the server belongs to
    /// another user, `TimedOut` at the deadline.
    pub fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        Backend::connect(name, deadline).map(Self)
    }

    /// The process at the other end, as the system recorded it when the connection was made. A hint for people.
    pub fn peer_pid(&self) -> Option<u32> {
        self.0.peer_pid()
    }

    /// Reads, and may wait for something to read: one system call does both.
    ///
    /// It waits until bytes come or the end does, but after [`bound_reads`](Self::bound_reads) for a moment only (some
    /// 20 ms). Where the system has no such call this does not wait at all.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing arrived in that moment.
    pub fn read_soon(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_soon(buf)
    }

    /// Lets [`read_soon`](Self::read_soon) of this stream wait for a moment only, from here on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn bound_reads(&self) -> io::Result<()> {
        self.0.bound_reads()
    }

    /// Reads without waiting. What has arrived only just now may not be seen yet.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there.
    pub fn read_seen(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_seen(buf)
    }

    /// Reads what has already arrived, without waiting: `WouldBlock` proves that there is no more, even while
    /// a grandchild still holds the other end open.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    /// How many bytes have arrived and were not read: never too few, and hardly too many.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn arrived(&self) -> io::Result<u64> {
        self.0.arrived()
    }

    /// Writes as much as there is room for, and answers how much the system has taken: that arrives even if this
    /// process ends the next moment.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room. Where the system writes in the background (Windows) it may be writing these
    /// bytes then, so the next call must offer the same bytes again. `BrokenPipe` if the other end is closed, or
    /// belongs to a child that has ended and there is no room.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    /// Writes one after the other, in one call where the system has such a call. May end in the midst of either.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_both(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        match (first, second) {
            (only, []) | ([], only) => self.0.try_write(only),
            _ => self.0.try_write_both(first, second),
        }
    }

    /// Waits for one of several things. May return early, with nothing ready.
    ///
    /// # Errors
    ///
    /// If the system cannot wait.
    pub fn wait(&self, want: Want<'_>) -> io::Result<Ready> {
        self.0.wait(want)
    }

    /// Makes sure that there is a bell from here on, if the system has one to give.
    pub fn hang_bell(&self) {
        self.0.hang_bell();
    }

    /// Ends a wait that [wants the bell](Want::bell), of another thread: the one that runs or the next one.
    ///
    /// Without a bell it does nothing.
    pub fn ring(&self) {
        self.0.ring();
    }

    /// Makes room for a few more bytes than usual, for the end: what waits then cannot wait any longer.
    pub fn make_room(&self) {
        self.0.make_room();
    }

    /// Closes both directions under the hands of all that use them.
    pub fn shut_down(&self) {
        self.0.shut_down();
    }
}

#[cfg(feature = "node")]
impl Stream {
    /// Ends the outgoing direction: the peer reads the end of the stream behind all that was written, while the other
    /// direction goes on. `false` on Windows, where pipes end in both directions or in none.
    pub fn end(&self) -> bool {
        self.0.end()
    }

    /// The first handle, of a channel from or to Node, that has come beside the bytes read so far and was not taken yet.
    pub fn take_handle(&self) -> Option<crate::Handle> {
        self.0.take_handle()
    }

    /// What has to stand in the stream, in front of the bytes with which `handle` goes, for the process at the other end to
    /// find it: nothing on Unix.
    ///
    /// # Errors
    ///
    /// What the system says. `Unsupported` on a channel that is not from or to Node.
    pub fn describe(&self, handle: &crate::Handle) -> io::Result<Vec<u8>> {
        self.0.describe(handle)
    }

    /// Over a channel from or to Node, sends `handle` along with the byte at `position`, counted from the first byte of
    /// the stream, which is still to be written. Positions do not go down.
    pub fn send_handle(&self, position: u64, handle: crate::Handle) {
        self.0.send_handle(position, handle);
    }
}

impl Stream {
    #[cfg(not(model))]
    fn of(backend: Backend) -> Self {
        Self(backend)
    }

    #[cfg(model)]
    fn of(_: sys::blocking::Stream) -> Self {
        unreachable!("nobody listens in a model")
    }
}

impl Wrap for Stream {
    type Inner = Backend;

    fn wrap(inner: Self::Inner) -> Self {
        Self(inner)
    }
}

/// The owner of a [`Name`], as [`Listener`](crate::Listener) of the other form.
#[derive(Debug)]
pub struct Listener(sys::blocking::Listener);

impl Listener {
    /// Takes the name and starts to listen, for this user only.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a live server has the name, `AlreadyExists` if something that is not an abandoned socket
    /// of ours is in its place, `PermissionDenied` if the folder of the name could be changed by other users.
    pub fn bind(name: &Name) -> io::Result<Self> {
        sys::blocking::Listener::bind(name).map(Self)
    }

    /// Waits for the next client of the same user; `None` at the deadline.
    ///
    /// # Errors
    ///
    /// If the listener itself is broken.
    pub fn accept(&mut self, deadline: Option<Instant>) -> io::Result<Option<Stream>> {
        Ok(self.0.accept(deadline)?.map(Stream::of))
    }
}

/// The last `limit` bytes that come out of a pipe, as far as they come before `until`.
pub fn tail(pipe: &mut ChildStderr, limit: usize, until: Instant) -> Vec<u8> {
    let mut tail = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = sys::blocking::read_until(pipe, &mut chunk, until) {
        tail.extend_from_slice(&chunk[..count]);
        let excess = tail.len().saturating_sub(limit);
        tail.drain(..excess);
    }
    tail
}

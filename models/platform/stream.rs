//! A stream for threads that does no more than it must: two buffers, one lock, and one condition that every thread which
//! waits is told of. What has a deadline that is near may come back with nothing; what has one that is far waits for ever,
//! so that a wake-up which is lost is a deadlock that the scheduler finds.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shuttle::sync::{Condvar, Mutex, MutexGuard};

use super::{Ready, Want};
use crate::handoff::End;
use crate::{Name, sys};

/// One of two ends that are joined.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Which end this is.
    side: usize,
    pair: Arc<Pair>,
}

#[derive(Debug, Default)]
struct Pair {
    state: Mutex<State>,
    changed: Condvar,
}

/// Of both ends: what is on its way to each, and what each has done.
#[derive(Debug, Default)]
struct State {
    bytes: [Vec<u8>; 2],
    closed: [bool; 2],
    room: [usize; 2],
    /// Reads that wait do so for a moment only.
    bounded: [bool; 2],
    /// `None` without a bell.
    rung: [Option<bool>; 2],
}

impl State {
    fn read(&mut self, side: usize, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = &mut self.bytes[side];
        let count = bytes.len().min(buf.len());
        if count == 0 && !self.closed[1 - side] {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        for (to, from) in buf.iter_mut().zip(bytes.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    fn is_readable(&self, side: usize) -> bool {
        !self.bytes[side].is_empty() || self.closed[1 - side]
    }

    fn room(&self, side: usize) -> usize {
        self.room[side].saturating_sub(self.bytes[1 - side].len())
    }
}

impl Stream {
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let pair = Arc::new(Pair::default());
        let end = |side| Self {
            side,
            pair: Arc::clone(&pair),
        };
        let ends = (end(0), end(1));
        ends.0.state().room = [ROOM; 2];
        Ok(ends)
    }

    pub(crate) fn connect(_: &Name, _: Instant) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn peer_pid(&self) -> Option<u32> {
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.pair.state.lock().unwrap()
    }

    fn changes<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.pair.changed.notify_all();
        result
    }

    pub(crate) fn read_soon(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        while !state.bounded[self.side] && !state.is_readable(self.side) {
            state = self.pair.changed.wait(state).unwrap();
        }
        drop(state);
        self.try_read(buf)
    }

    pub(crate) fn bound_reads(&self) -> io::Result<()> {
        self.state().bounded[self.side] = true;
        Ok(())
    }

    pub(crate) fn read_seen(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_read(buf)
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.changes(|state| state.read(self.side, buf))
    }

    pub(crate) fn arrived(&self) -> io::Result<u64> {
        Ok(self.state().bytes[self.side].len() as u64)
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.changes(|state| {
            if state.closed[1 - self.side] {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let count = state.room(self.side).min(buf.len());
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.bytes[1 - self.side].extend_from_slice(&buf[..count]);
            Ok(count)
        })
    }

    pub(crate) fn try_write_both(&self, first: &[u8], _: &[u8]) -> io::Result<usize> {
        self.try_write(first)
    }

    pub(crate) fn wait(&self, want: Want<'_>) -> io::Result<Ready> {
        let soon = want.until.is_some_and(|until| until < Instant::now() + FAR);
        if soon {
            shuttle::thread::yield_now();
        }
        let mut state = self.state();
        loop {
            let gone = state.closed[1 - self.side];
            let ready = Ready {
                read: want.read && state.is_readable(self.side),
                write: want.write && (gone || state.room(self.side) > 0),
                exit: false,
            };
            let rung = want.bell && state.rung[self.side].replace(false) == Some(true);
            if ready.read || ready.write || rung || soon {
                return Ok(ready);
            }
            state = self.pair.changed.wait(state).unwrap();
        }
    }

    pub(crate) fn hang_bell(&self) {
        self.state().rung[self.side].get_or_insert(false);
    }

    pub(crate) fn ring(&self) {
        self.changes(|state| {
            if let Some(rung) = &mut state.rung[self.side] {
                *rung = true;
            }
        });
    }

    pub(crate) fn make_room(&self) {
        self.state().room[self.side] += 100;
    }

    pub(crate) fn shut_down(&self) {
        self.changes(|state| state.closed[self.side] = true);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // When a model fails, its threads unwind, and the lock is poisoned.
        if !std::thread::panicking() {
            self.shut_down();
        }
    }
}

impl End for Stream {
    fn check() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn of_channel(_: sys::Channel) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read_by(&mut self, _: sys::Exit) {}
}

/// How much each direction holds: a hello, and little more.
const ROOM: usize = 80;

/// What ends later does not end in a model.
const FAR: Duration = Duration::from_secs(5);

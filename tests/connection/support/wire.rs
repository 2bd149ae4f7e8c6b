//! A transport that is as ungenerous as the contract of `AsyncRead` and `AsyncWrite` allows.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use offspring::transport::Halves;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Random;

pub(crate) type End = Halves<ReadEnd, WriteEnd>;

/// Creates two ends, and a tap on each direction: from the first to the second, and back.
pub(crate) fn joined(capacity: usize) -> (End, End, Tap, Tap) {
    let (left, there, back) = one_end(capacity);
    let right = Halves(ReadEnd(there.clone()), WriteEnd(back.clone()));
    (left, right, there, back)
}

/// Creates one end, a tap on what it writes, and one on what it reads.
pub(crate) fn one_end(capacity: usize) -> (End, Tap, Tap) {
    let (from, to) = (Tap::new(capacity), Tap::new(capacity));
    (
        Halves(ReadEnd(to.clone()), WriteEnd(from.clone())),
        from,
        to,
    )
}

/// One direction, in the hands of the test.
#[derive(Clone)]
pub(crate) struct Tap(Arc<Mutex<Pipe>>);

struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// What one call moves at most.
    step: usize,
    /// Makes calls wait for no reason.
    moody: Option<Random>,
    frozen: bool,
    closed: bool,
    reader_gone: bool,
    read_fault: Option<io::ErrorKind>,
    write_fault: Option<io::ErrorKind>,
    /// Bytes that were written but not flushed.
    unflushed: Option<VecDeque<u8>>,
    flush_waits: bool,
    /// What happens just before a call is told to wait for the so-manieth time.
    event: Option<(usize, Vec<u8>)>,
    /// Calls that moved bytes.
    reads: usize,
    writes: usize,
    /// Only the task that was last told to wait is ever woken.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Tap {
    fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(Pipe {
            bytes: VecDeque::new(),
            capacity,
            step: usize::MAX,
            moody: None,
            frozen: false,
            closed: false,
            reader_gone: false,
            read_fault: None,
            write_fault: None,
            unflushed: None,
            flush_waits: false,
            event: None,
            reads: 0,
            writes: 0,
            reader: None,
            writer: None,
        })))
    }

    /// Changes something, and wakes those who may go on because of it.
    fn change<R>(&self, change: impl FnOnce(&mut Pipe) -> R) -> R {
        let mut pipe = self.0.lock().unwrap();
        let result = change(&mut pipe);
        let wakers = [pipe.reader.take(), pipe.writer.take()];
        drop(pipe);
        wakers.into_iter().flatten().for_each(Waker::wake);
        result
    }

    fn look<R>(&self, look: impl FnOnce(&mut Pipe) -> R) -> R {
        look(&mut self.0.lock().unwrap())
    }

    /// Adds bytes as if the writer had written them, whatever the capacity.
    pub(crate) fn put(&self, bytes: &[u8]) {
        self.change(|pipe| pipe.bytes.extend(bytes));
    }

    /// Adds bytes without waking anybody, as between an event and the word of it.
    pub(crate) fn put_silently(&self, bytes: &[u8]) {
        self.look(|pipe| pipe.bytes.extend(bytes));
    }

    /// Takes all bytes as if the reader had read them.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.change(|pipe| pipe.bytes.drain(..).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.look(|pipe| pipe.bytes.len())
    }

    pub(crate) fn reads(&self) -> usize {
        self.look(|pipe| pipe.reads)
    }

    pub(crate) fn writes(&self) -> usize {
        self.look(|pipe| pipe.writes)
    }

    /// Ends the stream of bytes as a dead process does.
    pub(crate) fn close(&self) {
        self.change(|pipe| pipe.closed = true);
    }

    pub(crate) fn close_silently(&self) {
        self.look(|pipe| pipe.closed = true);
    }

    /// Lets all reads fail after the bytes that are there.
    pub(crate) fn fail_reads(&self, kind: io::ErrorKind) {
        self.change(|pipe| pipe.read_fault = Some(kind));
    }

    pub(crate) fn fail_writes(&self, kind: io::ErrorKind) {
        self.change(|pipe| pipe.write_fault = Some(kind));
    }

    pub(crate) fn fail_writes_silently(&self, kind: io::ErrorKind) {
        self.look(|pipe| pipe.write_fault = Some(kind));
    }

    /// Thaws and brings bytes, and wakes, at the worst moment: while the call is under way that, as the `count`th one,
    /// is told to wait.
    pub(crate) fn change_at_wait(&self, count: usize, bytes: &[u8]) {
        self.look(|pipe| pipe.event = Some((count, bytes.to_vec())));
    }

    /// Whether what was asked of `change_at_wait` has not happened.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.look(|pipe| pipe.event.is_some())
    }

    fn waits(&self) {
        let due = self.look(|pipe| {
            let (count, _) = pipe.event.as_mut()?;
            *count -= 1;
            if *count > 0 { None } else { pipe.event.take() }
        });
        if let Some((_, bytes)) = due {
            self.thaw();
            self.put(&bytes);
        }
    }

    pub(crate) fn freeze(&self) {
        self.look(|pipe| pipe.frozen = true);
    }

    pub(crate) fn thaw(&self) {
        self.change(|pipe| pipe.frozen = false);
    }

    pub(crate) fn thaw_silently(&self) {
        self.look(|pipe| pipe.frozen = false);
    }

    /// Changes how many bytes fit in.
    pub(crate) fn widen(&self, capacity: usize) {
        self.change(|pipe| pipe.capacity = capacity);
    }

    /// Moves at most so many bytes in one call.
    pub(crate) fn step(&self, bytes: usize) {
        self.look(|pipe| pipe.step = bytes);
    }

    /// Lets calls wait at random although there is something to do.
    pub(crate) fn moody(&self, seed: u64) {
        self.look(|pipe| pipe.moody = Some(Random::new(seed)));
    }

    /// Keeps what is written until it is flushed, and flushes nothing before `let_flush`.
    pub(crate) fn buffer(&self) {
        self.look(|pipe| {
            pipe.unflushed = Some(VecDeque::new());
            pipe.flush_waits = true;
        });
    }

    pub(crate) fn let_flush(&self) {
        self.change(|pipe| pipe.flush_waits = false);
    }
}

impl Pipe {
    /// Waits for no reason, now and then. The waker is called at once.
    fn sulks(&mut self) -> bool {
        self.moody
            .as_mut()
            .is_some_and(|random| random.below(3) == 0)
    }
}

pub(crate) struct ReadEnd(Tap);

impl AsyncRead for ReadEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.0.0.lock().unwrap();
        if pipe.sulks() {
            drop(pipe);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let count = buf.remaining().min(pipe.bytes.len()).min(pipe.step);
        if pipe.frozen || (count == 0 && !pipe.closed && pipe.read_fault.is_none()) {
            pipe.reader = Some(cx.waker().clone());
            drop(pipe);
            self.0.waits();
            return Poll::Pending;
        }
        pipe.reader = None;
        if count == 0 {
            return Poll::Ready(pipe.read_fault.map_or(Ok(()), |kind| Err(kind.into())));
        }
        pipe.reads += 1;
        for byte in pipe.bytes.drain(..count) {
            buf.put_slice(&[byte]);
        }
        let writer = pipe.writer.take();
        drop(pipe);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.0.change(|pipe| pipe.reader_gone = true);
    }
}

pub(crate) struct WriteEnd(Tap);

impl AsyncWrite for WriteEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.0.lock().unwrap();
        if pipe.sulks() {
            drop(pipe);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let fault = if pipe.reader_gone {
            Some(io::ErrorKind::BrokenPipe)
        } else {
            pipe.write_fault
        };
        if let Some(kind) = fault {
            pipe.writer = None;
            return Poll::Ready(Err(kind.into()));
        }
        let room = pipe.capacity - pipe.bytes.len().min(pipe.capacity);
        let count = bytes.len().min(room).min(pipe.step);
        if pipe.frozen || count == 0 {
            pipe.writer = Some(cx.waker().clone());
            drop(pipe);
            self.0.waits();
            return Poll::Pending;
        }
        pipe.writer = None;
        pipe.writes += 1;
        let state = &mut *pipe;
        state
            .unflushed
            .as_mut()
            .unwrap_or(&mut state.bytes)
            .extend(&bytes[..count]);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.0.0.lock().unwrap();
        if pipe.flush_waits {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(mut bytes) = pipe.unflushed.as_mut().map(std::mem::take) else {
            return Poll::Ready(Ok(()));
        };
        pipe.writer = None;
        pipe.bytes.append(&mut bytes);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        unreachable!("a transport is never shut down")
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.0.change(|pipe| {
            if let Some(unflushed) = &mut pipe.unflushed {
                unflushed.clear();
            }
            pipe.closed = true;
        });
    }
}

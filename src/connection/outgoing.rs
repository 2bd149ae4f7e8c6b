//! The way out of a connection: what waits to leave, and who writes it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker, ready};

use serde::Serialize;
use tokio::io::AsyncWrite;

use crate::Config;
use crate::connection::lock;
use crate::connection::wakers::Wakers;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Outbox;

/// What leaves, of all senders of a connection.
///
/// ```text
///  Sender ─ encode ─▶ outbox ─ swap ─▶ batch ─ write ─▶ transport
///  bytes of all time:    fed ≤ encoded          written
/// ```
///
/// No lock is held across an `await`: a task that is not polled any more cannot hold up the others. Lock order:
/// `writer` before `outbox`.
pub(super) struct Outgoing<W> {
    outbox: Mutex<Outbox>,
    writer: Mutex<Writer<W>>,
    wakers: Arc<Wakers>,
    /// `wakers`, as the transport sees it.
    waker: Waker,
    /// How many bytes were ever encoded, up to the last message or goodbye and in all.
    fed: AtomicU64,
    encoded: AtomicU64,
    /// How many of them the transport has taken.
    written: AtomicU64,
    /// The transport may still keep some of those to itself.
    unflushed: AtomicBool,
    /// This side has said goodbye.
    closed: AtomicBool,
    failed: OnceLock<io::ErrorKind>,
    /// The thread that is encoding a message at this moment.
    encoder: AtomicUsize,
    /// How many bytes may wait.
    limit: u64,
}

struct Writer<W> {
    /// `None` after an abort.
    half: Option<W>,
    batch: Vec<u8>,
    /// How much of `batch` is written.
    position: usize,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(super) fn new(half: W, config: &Config, wakers: &Arc<Wakers>) -> Self {
        let mut outbox = Outbox::new(config.limits, config.encoding);
        outbox.push_hello(&config.hello());
        Self {
            fed: AtomicU64::new(outbox.total()),
            encoded: AtomicU64::new(outbox.total()),
            outbox: Mutex::new(outbox),
            writer: Mutex::new(Writer {
                half: Some(half),
                batch: Vec::new(),
                position: 0,
            }),
            wakers: Arc::clone(wakers),
            waker: Waker::from(Arc::clone(wakers)),
            written: AtomicU64::new(0),
            unflushed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            failed: OnceLock::new(),
            encoder: AtomicUsize::new(NOBODY),
            // Something has to be taken when nothing waits, or nothing ever would be.
            limit: (config.send_buffer as u64).max(1),
        }
    }

    /// Encodes a message and tells the position in the stream behind it; `None` if it has to wait for room.
    pub(super) fn push<M: Serialize + ?Sized>(&self, message: &M) -> Option<Result<u64>> {
        let mut outbox = self.outbox();
        if let Some(kind) = self.failed.get() {
            return Some(Err(gone(*kind)));
        }
        if self.waiting_bytes() >= self.limit && !self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let encoding = Encoding::begin(&self.encoder);
        let result = outbox.push(message);
        drop(encoding);
        let total = outbox.total();
        self.encoded.store(total, Ordering::Release);
        if result.is_ok() {
            self.fed.store(total, Ordering::Release);
        }
        Some(result.map(|()| total))
    }

    /// Says goodbye, once: no message follows.
    pub(super) fn push_goodbye(&self, taken: impl FnOnce() -> u64) {
        self.push_control(|outbox| {
            // The second time it says that there was a first time, which is what is wanted.
            if outbox.push_goodbye(taken()).is_ok() {
                self.closed.store(true, Ordering::Relaxed);
                self.fed.store(outbox.total(), Ordering::Release);
            }
        });
    }

    /// Tells the other side how many of its messages the program has taken.
    pub(super) fn push_taken(&self, taken: impl FnOnce() -> u64) {
        self.push_control(|outbox| outbox.push_taken(taken()));
    }

    /// What is told is looked up under the lock, for the numbers must not go down on their way out.
    fn push_control(&self, push: impl FnOnce(&mut Outbox)) {
        let mut outbox = self.outbox();
        if self.failed.get().is_none() {
            push(&mut outbox);
            self.encoded.store(outbox.total(), Ordering::Release);
        }
    }

    /// Notes the largest message that the other side receives.
    pub(super) fn set_peer_limit(&self, bytes: u64) {
        self.outbox().set_peer_limit(bytes);
    }

    /// How many messages were ever encoded.
    pub(super) fn messages(&self) -> u64 {
        self.outbox().messages()
    }

    /// The position in the stream behind everything that was fed so far.
    pub(super) fn fed(&self) -> u64 {
        self.fed.load(Ordering::Acquire)
    }

    /// The position up to which all must be written for the next message to be taken.
    pub(super) fn room(&self) -> u64 {
        (self.encoded() + 1).saturating_sub(self.limit)
    }

    /// How many bytes the transport has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// How many bytes wait and may still leave.
    pub(super) fn waiting_bytes(&self) -> u64 {
        if self.failed.get().is_some() {
            return 0;
        }
        self.encoded().saturating_sub(self.written())
    }

    /// Whether everything has left that may still leave.
    pub(super) fn is_idle(&self) -> bool {
        self.failed.get().is_some() || self.has_left(self.encoded())
    }

    fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Acquire)
    }

    fn has_left(&self, target: u64) -> bool {
        // In this order: `unflushed` is set before `written` grows.
        self.written() >= target && !self.unflushed.load(Ordering::Acquire)
    }

    /// Writes what waits as far as possible without waiting.
    pub(super) fn poll_flush_all(&self) -> Poll<Result<()>> {
        self.poll_flush(self.encoded())
    }

    /// Writes until the transport has taken everything before `target`.
    ///
    /// Whoever comes here writes for all: everything encoded so far goes out in one batch.
    pub(super) fn poll_flush(&self, target: u64) -> Poll<Result<()>> {
        if self.has_left(target) {
            return Poll::Ready(Ok(()));
        }
        let before = self.written();
        let polled = self.poll_write(target);
        match polled {
            Poll::Ready(Err(kind)) => {
                self.wakers.wake_all();
                return Poll::Ready(Err(gone(kind)));
            }
            // It may have been written before and flushed only now.
            Poll::Ready(Ok(())) => self.wakers.wake_written(self.written()),
            Poll::Pending if self.written() > before => self.wakers.wake_written(self.written()),
            Poll::Pending => {}
        }
        polled.map(|_| Ok(()))
    }

    fn poll_write(&self, target: u64) -> Poll<Result<(), io::ErrorKind>> {
        let mut guard = lock(&self.writer);
        if let Some(kind) = self.failed.get() {
            return Poll::Ready(Err(*kind));
        }
        let mut cx = Context::from_waker(&self.waker);
        let written = ready!(self.poll_write_batches(&mut guard, target, &mut cx));
        Poll::Ready(written.map_err(|error| {
            self.fail(&mut guard, error.kind());
            error.kind()
        }))
    }

    fn poll_write_batches(
        &self,
        writer: &mut Writer<W>,
        target: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(half) = &mut writer.half else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        while !self.has_left(target) {
            if self.unflushed.load(Ordering::Relaxed) {
                // Costs nothing on `Local`, where it does nothing; other transports may buffer.
                ready!(Pin::new(&mut *half).poll_flush(cx))?;
                self.unflushed.store(false, Ordering::Release);
            } else if writer.position < writer.batch.len() {
                let rest = &writer.batch[writer.position..];
                let count = match ready!(Pin::new(&mut *half).poll_write(cx, rest)) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                writer.position += count;
                self.unflushed.store(true, Ordering::Release);
                self.written.fetch_add(count as u64, Ordering::AcqRel);
            } else {
                writer.batch.clear();
                writer.position = 0;
                self.outbox().take(&mut writer.batch);
                if writer.batch.is_empty() {
                    break;
                }
            }
        }
        if writer.position == writer.batch.len() && writer.batch.capacity() > KEEP {
            self.give_back(writer);
        }
        Poll::Ready(Ok(()))
    }

    /// Lets the outbox decide whether a large buffer is kept.
    fn give_back(&self, writer: &mut Writer<W>) {
        writer.batch.clear();
        writer.position = 0;
        let mut outbox = self.outbox();
        if outbox.is_empty() {
            outbox.take(&mut writer.batch);
        }
    }

    /// Remembers that nothing leaves any more. Bytes that can never leave need no memory.
    fn fail(&self, writer: &mut Writer<W>, kind: io::ErrorKind) {
        // Before the outbox is emptied, so that nothing is put into it afterwards. The first failure counts.
        let _ = self.failed.set(kind);
        writer.batch = Vec::new();
        writer.position = 0;
        self.outbox().take(&mut Vec::new());
    }

    /// Takes nothing more, for the other side is known to be gone.
    pub(super) fn hang_up(&self) {
        if self.failed.get().is_none() {
            self.fail(&mut lock(&self.writer), io::ErrorKind::BrokenPipe);
            self.wakers.wake_all();
        }
    }

    /// Changes the transport.
    pub(super) fn with_half(&self, change: impl FnOnce(&mut W)) {
        if let Some(half) = &mut lock(&self.writer).half {
            change(half);
        }
    }

    /// Closes this direction in the middle of whatever is under way.
    pub(super) fn abort(&self) {
        let mut guard = lock(&self.writer);
        self.fail(&mut guard, io::ErrorKind::ConnectionAborted);
        let half = guard.half.take();
        drop(guard);
        drop(half);
        self.wakers.wake_all();
    }

    /// # Panics
    ///
    /// If this thread has locked it already. That can only be in the midst of a message, where a panic does no harm
    /// to the connection; to wait for oneself would.
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        assert!(
            self.encoder.load(Ordering::Relaxed) != this_thread(),
            "an implementation of `Serialize` uses the connection that it is being sent over"
        );
        lock(&self.outbox)
    }
}

/// While it lives, this thread is encoding a message.
struct Encoding<'a>(&'a AtomicUsize);

impl<'a> Encoding<'a> {
    fn begin(encoder: &'a AtomicUsize) -> Self {
        // Other threads need not see it: they only compare it with themselves.
        encoder.store(this_thread(), Ordering::Relaxed);
        Self(encoder)
    }
}

impl Drop for Encoding<'_> {
    fn drop(&mut self) {
        self.0.store(NOBODY, Ordering::Relaxed);
    }
}

/// A number that no other thread has, and cheap to get.
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(NOBODY + 1);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

#[cold]
fn gone(kind: io::ErrorKind) -> Error {
    Error::new(ErrorKind::Disconnected, "it is gone").with_source(io::Error::from(kind))
}

/// No thread.
const NOBODY: usize = 0;

/// A batch as large as this may stay for the next one.
const KEEP: usize = 4 * 1024;

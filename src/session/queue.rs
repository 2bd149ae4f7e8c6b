//! [`Queue`]: what waits to leave.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::encoder::Encoder;
use super::lock;
use crate::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::sync::{Mutex, MutexGuard};
use crate::wire::Outbox;
#[cfg(any(feature = "blocking", feature = "tokio"))]
use crate::wire::Outline;

/// What waits to leave, of all senders of a connection, and how far it has come.
///
/// ```text
///  Sender ─ encode ─▶ outbox ─ take ─▶ batch ─ write ─▶ transport
///  bytes of all time:    fed ≤ encoded          written
/// ```
///
/// The batch, and who writes it, are the driver's. Lock order: the driver's lock on the batch before `outbox`.
pub(crate) struct Queue {
    outbox: Mutex<Outbox>,
    /// How many bytes were ever encoded, up to the last message or goodbye and in all.
    fed: AtomicU64,
    encoded: AtomicU64,
    /// How many of them the transport has taken.
    written: AtomicU64,
    /// The transport may still keep some of those to itself.
    unflushed: AtomicBool,
    /// This side has said goodbye.
    closed: AtomicBool,
    /// The goodbye is the end of the stream, which is still to come.
    #[cfg(any(feature = "tokio", feature = "node"))]
    must_end: AtomicBool,
    failed: OnceLock<io::ErrorKind>,
    encoder: Encoder,
    /// How many bytes may wait.
    limit: u64,
}

impl Queue {
    pub(crate) fn new(config: &Config) -> Self {
        let mut outbox = Outbox::with_format(config.limits, config.encoding, config.format);
        if config.format.is_polite() {
            outbox.push_hello(&config.hello());
        }
        Self {
            fed: AtomicU64::new(outbox.total()),
            encoded: AtomicU64::new(outbox.total()),
            outbox: Mutex::new(outbox),
            written: AtomicU64::new(0),
            unflushed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            #[cfg(any(feature = "tokio", feature = "node"))]
            must_end: AtomicBool::new(!config.format.is_polite()),
            failed: OnceLock::new(),
            encoder: Encoder::default(),
            // Something has to be taken when nothing waits, or nothing ever would be.
            limit: (config.send_buffer as u64).max(1),
        }
    }

    /// Encodes a message and tells the position in the stream behind it; `None` if it has to wait for room.
    pub(crate) fn push<M: Serialize + ?Sized>(&self, message: &M) -> Option<Result<u64>> {
        let pushed = self.push_by(|outbox| outbox.push(message));
        pushed.map(|result| result.map(|(_, end)| end))
    }

    /// Encodes a message as [`push`](Self::push) does, unless it has large bytes: such a one is for the caller to
    /// [take](Self::take_outlined), or to push.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(crate) fn push_or_outline<M: Serialize + ?Sized>(
        &self,
        message: &M,
    ) -> Option<Result<Pushed>> {
        let mut outline = None;
        let pushed = self.push_by(|outbox| {
            outline = outbox.push_or_outline(message)?;
            Ok(())
        });
        Some(pushed?.map(|(_, end)| match outline {
            Some(outline) => Pushed::Outlined(Box::new(outline)),
            None => Pushed::Encoded(end),
        }))
    }

    /// Takes an outlined message, for the caller to write at once, and tells the position in the stream behind it. `None`
    /// if something else has to leave before.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(crate) fn take_outlined(&self, outline: &Outline) -> Result<Option<u64>> {
        let mut outbox = self.outbox();
        if let Some(kind) = self.failed.get() {
            return Err(gone(*kind));
        }
        if !outbox.is_empty() || !self.has_left(outbox.total()) {
            return Ok(None);
        }
        outbox.take_outlined(outline)?;
        let end = outbox.total();
        self.encoded.store(end, Ordering::Release);
        self.fed.store(end, Ordering::Release);
        Ok(Some(end))
    }

    /// Lends the empty batch a buffer for what there is no room for of such a message.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(crate) fn lend(&self, batch: &mut Vec<u8>) {
        self.outbox().lend(batch);
    }

    /// Answers a handle.
    #[cfg(feature = "node")]
    pub(crate) fn push_answer(&self, arrived: bool) {
        self.push_control(|outbox| outbox.push_answer(arrived));
    }

    fn push_by(&self, push: impl FnOnce(&mut Outbox) -> Result<()>) -> Option<Result<(u64, u64)>> {
        let mut outbox = self.outbox();
        if let Some(kind) = self.failed.get() {
            return Some(Err(gone(*kind)));
        }
        if self.waiting_bytes() >= self.limit && !self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let start = outbox.total();
        let encoding = self.encoder.begin();
        let result = push(&mut outbox);
        drop(encoding);
        let total = outbox.total();
        self.encoded.store(total, Ordering::Release);
        if result.is_ok() {
            self.fed.store(total, Ordering::Release);
        }
        Some(result.map(|()| (start, total)))
    }

    /// Says goodbye, once: no message follows.
    pub(crate) fn push_goodbye(&self, taken: impl FnOnce() -> u64) {
        self.push_control(|outbox| {
            // The second time it says that there was a first time, which is what is wanted.
            if outbox.push_goodbye(taken()).is_ok() {
                self.closed.store(true, Ordering::Release);
                self.fed.store(outbox.total(), Ordering::Release);
            }
        });
    }

    /// Tells the other side how many of its messages the program has taken.
    pub(crate) fn push_taken(&self, taken: impl FnOnce() -> u64) {
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

    /// Moves everything that was encoded into `batch`, which is empty.
    pub(crate) fn take(&self, batch: &mut Vec<u8>) {
        self.outbox().take(batch);
    }

    /// Lets the outbox decide whether the large, empty buffer of the writer is kept.
    pub(crate) fn give_back(&self, batch: &mut Vec<u8>) {
        if batch.capacity() > KEEP {
            batch.clear();
            let mut outbox = self.outbox();
            if outbox.is_empty() {
                outbox.take(batch);
            }
        }
    }

    /// Notes that the transport has taken `count` bytes more, and may keep some to itself.
    pub(crate) fn wrote(&self, count: usize, unflushed: bool) {
        // In this order: see `has_left`.
        if unflushed {
            self.unflushed.store(true, Ordering::Release);
        }
        self.written.fetch_add(count as u64, Ordering::AcqRel);
    }

    /// Notes that the transport keeps nothing to itself any more.
    #[cfg(feature = "tokio")]
    pub(crate) fn flushed(&self) {
        self.unflushed.store(false, Ordering::Release);
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn is_unflushed(&self) -> bool {
        self.unflushed.load(Ordering::Relaxed)
    }

    /// Remembers that nothing leaves any more. Bytes that can never leave need no memory.
    pub(crate) fn fail(&self, kind: io::ErrorKind) {
        // Before the outbox is emptied, so that nothing is put into it afterwards. The first failure counts.
        let _ = self.failed.set(kind);
        self.outbox().take(&mut Vec::new());
    }

    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.failed.get().copied()
    }

    /// Notes the largest message that the other side receives.
    pub(crate) fn set_peer_limit(&self, bytes: u64) {
        self.outbox().set_peer_limit(bytes);
    }

    /// How many messages were ever encoded.
    pub(crate) fn messages(&self) -> u64 {
        self.outbox().messages()
    }

    /// Whether this side has said goodbye.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The position in the stream behind everything that was fed so far.
    pub(crate) fn fed(&self) -> u64 {
        self.fed.load(Ordering::Acquire)
    }

    /// The position in the stream behind everything that was encoded so far.
    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Acquire)
    }

    /// The position up to which all must be written for the next message to be taken.
    pub(crate) fn room(&self) -> u64 {
        (self.encoded() + 1).saturating_sub(self.limit)
    }

    /// How many bytes the transport has taken so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// How many bytes wait and may still leave.
    #[inline]
    pub(crate) fn waiting_bytes(&self) -> u64 {
        if self.failed.get().is_some() {
            return 0;
        }
        self.encoded().saturating_sub(self.written())
    }

    /// Whether everything has left that may still leave.
    pub(crate) fn is_idle(&self) -> bool {
        self.failed.get().is_some() || self.has_left(self.encoded())
    }

    /// Whether the transport has taken everything that was ever sent.
    pub(crate) fn has_written_all(&self) -> bool {
        self.failed.get().is_none() && self.has_left(self.encoded())
    }

    /// True once: when the goodbye is the end of the stream, and everything before it has left.
    #[cfg(any(feature = "tokio", feature = "node"))]
    pub(crate) fn take_end(&self) -> bool {
        self.must_end.load(Ordering::Relaxed)
            && self.closed.load(Ordering::Acquire)
            && self.has_written_all()
            && self.must_end.swap(false, Ordering::AcqRel)
    }

    #[inline]
    pub(crate) fn has_left(&self, target: u64) -> bool {
        // In this order: `unflushed` is set before `written` grows.
        self.written() >= target && !self.unflushed.load(Ordering::Acquire)
    }

    /// # Panics
    ///
    /// If this thread has locked it already. That can only be in the midst of a message, where a panic does no harm
    /// to the connection; to wait for oneself would.
    #[inline]
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.encoder.is_another();
        lock(&self.outbox)
    }
}

#[cfg(feature = "node")]
impl Queue {
    /// Encodes a message with which a handle goes, and tells where in the stream it begins and ends.
    ///
    /// Nobody may write before the handle is where it has to be.
    pub(crate) fn push_with_handle<M: Serialize + ?Sized>(
        &self,
        kind: crate::wire::node::HandleKind,
        message: &M,
        describe: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> Option<Result<(u64, u64)>> {
        // Once it is described, another process may have it: so not before there is room.
        let describe = || describe().map_err(|error| Error::io("describe a socket", error));
        self.push_by(|outbox| outbox.push_with_transfer(kind, message, describe))
    }
}

/// What became of a message.
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub(crate) enum Pushed {
    /// It waits, up to this position in the stream.
    Encoded(u64),
    /// It has large bytes, and was not taken.
    Outlined(Box<Outline>),
}

/// The error of whoever sends to somebody who is gone.
#[cold]
pub(crate) fn gone(kind: io::ErrorKind) -> Error {
    Error::new(ErrorKind::Disconnected, "it is gone").with_source(io::Error::from(kind))
}

/// A batch as large as this may stay for the next one.
const KEEP: usize = 4 * 1024;

//! What the two halves of a connection share: the way out, the way in, and who waits for them.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::lock;
use crate::connection::quota::Permit;
use crate::connection::wakers::Wakers;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::Transport;
use crate::wire::{Inbox, Outbox};
use crate::{Config, trace};

/// The shared middle of a connection.
///
/// ```text
///  Sender ─ encode ─▶ outbox ─ swap ─▶ writer.batch ─ write ─▶ transport
///  Receiver ◀─ decode ─ Inbox ◀───────────────────── read ───────────── transport
///                         ▲── swap ── reader.ahead ◀─ read ─ (a sender that waits for room)
/// ```
///
/// No lock is held across an `await`: a task that is not polled any more cannot hold up the others. Lock order:
/// `writer` before `outbox`; `reader` alone.
pub(super) struct Link<T: Transport> {
    outbox: Mutex<Outbox>,
    writer: Mutex<Writer<T::WriteHalf>>,
    reader: Mutex<Reader<T::ReadHalf>>,
    wakers: Arc<Wakers>,
    /// `wakers`, as the transport sees it.
    waker: Waker,
    /// How many bytes were ever encoded, and how many of them the transport has taken.
    encoded: AtomicU64,
    written: AtomicU64,
    /// How many messages the receiver has handed to the program.
    taken: AtomicU64,
    senders: AtomicUsize,
    aborted: AtomicBool,
    config: Config,
    /// The other side, in words for error texts.
    peer: String,
    /// The place among the clients of a listener.
    permit: Option<Permit>,
}

struct Writer<W> {
    half: W,
    batch: Vec<u8>,
    /// How much of `batch` is written.
    position: usize,
    flushed: bool,
    failed: Option<io::ErrorKind>,
}

struct Reader<R> {
    half: R,
    /// What blocked senders have read for the receiver.
    ahead: Vec<u8>,
    end: Option<End>,
}

/// Why no more bytes come.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// The other side closed the transport.
    Closed,
    /// The transport failed.
    Failed(io::ErrorKind),
}

impl<T: Transport> Link<T> {
    /// Wraps a transport. The hello is written at once if the transport takes it without waiting, as an empty
    /// socket or pipe does; otherwise it leaves with the first message.
    pub(super) fn new(transport: T, config: Config, peer: String, permit: Option<Permit>) -> Self {
        let (read_half, write_half) = transport.into_split();
        let mut outbox = Outbox::new(config.limits, config.encoding);
        outbox.push_hello(&config.hello());
        let wakers = Arc::new(Wakers::default());
        let link = Self {
            encoded: AtomicU64::new(outbox.total()),
            outbox: Mutex::new(outbox),
            writer: Mutex::new(Writer {
                half: write_half,
                batch: Vec::new(),
                position: 0,
                flushed: true,
                failed: None,
            }),
            reader: Mutex::new(Reader {
                half: read_half,
                ahead: Vec::new(),
                end: None,
            }),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
            written: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            aborted: AtomicBool::new(false),
            config,
            peer,
            permit,
        };
        link.push_out();
        link
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    pub(super) fn wakers(&self) -> &Wakers {
        &self.wakers
    }

    // ---- the way out ----

    /// Encodes a message if fewer than `send_buffer` bytes wait; `None` if it has to wait for room.
    pub(super) fn push<M: Serialize + ?Sized>(&self, message: &M) -> Option<Result<()>> {
        let mut outbox = lock(&self.outbox);
        if self.waiting_bytes() >= self.config.send_buffer as u64 {
            return None;
        }
        let result = outbox.push(message);
        self.encoded.store(outbox.total(), Ordering::Release);
        Some(result.map_err(|error| error.during(format_args!("send to {}", self.peer))))
    }

    /// Says goodbye, once: no message follows.
    pub(super) fn push_goodbye(&self) {
        let mut outbox = lock(&self.outbox);
        // The second time it says that there was a first time, which is what is wanted.
        let _ = outbox.push_goodbye(self.taken.load(Ordering::Relaxed));
        self.encoded.store(outbox.total(), Ordering::Release);
    }

    /// Tells the other side how many of its messages the program has taken, or has in its hands and will take.
    pub(super) fn push_taken(&self, kept: u64) {
        let mut outbox = lock(&self.outbox);
        outbox.push_taken(self.taken.load(Ordering::Relaxed) + kept);
        self.encoded.store(outbox.total(), Ordering::Release);
    }

    /// Makes the end of this side look like a crash: no goodbye will be said.
    pub(super) fn forgo_goodbye(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    /// Notes that the other side has said hello, and the largest message that it receives.
    pub(super) fn greeted(&self, bytes: u64) {
        if let Some(permit) = &self.permit {
            permit.greeted();
        }
        lock(&self.outbox).set_peer_limit(bytes);
    }

    /// How many messages were ever encoded.
    pub(super) fn messages(&self) -> u64 {
        lock(&self.outbox).messages()
    }

    /// The position in the stream after everything that was encoded so far.
    pub(super) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Acquire)
    }

    /// How many bytes the transport has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub(super) fn waiting_bytes(&self) -> u64 {
        self.encoded().saturating_sub(self.written())
    }

    /// Writes what waits as far as possible without waiting.
    pub(super) fn push_out(&self) {
        if self.waiting_bytes() > 0 {
            // A failure stays in the writer and is reported to the next sender.
            let _ = self.poll_flush(self.encoded());
        }
    }

    /// Writes until the transport has taken everything before `target`.
    ///
    /// Whoever comes here writes for all: everything encoded so far goes out in one batch.
    pub(super) fn poll_flush(&self, target: u64) -> Poll<Result<()>> {
        let mut cx = Context::from_waker(&self.waker);
        let mut writer = lock(&self.writer);
        let writer = &mut *writer;
        if let Some(kind) = writer.failed {
            return Poll::Ready(Err(self.write_failed(kind.into())));
        }
        match ready!(self.poll_write_batches(writer, target, &mut cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => {
                writer.failed = Some(error.kind());
                // Bytes that can never leave need no memory, and nobody should wait for them.
                writer.batch = Vec::new();
                writer.position = 0;
                Poll::Ready(Err(self.write_failed(error)))
            }
        }
    }

    fn poll_write_batches(
        &self,
        writer: &mut Writer<T::WriteHalf>,
        target: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !writer.flushed || self.written() < target {
            if writer.position < writer.batch.len() {
                let rest = &writer.batch[writer.position..];
                let count = match ready!(Pin::new(&mut writer.half).poll_write(cx, rest)) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                writer.position += count;
                self.written.fetch_add(count as u64, Ordering::AcqRel);
                writer.flushed = false;
            } else if !writer.flushed {
                // Costs nothing on `Local`, where it does nothing; other transports may buffer.
                ready!(Pin::new(&mut writer.half).poll_flush(cx))?;
                writer.flushed = true;
            } else {
                writer.batch.clear();
                writer.position = 0;
                lock(&self.outbox).take(&mut writer.batch);
                if writer.batch.is_empty() {
                    break;
                }
            }
        }
        if writer.batch.capacity() > IDLE_BATCH && writer.position == writer.batch.len() {
            // An empty outbox takes memory back that only large messages need.
            writer.batch.clear();
            writer.position = 0;
            lock(&self.outbox).take(&mut writer.batch);
        }
        Poll::Ready(Ok(()))
    }

    #[cold]
    fn write_failed(&self, error: io::Error) -> Error {
        Error::new(
            ErrorKind::Disconnected,
            format!("send to {}: it is gone", self.peer),
        )
        .with_source(error)
    }

    // ---- the way in ----

    /// Moves bytes into the receiver's inbox; `Err(end)` when there will be no more.
    pub(super) fn poll_fill(&self, inbox: &mut Inbox) -> Poll<Result<(), End>> {
        let mut cx = Context::from_waker(&self.waker);
        let mut reader = lock(&self.reader);
        if let Some(result) = self.fill_from_ahead(&mut reader, inbox) {
            return Poll::Ready(result);
        }
        let mut buf = ReadBuf::new(inbox.space());
        loop {
            match ready!(Pin::new(&mut reader.half).poll_read(&mut cx, &mut buf)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let result = result.map(|()| buf.filled().len());
                    return Poll::Ready(reader.note(result).map(|count| inbox.filled(count)));
                }
            }
        }
    }

    /// Like [`poll_fill`](Self::poll_fill), but takes only what has already arrived: `None` if that is nothing.
    pub(super) fn fill_now(&self, inbox: &mut Inbox) -> Option<Result<(), End>> {
        let mut reader = lock(&self.reader);
        if let Some(result) = self.fill_from_ahead(&mut reader, inbox) {
            return Some(result);
        }
        loop {
            match T::try_read(&mut reader.half, inbox.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                result => return Some(reader.note(result).map(|count| inbox.filled(count))),
            }
        }
    }

    /// Hands over what senders have read, or the end that they or an earlier call have met.
    fn fill_from_ahead(
        &self,
        reader: &mut Reader<T::ReadHalf>,
        inbox: &mut Inbox,
    ) -> Option<Result<(), End>> {
        if !reader.ahead.is_empty() {
            let was_full = reader.ahead.len() >= self.config.read_ahead;
            inbox.absorb(&mut reader.ahead);
            if was_full {
                self.wakers.wake_all();
            }
            return Some(Ok(()));
        }
        reader.end.map(Err)
    }

    /// Reads aside for the receiver what has arrived, as far as the read-ahead limit allows. For senders that wait
    /// for room: the other side may itself be waiting for us to read.
    ///
    /// True if the limit is reached.
    pub(super) fn read_ahead(&self) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        let mut guard = lock(&self.reader);
        let reader = &mut *guard;
        let before = (reader.ahead.len(), reader.end.is_some());
        while reader.end.is_none() && reader.ahead.len() < self.config.read_ahead {
            let start = reader.ahead.len();
            reader.ahead.resize(start + READ_AHEAD_STEP, 0);
            let mut buf = ReadBuf::new(&mut reader.ahead[start..]);
            let polled = Pin::new(&mut reader.half).poll_read(&mut cx, &mut buf);
            let count = buf.filled().len();
            reader.ahead.truncate(start + count);
            match polled {
                Poll::Pending => break,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(result) => {
                    // The end is noted for the receiver.
                    let _ = reader.note(result.map(|()| count));
                }
            }
        }
        let changed = before != (reader.ahead.len(), reader.end.is_some());
        let full = reader.ahead.len() >= self.config.read_ahead;
        drop(guard);
        if changed {
            self.wakers.wake_receiver();
        }
        full
    }

    /// Counts a message that the program has taken.
    pub(super) fn count_taken(&self) {
        // Only the one receiver counts, so there is nothing to race with.
        self.taken
            .store(self.taken.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    // ---- the life of the halves ----

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Says goodbye when the last sender goes, unless the program is in the middle of a panic.
    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            if self.aborted.load(Ordering::Relaxed) {
                trace::debug!("no goodbye to {}: aborted", self.peer);
            } else if thread::panicking() {
                trace::debug!("no goodbye to {}: this thread panics", self.peer);
            } else {
                self.push_goodbye();
                self.push_out();
            }
        }
    }
}

impl<R> Reader<R> {
    /// Remembers the end, if this is it.
    fn note(&mut self, result: io::Result<usize>) -> Result<usize, End> {
        let end = match result {
            Ok(0) => End::Closed,
            Ok(count) => return Ok(count),
            Err(error) => End::Failed(error.kind()),
        };
        self.end = Some(end);
        Err(end)
    }
}

/// How much memory for writing a connection may keep that has nothing to write.
const IDLE_BATCH: usize = 4096;

/// How much room a blocked sender offers to one read.
const READ_AHEAD_STEP: usize = 64 * 1024;

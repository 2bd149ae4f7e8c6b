//! What the two halves of a connection share, and who writes.

use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use offspring_platform::blocking::{Stream, Want};

use crate::Config;
use crate::blocking::incoming::{Ahead, Incoming};
use crate::error::{Error, ErrorKind, Result};
use crate::session::{Line, Permit, Queue, Taken, gone, lock};
use crate::sync::atomic::{AtomicBool, AtomicUsize, fence};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::wire::Outline;

/// What the two halves of a connection share.
///
/// ```text
///  Sender ─ encode ─▶ queue ─ take ─▶ batch ─ try_write ─▶ Stream ─ read ─▶ Inbox ─ decode ─▶ Receiver
///                                       │ no room
///                                       ▼
///                      one thread, the pilot, waits for room or bytes, writes for all
///                      and reads aside; the others wait for the pilot
/// ```
///
/// No lock is held while a thread waits for the system, but one: that on the reader, by the receiver. A pilot that finds
/// it held knows that somebody reads. Lock order: `writer` before that of the queue; `reader` with no other.
pub(super) struct Link {
    stream: Stream,
    queue: Queue,
    writer: Mutex<Writer>,
    /// Told when a pilot has got on, or goes.
    progress: Condvar,
    incoming: Incoming,
    taken: Taken,
    senders: AtomicUsize,
    /// Others than the receiver's own thread may have a sender, and leave something behind while it waits.
    shared: AtomicBool,
    /// A read that waits does so for a moment only.
    bounded: AtomicBool,
    aborted: AtomicBool,
    config: Config,
    peer: String,
    permit: Option<Permit>,
}

struct Writer {
    batch: Vec<u8>,
    /// How much of `batch` is written.
    position: usize,
    /// A thread waits for room, and only it writes.
    has_pilot: bool,
    /// How many threads wait for the pilot.
    followers: usize,
    /// Since when there has been no progress while the read-ahead is used up, and where it stopped.
    stall: Option<(Instant, u64)>,
}

impl Link {
    /// Wraps a stream. The hello is written at once, for an empty socket or pipe has room for it.
    pub(super) fn new(
        stream: Stream,
        config: Config,
        peer: String,
        permit: Option<Permit>,
    ) -> Self {
        let link = Self {
            stream,
            queue: Queue::new(&config),
            writer: Mutex::new(Writer {
                batch: Vec::new(),
                position: 0,
                has_pilot: false,
                followers: 0,
                stall: None,
            }),
            progress: Condvar::new(),
            incoming: Incoming::new(&config),
            taken: Taken::default(),
            senders: AtomicUsize::new(1),
            shared: AtomicBool::new(false),
            bounded: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            config,
            peer,
            permit,
        };
        link.push_out();
        link
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The halves may be used by different threads from here on.
    pub(super) fn share(&self) {
        self.bound_reads();
        self.shared.store(true, Ordering::Relaxed);
    }

    /// The receiver may wait for more than bytes from here on.
    pub(super) fn bound_reads(&self) {
        if !self.is_bounded() && self.stream.bound_reads().is_ok() {
            self.bounded.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.bounded.load(Ordering::Relaxed)
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Says goodbye when the last sender goes.
    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.leave(self.aborted.load(Ordering::Relaxed));
        }
    }

    /// Writes until the system has taken everything before `target`; whoever comes here writes for all.
    pub(super) fn flush(&self, target: u64, until: Option<Instant>) -> Result<()> {
        if self.queue.has_left(target) {
            return Ok(());
        }
        let flushed = self.flush_all(target, until);
        match flushed {
            Ok(()) => self.end_after_goodbye(),
            Err(_) => self.tell_receiver(),
        }
        self.sending(flushed)
    }

    fn flush_all(&self, target: u64, until: Option<Instant>) -> Result<()> {
        let mut writer = lock(&self.writer);
        let mut begin = None;
        while !self.queue.has_left(target) {
            if !writer.has_pilot && self.write(&mut writer, target).map_err(gone)? {
                break;
            }
            let begin = *begin.get_or_insert_with(Instant::now);
            if writer.has_pilot {
                writer = self.follow(writer, until)?;
                continue;
            }
            writer.has_pilot = true;
            // Each sender waits for its own time.
            let stall = writer
                .stall
                .map(|(since, written)| (since.max(begin), written));
            drop(writer);
            let waited = self.wait_for_room(stall, until);
            writer = lock(&self.writer);
            writer.has_pilot = false;
            if writer.followers > 0 {
                // They look when this thread has written, or waits again.
                self.progress.notify_all();
            }
            writer.stall = waited?;
        }
        Ok(())
    }

    /// Why the other side has closed the connection, if that stands in its hello, which nobody has read yet.
    #[cold]
    fn misfit(&self) -> Option<Error> {
        let hello = match self.config.format.is_polite() {
            true => self.incoming.hello(&self.stream)?,
            false => return None,
        };
        self.config.hello().agree(&hello).err()
    }

    /// Waits for the pilot.
    fn follow<'a>(
        &self,
        mut writer: MutexGuard<'a, Writer>,
        until: Option<Instant>,
    ) -> Result<MutexGuard<'a, Writer>> {
        writer.followers += 1;
        let mut writer = match until {
            None => self
                .progress
                .wait(writer)
                .unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                let waited = self.progress.wait_timeout(writer, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        writer.followers -= 1;
        in_time(until)?;
        Ok(writer)
    }

    /// Makes this thread the pilot for a message that it writes itself. False if something else has to leave before.
    pub(super) fn take_off(&self, outline: &Outline) -> Result<bool> {
        let mut writer = lock(&self.writer);
        let free = !writer.has_pilot && self.queue.take_outlined(outline)?.is_some();
        writer.has_pilot |= free;
        Ok(free)
    }

    /// Ends that, and leaves the rest of the message to whoever writes next.
    pub(super) fn land(&self, rest: Vec<u8>) {
        let mut writer = lock(&self.writer);
        writer.has_pilot = false;
        if self.queue.failure().is_none() {
            writer.batch = rest;
            writer.position = 0;
        }
        if writer.followers > 0 {
            self.progress.notify_all();
        }
    }

    pub(super) fn tell_followers(&self) {
        if lock(&self.writer).followers > 0 {
            self.progress.notify_all();
        }
    }

    /// Waits until there may be room, as the pilot, and reads aside: the other side may itself be waiting for us to read.
    pub(super) fn wait_for_room(
        &self,
        stall: Option<(Instant, u64)>,
        until: Option<Instant>,
    ) -> Result<Option<(Instant, u64)>> {
        in_time(until)?;
        let mut want = Want {
            write: true,
            until,
            ..Want::default()
        };
        let soon = |wait: Duration| {
            let soon = Instant::now() + wait;
            Some(until.map_or(soon, |until| until.min(soon)))
        };
        let mut stalled = None;
        match self.incoming.read_ahead(&self.stream) {
            Ahead::Reading => want.read = true,
            Ahead::Ended => {}
            // The receiver reads, and may stop doing so without a word.
            Ahead::Busy => want.until = soon(LOOK_AGAIN),
            Ahead::Full => {
                let written = self.queue.written();
                let (since, _) = stall
                    .filter(|(_, before)| *before == written)
                    .unwrap_or_else(|| (Instant::now(), written));
                if since.elapsed() >= self.config.stall_timeout {
                    return Err(self.stalled());
                }
                stalled = Some((since, written));
                want.until = soon(LOOK_AGAIN);
            }
        }
        self.stream
            .wait(want)
            .map_err(|error| Error::io("wait for room", error))?;
        Ok(stalled)
    }

    #[cold]
    fn stalled(&self) -> Error {
        Error::new(
            ErrorKind::Stalled,
            format!(
                "it takes nothing, and {} bytes from it wait to be received",
                self.config.read_ahead_limit()
            ),
        )
    }

    /// Writes as far as there is room. True if everything before `target` has left.
    fn write(&self, writer: &mut Writer, target: u64) -> Result<bool, io::ErrorKind> {
        if let Some(kind) = self.queue.failure() {
            return Err(kind);
        }
        while !self.queue.has_left(target) {
            if writer.position == writer.batch.len() {
                writer.batch.clear();
                writer.position = 0;
                self.queue.take(&mut writer.batch);
                if writer.batch.is_empty() {
                    break;
                }
            }
            match self.stream.try_write(&writer.batch[writer.position..]) {
                Ok(count) => {
                    writer.position += count;
                    self.queue.wrote(count, false);
                    if writer.position < writer.batch.len() {
                        // There is no more room: to ask would be a call in vain.
                        return Ok(self.queue.has_left(target));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => {
                    self.fail(writer, error.kind());
                    return Err(error.kind());
                }
            }
        }
        if writer.position == writer.batch.len() {
            writer.position = 0;
            writer.batch.clear();
            self.queue.give_back(&mut writer.batch);
        }
        Ok(true)
    }

    /// Nothing leaves any more.
    pub(super) fn fail_all(&self, kind: io::ErrorKind) {
        self.fail(&mut lock(&self.writer), kind);
    }

    fn fail(&self, writer: &mut Writer, kind: io::ErrorKind) {
        self.queue.fail(kind);
        writer.batch = Vec::new();
        writer.position = 0;
        if writer.followers > 0 {
            self.progress.notify_all();
        }
    }

    /// Writes what waits as far as there is room, unless a pilot does.
    pub(super) fn push_out_quietly(&self) {
        if !self.queue.is_idle() {
            let mut writer = lock(&self.writer);
            if !writer.has_pilot {
                // A failure is remembered and reported to the next sender.
                let _ = self.write(&mut writer, self.queue.encoded());
            }
        }
        self.end_after_goodbye();
    }

    /// Ends the stream if that is how goodbye is said here, and nothing is left to be said before.
    #[cfg(feature = "node")]
    fn end_after_goodbye(&self) {
        if self.queue.take_end() && !self.stream.end() {
            // Only both directions at once can be closed.
            self.incoming.close(&self.stream);
        }
    }

    #[cfg(not(feature = "node"))]
    fn end_after_goodbye(&self) {}

    /// A receiver that waits writes what is left behind.
    fn tell_receiver(&self) {
        // Either the receiver sees what was left behind, or it has a bell by now: see `Incoming::fill`.
        fence(Ordering::SeqCst);
        if self.is_shared() && !self.is_idle() {
            self.stream.ring();
        }
    }

    /// Takes nothing more, for the other side is known to be gone.
    pub(super) fn hang_up(&self) {
        if self.queue.failure().is_none() {
            self.fail_all(io::ErrorKind::BrokenPipe);
        }
    }

    /// Closes the stream as a crash would, under the hands of all that use it.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        self.fail_all(io::ErrorKind::ConnectionAborted);
        self.stream.shut_down();
    }
}

#[cfg(feature = "node")]
impl Link {
    /// Encodes a message, and lets the handle go with its first byte. `None` if it has to wait for room.
    pub(super) fn push_with_handle<M: serde::Serialize + ?Sized>(
        &self,
        kind: crate::wire::node::HandleKind,
        message: &M,
        fd: offspring_platform::Handle,
    ) -> Option<Result<u64>> {
        // Nobody can take it out of the queue meanwhile, for that takes the lock.
        let _writer = lock(&self.writer);
        let describe = || self.stream.describe(&fd);
        let pushed = self.queue.push_with_handle(kind, message, describe)?;
        Some(pushed.map(|(start, end)| {
            self.stream.send_handle(start, fd);
            end
        }))
    }
}

impl Line for Link {
    fn peer(&self) -> &str {
        &self.peer
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn taken(&self) -> &Taken {
        &self.taken
    }

    fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// Whoever was not let in hears why, also if it sends before it receives.
    fn sending<V>(&self, result: Result<V>) -> Result<V> {
        result.map_err(|error| {
            let error = match error.kind() {
                ErrorKind::Disconnected => self.misfit().unwrap_or(error),
                _ => error,
            };
            error.during(format_args!("send to {}", self.peer))
        })
    }

    fn push_out(&self) {
        self.push_out_quietly();
        self.tell_receiver();
    }

    #[cfg(feature = "node")]
    fn take_handle(&self) -> Option<offspring_platform::Handle> {
        self.stream.take_handle()
    }

    fn make_room(&self) {
        self.stream.make_room();
    }
}

/// Fails at the deadline of a send.
fn in_time(until: Option<Instant>) -> Result<()> {
    match until {
        Some(until) if until <= Instant::now() => Err(Error::new(
            ErrorKind::Timeout,
            "there was no room for it in time",
        )),
        _ => Ok(()),
    }
}

/// How soon a pilot looks again at what no event tells it.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

//! The way into a connection: who reads, and what is put aside.

use std::io;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

use offspring_platform::Process;
use offspring_platform::blocking::{Stream, Want};

use crate::Config;
use crate::blocking::link::Link;
use crate::session::{End, Line as _, lock};
use crate::sync::Mutex;
#[cfg(feature = "node")]
use crate::sync::atomic::AtomicBool;
use crate::sync::atomic::fence;
use crate::wire::{Hello, Inbox, Parsed};

/// What arrives, for the receiver of a connection.
///
/// ```text
///  Receiver ◀─ decode ─ Inbox ◀───────────── read ─────────────── stream
///                         ▲── swap ── ahead ◀─ read ─ (a sender that waits for room)
/// ```
pub(super) struct Incoming {
    /// Held by the receiver while it waits, too: then nobody else need read.
    reader: Mutex<Reader>,
    /// How many bytes may be put aside.
    limit: usize,
    /// This side is to close the stream, after what has arrived. Nobody asks that of a side that says goodbye.
    #[cfg(feature = "node")]
    closing: Option<AtomicBool>,
}

struct Reader {
    /// What blocked senders have read for the receiver.
    ahead: Vec<u8>,
    /// The receiver has got something.
    begun: bool,
    /// There is no receiver any more.
    deaf: bool,
    end: Option<End>,
}

/// What a blocked sender finds when it reads ahead.
pub(super) enum Ahead {
    /// Everything that is there has been read.
    Reading,
    /// The limit is reached.
    Full,
    /// Nothing comes any more.
    Ended,
    /// The receiver reads.
    Busy,
}

/// What came of waiting for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    Filled,
    /// The process that was watched has ended.
    Exited,
    TimedOut,
}

/// What a receiver waits for beside bytes.
#[derive(Default)]
pub(super) struct Wait<'a> {
    pub(super) exit: Option<&'a mut Process>,
    pub(super) until: Option<Instant>,
}

impl Wait<'_> {
    /// Whether the thread may wait in a read, where nothing but bytes wakes it; `bounded`: for a moment.
    fn is_patient(&self, bounded: bool) -> bool {
        match self.until {
            None => bounded || self.exit.is_none(),
            Some(until) => bounded && until > Instant::now() + LONGER_THAN_A_MOMENT,
        }
    }
}

impl Incoming {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            reader: Mutex::new(Reader {
                ahead: Vec::new(),
                begun: false,
                deaf: false,
                end: None,
            }),
            limit: config.read_ahead_limit(),
            #[cfg(feature = "node")]
            closing: (!config.format.is_polite()).then(AtomicBool::default),
        }
    }

    /// Moves bytes into the receiver's inbox, and waits for them.
    pub(super) fn fill(
        &self,
        link: &Link,
        inbox: &mut Inbox,
        wait: Wait<'_>,
    ) -> Result<Woken, End> {
        let woken = self.wait_and_fill(link, inbox, wait);
        self.close_if_asked(link.stream());
        woken
    }

    fn wait_and_fill(
        &self,
        link: &Link,
        inbox: &mut Inbox,
        mut wait: Wait<'_>,
    ) -> Result<Woken, End> {
        let stream = link.stream();
        let mut reader = lock(&self.reader);
        if reader.take(inbox)? {
            return Ok(Woken::Filled);
        }
        if reader.spin(link, inbox, wait.until)? {
            return Ok(Woken::Filled);
        }
        let shared = link.is_shared();
        if shared {
            stream.hang_bell();
        }
        loop {
            // What others left behind.
            link.push_out_quietly();
            let read = if wait.is_patient(link.is_bounded()) && link.is_idle() {
                stream.read_soon(inbox.space())
            } else {
                stream.read_seen(inbox.space())
            };
            if reader.filled(inbox, read)? {
                return Ok(Woken::Filled);
            }
            if self.is_closing() {
                return Err(reader.end(End::Closed));
            }
            // Whoever leaves something behind after this finds the bell.
            fence(Ordering::SeqCst);
            let ready = stream.wait(Want {
                read: true,
                write: !link.is_idle(),
                bell: shared,
                exit: wait.exit.as_deref_mut(),
                until: wait.until,
            });
            let ready = match ready {
                Ok(ready) => ready,
                Err(error) => return Err(reader.end(End::Failed(error.kind()))),
            };
            if ready.read {
                continue;
            }
            if ready.exit {
                return Ok(Woken::Exited);
            }
            if wait.until.is_some_and(|until| until <= Instant::now()) {
                return Ok(Woken::TimedOut);
            }
        }
    }

    /// Moves bytes into the receiver's inbox that have already arrived; `false` if there are none.
    pub(super) fn fill_now(&self, link: &Link, inbox: &mut Inbox) -> Result<bool, End> {
        let filled = lock(&self.reader).fill_now(link, inbox);
        self.close_if_asked(link.stream());
        filled
    }

    /// How many bytes wait to be read or to be taken from what was put aside.
    pub(super) fn waiting(&self, stream: &Stream) -> u64 {
        let reader = lock(&self.reader);
        let in_stream = match reader.end {
            // Whatever is wrong with it, a read tells.
            None => stream.arrived().unwrap_or(u64::MAX),
            Some(_) => 0,
        };
        in_stream.saturating_add(reader.ahead.len() as u64)
    }

    /// Puts aside what has arrived, as far as the limit allows.
    pub(super) fn read_ahead(&self, stream: &Stream) -> Ahead {
        let mut reader = match self.reader.try_lock() {
            Ok(reader) => reader,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(TryLockError::WouldBlock) => return Ahead::Busy,
        };
        let mut chunk = [0; CHUNK];
        while reader.end.is_none() {
            if reader.ahead.len() >= self.limit {
                return Ahead::Full;
            }
            match stream.read_seen(&mut chunk) {
                Ok(0) => reader.end = Some(End::Closed),
                Ok(count) if !reader.deaf => reader.ahead.extend_from_slice(&chunk[..count]),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ahead::Reading,
                Err(error) => reader.end = Some(End::Failed(error.kind())),
            }
        }
        Ahead::Ended
    }

    /// What the other side has said first, if the receiver has not got it and does not wait for it: for a sender that finds
    /// it gone.
    pub(super) fn hello(&self, stream: &Stream) -> Option<Hello> {
        self.read_ahead(stream);
        let reader = self.reader.try_lock().ok()?;
        match Hello::parse(&reader.ahead) {
            Ok(Parsed::Complete { value, .. }) if !reader.begun => Some(value),
            _ => None,
        }
    }

    /// Nobody will receive any more: what still arrives is thrown away, so that it is not in the way of the senders.
    pub(super) fn deafen(&self) {
        let mut reader = lock(&self.reader);
        reader.deaf = true;
        reader.ahead = Vec::new();
    }
}

#[cfg(feature = "node")]
impl Incoming {
    /// Closes the stream, but keeps what has arrived. If the receiver is reading, it does so when it has done that.
    pub(super) fn close(&self, stream: &Stream) {
        if let Some(closing) = &self.closing {
            closing.store(true, Ordering::Relaxed);
        }
        // Either the receiver sees that, or the lock is free.
        fence(Ordering::SeqCst);
        match self.read_ahead(stream) {
            Ahead::Busy => stream.ring(),
            Ahead::Reading | Ahead::Full | Ahead::Ended => {
                lock(&self.reader).end.get_or_insert(End::Closed);
                stream.shut_down();
            }
        }
    }

    fn is_closing(&self) -> bool {
        let closing = self.closing.as_ref();
        closing.is_some_and(|closing| closing.load(Ordering::Relaxed))
    }

    /// Does what a sender could not do while the receiver had the lock.
    fn close_if_asked(&self, stream: &Stream) {
        if self.closing.is_some() {
            fence(Ordering::SeqCst);
            if self.is_closing() {
                self.close(stream);
            }
        }
    }
}

#[cfg(not(feature = "node"))]
impl Incoming {
    fn is_closing(&self) -> bool {
        false
    }

    fn close_if_asked(&self, _: &Stream) {}
}

impl Reader {
    /// Moves bytes into the inbox that have already arrived; `false` if there are none.
    fn fill_now(&mut self, link: &Link, inbox: &mut Inbox) -> Result<bool, End> {
        if self.take(inbox)? {
            return Ok(true);
        }
        let read = link.stream().try_read(inbox.space());
        self.filled(inbox, read)
    }

    /// Takes what was put aside; the end if that is all there is.
    fn take(&mut self, inbox: &mut Inbox) -> Result<bool, End> {
        if !self.ahead.is_empty() {
            self.begun = true;
            inbox.absorb(&mut mem::take(&mut self.ahead));
            return Ok(true);
        }
        match self.end {
            Some(end) => Err(end),
            None => Ok(false),
        }
    }

    /// Looks again and again, for as long as the user has asked for.
    fn spin(
        &mut self,
        link: &Link,
        inbox: &mut Inbox,
        until: Option<Instant>,
    ) -> Result<bool, End> {
        let patience = link.config().busy_poll;
        if patience.is_zero() {
            return Ok(false);
        }
        let begin = Instant::now();
        loop {
            link.push_out_quietly();
            let read = link.stream().read_seen(inbox.space());
            if self.filled(inbox, read)? {
                return Ok(true);
            }
            let now = Instant::now();
            if now - begin >= patience || until.is_some_and(|until| until <= now) {
                return Ok(false);
            }
            // Whoever has to run for the bytes to come may need this processor.
            std::thread::yield_now();
        }
    }

    /// Takes note of a read; `false` if nothing was there.
    fn filled(&mut self, inbox: &mut Inbox, read: io::Result<usize>) -> Result<bool, End> {
        match read {
            Ok(0) => Err(self.end(End::Closed)),
            Ok(count) => {
                self.begun = true;
                inbox.filled(count);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(self.end(End::Failed(error.kind()))),
        }
    }

    fn end(&mut self, end: End) -> End {
        self.end = Some(end);
        end
    }
}

/// What `read_soon` may take.
const LONGER_THAN_A_MOMENT: Duration = Duration::from_millis(30);

/// How much room a blocked sender offers to one read.
const CHUNK: usize = 32 * 1024;

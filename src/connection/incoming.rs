//! The way into a connection: who reads, and what is put aside.

use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::Config;
use crate::connection::wakers::Wakers;
use crate::session::{End, Taken, lock};
use crate::sync::Mutex;
use crate::wire::{Hello, Inbox, Parsed};

/// What arrives, for the receiver of a connection.
///
/// ```text
///  Receiver ◀─ decode ─ Inbox ◀───────────── read ─────────────── transport
///                         ▲── swap ── ahead ◀─ read ─ (a sender that waits for room)
/// ```
pub(super) struct Incoming<R> {
    reader: Mutex<Reader<R>>,
    wakers: Arc<Wakers>,
    /// `wakers`, as the transport sees it.
    waker: Waker,
    taken: Taken,
    /// How many bytes may be put aside.
    limit: usize,
}

struct Reader<R> {
    /// `None` after an abort.
    half: Option<R>,
    /// What blocked senders have read for the receiver.
    ahead: Vec<u8>,
    /// There is no receiver any more.
    deaf: bool,
    /// The receiver has got something.
    begun: bool,
    end: Option<End>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(super) fn new(half: R, config: &Config, wakers: &Arc<Wakers>) -> Self {
        Self {
            reader: Mutex::new(Reader {
                half: Some(half),
                ahead: Vec::new(),
                deaf: false,
                begun: false,
                end: None,
            }),
            wakers: Arc::clone(wakers),
            waker: Waker::from(Arc::clone(wakers)),
            taken: Taken::default(),
            limit: config.read_ahead_limit(),
        }
    }

    /// Moves bytes into the receiver's inbox; `Err(end)` when there will be no more.
    pub(super) fn poll_fill(&self, inbox: &mut Inbox) -> Poll<Result<(), End>> {
        let mut cx = Context::from_waker(&self.waker);
        self.fill(inbox, |half, room| {
            let mut buf = ReadBuf::new(room);
            let result = ready!(Pin::new(half).poll_read(&mut cx, &mut buf));
            Poll::Ready(result.map(|()| buf.filled().len()))
        })
    }

    /// Fills the inbox with what was put aside, or else by one `read`.
    pub(super) fn fill(
        &self,
        inbox: &mut Inbox,
        mut read: impl FnMut(&mut R, &mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<(), End>> {
        let mut guard = lock(&self.reader);
        let reader = &mut *guard;
        if !reader.ahead.is_empty() {
            let was_full = reader.ahead.len() >= self.limit;
            inbox.absorb(&mut mem::take(&mut reader.ahead));
            reader.begun = true;
            drop(guard);
            if was_full {
                // Senders that stopped reading can go on.
                self.wakers.wake_all();
            }
            return Poll::Ready(Ok(()));
        }
        loop {
            let half = match (reader.end, &mut reader.half) {
                (None, Some(half)) => half,
                (end, _) => return Poll::Ready(Err(end.unwrap_or(End::Closed))),
            };
            match ready!(read(half, inbox.space())) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    reader.begun = true;
                    let noted = reader.note(result);
                    drop(guard);
                    // Senders that read aside waited for this too, and are not told by the transport any more.
                    self.wakers.wake_senders();
                    return Poll::Ready(noted.map(|count| inbox.filled(count)));
                }
            }
        }
    }

    /// How many bytes wait to be read or to be taken from what was put aside; `arrived` tells how many are in a transport.
    pub(super) fn waiting(&self, arrived: impl FnOnce(&R) -> io::Result<u64>) -> u64 {
        let reader = lock(&self.reader);
        let in_transport = match (reader.end, &reader.half) {
            // Whatever is wrong with it, a read tells.
            (None, Some(half)) => arrived(half).unwrap_or(u64::MAX),
            _ => 0,
        };
        in_transport.saturating_add(reader.ahead.len() as u64)
    }

    /// Reads aside for the receiver what has arrived, as far as the limit allows. For senders that wait for room: the
    /// other side may itself be waiting for us to read.
    ///
    /// True if the limit is reached.
    pub(super) fn read_ahead(&self) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut guard = lock(&self.reader);
        let reader = &mut *guard;
        let mut changed = false;
        while reader.end.is_none() && reader.ahead.len() < self.limit {
            let Some(half) = &mut reader.half else {
                break;
            };
            let mut buf = ReadBuf::uninit(&mut chunk);
            let result = match Pin::new(half).poll_read(&mut cx, &mut buf) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(result) => result,
            };
            changed = true;
            // The end is noted for the receiver.
            let arrived = reader.note(result.map(|()| buf.filled().len()));
            if arrived.is_ok() && !reader.deaf {
                reader.ahead.extend_from_slice(buf.filled());
            }
        }
        let full = reader.ahead.len() >= self.limit;
        drop(guard);
        if changed {
            self.wakers.wake_receiver();
        }
        full
    }

    pub(super) fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Nobody will receive any more: what still arrives is thrown away, so that it is not in the way of the senders.
    pub(super) fn deafen(&self) {
        let mut reader = lock(&self.reader);
        reader.deaf = true;
        reader.ahead = Vec::new();
        drop(reader);
        self.wakers.forget_receiver();
        self.wakers.wake_all();
    }

    /// The next handle that has come beside the bytes read so far.
    #[cfg(feature = "node")]
    pub(super) fn take_handle(&self) -> Option<offspring_platform::Handle>
    where
        R: 'static,
    {
        let mut reader = lock(&self.reader);
        // Other transports carry none.
        let half: &mut dyn std::any::Any = reader.half.as_mut()?;
        let half: &mut offspring_platform::ReadHalf = half.downcast_mut()?;
        half.take_handle()
    }

    /// Closes this direction, but keeps what has arrived.
    pub(super) fn close(&self, read: impl FnMut(&mut R, &mut [u8]) -> io::Result<usize>) {
        let mut guard = lock(&self.reader);
        guard.read_all(self.limit, read);
        guard.end.get_or_insert(End::Closed);
        let half = guard.half.take();
        drop(guard);
        drop(half);
        self.wakers.wake_receiver();
    }

    /// What the other side has said first, if the receiver has not got it: for a sender that finds it gone.
    pub(super) fn hello(
        &self,
        read: impl FnMut(&mut R, &mut [u8]) -> io::Result<usize>,
    ) -> Option<Hello> {
        let mut guard = lock(&self.reader);
        if guard.begun || guard.deaf {
            return None;
        }
        guard.read_all(self.limit, read);
        let parsed = Hello::parse(&guard.ahead);
        drop(guard);
        // The transport may have forgotten whom to wake.
        self.wakers.wake_receiver();
        match parsed {
            Ok(Parsed::Complete { value, .. }) => Some(value),
            _ => None,
        }
    }

    /// Closes this direction, whatever is still to come.
    pub(super) fn abort(&self) {
        let half = lock(&self.reader).half.take();
        drop(half);
    }
}

impl<R> Reader<R> {
    /// Reads aside what has arrived, as far as the limit allows.
    fn read_all(
        &mut self,
        limit: usize,
        mut read: impl FnMut(&mut R, &mut [u8]) -> io::Result<usize>,
    ) {
        if self.end.is_some() {
            return;
        }
        let mut chunk = vec![0; CHUNK];
        while self.end.is_none() && self.ahead.len() < limit {
            let Some(half) = &mut self.half else {
                break;
            };
            let result = match read(half, &mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result,
            };
            if let Ok(count) = self.note(result) {
                if !self.deaf {
                    self.ahead.extend_from_slice(&chunk[..count]);
                }
            }
        }
    }

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

/// How much room a blocked sender offers to one read.
const CHUNK: usize = 32 * 1024;

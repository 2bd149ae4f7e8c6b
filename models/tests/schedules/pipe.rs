//! A transport in memory that does no more than a transport must: it remembers the last waker of each half, and wakes it
//! some time after there is a reason to, unless that half was polled meanwhile and was ready.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use offspring::transport::Transport;
use shuttle::sync::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One of two ends that are joined.
pub(crate) struct End(Reader, Writer);

/// Where one direction ends.
pub(crate) struct Reader(Arc<Mutex<Pipe>>);

/// Where one direction begins.
pub(crate) struct Writer(Arc<Mutex<Pipe>>);

/// What a transport is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// How many bytes each direction holds.
    pub(crate) capacity: usize,
    /// Written bytes go on with a flush only.
    pub(crate) buffers: bool,
    /// There is room for last words.
    pub(crate) makes_room: bool,
}

impl Kind {
    /// Like a socket whose buffers hold so many bytes.
    pub(crate) fn holding(capacity: usize) -> Self {
        Self {
            capacity,
            buffers: false,
            makes_room: true,
        }
    }
}

struct Pipe {
    kind: Kind,
    held_back: Vec<u8>,
    bytes: Vec<u8>,
    /// Everything that ever went on.
    all: Vec<u8>,
    reader_gone: bool,
    writer_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Two ends that are joined.
pub(crate) fn pair(kind: Kind) -> (End, End) {
    let pipe = || {
        Arc::new(Mutex::new(Pipe {
            kind,
            held_back: Vec::new(),
            bytes: Vec::new(),
            all: Vec::new(),
            reader_gone: false,
            writer_gone: false,
            reader: None,
            writer: None,
        }))
    };
    let (there, back) = (pipe(), pipe());
    let left = End(Reader(Arc::clone(&back)), Writer(Arc::clone(&there)));
    (left, End(Reader(there), Writer(back)))
}

impl End {
    /// A look at what the other side was sent.
    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.1.0))
    }
}

#[derive(Clone)]
pub(crate) struct Watch(Arc<Mutex<Pipe>>);

impl Watch {
    /// Lets the pipe hold so many bytes from here on. Whoever waits for that has to be [woken](Self::wake).
    pub(crate) fn hold(&self, capacity: usize) {
        lock(&self.0).kind.capacity = capacity;
    }

    pub(crate) fn wake(&self) {
        wake_writer(&self.0);
    }

    /// Whether these bytes have gone on.
    pub(crate) fn has_seen(&self, bytes: &[u8]) -> bool {
        let all = &lock(&self.0).all;
        all.windows(bytes.len()).any(|window| window == bytes)
    }
}

impl Transport for End {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn into_split(self) -> (Reader, Writer) {
        (self.0, self.1)
    }

    fn make_room(write_half: &mut Writer) {
        let kind = &mut lock(&write_half.0).kind;
        if kind.makes_room {
            kind.capacity = usize::MAX;
        }
    }
}

impl Reader {
    /// What arrives next, or nothing at the end.
    pub(crate) async fn read(&mut self) -> Vec<u8> {
        let mut room = [0; 64];
        let mut buf = ReadBuf::new(&mut room);
        let reading = poll_fn(|cx| Pin::new(&mut *self).poll_read(cx, &mut buf));
        reading.await.unwrap();
        buf.filled().to_vec()
    }
}

impl Writer {
    /// Lets these bytes arrive. Whoever waits for that has to be [woken](Self::wake).
    pub(crate) fn put(&self, bytes: &[u8]) {
        lock(&self.0).bytes.extend_from_slice(bytes);
    }

    pub(crate) fn wake(&self) {
        wake_reader(&self.0);
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.0);
        if pipe.bytes.is_empty() {
            if pipe.writer_gone {
                return Poll::Ready(Ok(()));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = pipe.bytes.len().min(buf.remaining());
        buf.put_slice(&pipe.bytes[..count]);
        pipe.bytes.drain(..count);
        pipe.reader = None;
        drop(pipe);
        wake_writer(&self.0);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.0);
        if pipe.reader_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe
            .kind
            .capacity
            .saturating_sub(pipe.bytes.len() + pipe.held_back.len());
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = room.min(bytes.len());
        pipe.held_back.extend_from_slice(&bytes[..count]);
        pipe.writer = None;
        if !pipe.kind.buffers {
            pass_on(pipe);
            wake_reader(&self.0);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        pass_on(lock(&self.0));
        wake_reader(&self.0);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        lock(&self.0).reader_gone = true;
        wake_writer(&self.0);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        lock(&self.0).writer_gone = true;
        wake_reader(&self.0);
    }
}

/// Lets written bytes be read.
fn pass_on(mut pipe: MutexGuard<'_, Pipe>) {
    let mut bytes = mem::take(&mut pipe.held_back);
    pipe.all.extend_from_slice(&bytes);
    pipe.bytes.append(&mut bytes);
}

/// Somebody else may have polled since there was a reason to wake, and need not be woken any more.
fn wake_reader(pipe: &Mutex<Pipe>) {
    let waker = lock(pipe).reader.take();
    wake(waker);
}

fn wake_writer(pipe: &Mutex<Pipe>) {
    let waker = lock(pipe).writer.take();
    wake(waker);
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap()
}

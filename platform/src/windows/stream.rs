//! The two directions of a named pipe.

#[cfg(feature = "tokio")]
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::windows::io::OwnedHandle;
#[cfg(feature = "tokio")]
use std::pin::pin;
use std::sync::Arc;
#[cfg(feature = "tokio")]
use std::task::Context;
use std::task::{Poll, Waker, ready};
#[cfg(feature = "tokio")]
use std::time::Instant;

#[cfg(feature = "tokio")]
use tokio::io::ReadBuf;
use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_OPERATION_ABORTED, ERROR_PIPE_NOT_CONNECTED,
    WIN32_ERROR,
};

#[cfg(feature = "tokio")]
use super::connecting::{Attempt, Connecting};
use super::exit::Exit;
use super::overlapped::{Action, Operation, Outcome, Port};
use super::read_size::ReadSize;
#[cfg(feature = "node")]
use super::socket;
use super::{handle, pipe};
#[cfg(feature = "tokio")]
use crate::Name;
#[cfg(feature = "tokio")]
use crate::handoff::End;

/// One end of a pipe that nobody drives yet.
pub(crate) struct Channel {
    pipe: OwnedHandle,
    /// The process to which sockets can be given, if it is known.
    #[cfg(feature = "node")]
    taker: Option<u32>,
}

impl Channel {
    pub(super) fn new(pipe: OwnedHandle) -> Self {
        Self {
            pipe,
            #[cfg(feature = "node")]
            taker: None,
        }
    }

    /// Lets sockets travel to the process at the other end.
    #[cfg(feature = "node")]
    pub(super) fn with_handles(self, taker: u32) -> Self {
        let taker = Some(taker);
        Self { taker, ..self }
    }

    /// The two directions of it.
    pub(super) fn open(self) -> io::Result<(ReadHalf, WriteHalf)> {
        let port = Port::new(self.pipe)?;
        let mut write = WriteHalf::new(Arc::clone(&port));
        #[cfg(feature = "node")]
        write.give_to(self.taker);
        Ok((ReadHalf::new(port), write))
    }
}

#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(crate) struct Stream {
    read: ReadHalf,
    write: WriteHalf,
    peer_pid: Option<u32>,
}

#[cfg(feature = "tokio")]
impl Stream {
    pub(crate) async fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        let connecting = Connecting::new(name, deadline)?;
        loop {
            match connecting.attempt()? {
                Attempt::Done(port, peer) => return Ok(Self::new(port, peer)),
                Attempt::Again(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// Makes a stream of a connected pipe.
    pub(super) fn new(port: Arc<Port>, peer_pid: Option<u32>) -> Self {
        Self {
            read: ReadHalf::new(Arc::clone(&port)),
            write: WriteHalf::new(port),
            peer_pid,
        }
    }

    pub(crate) fn peer_pid(&self) -> Option<u32> {
        self.peer_pid
    }

    pub(crate) fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }
}

#[cfg(feature = "tokio")]
impl End for Stream {
    fn check() -> io::Result<()> {
        match tokio::runtime::Handle::try_current() {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("open a channel: it needs a tokio runtime")),
        }
    }

    fn of_channel(channel: Channel) -> io::Result<Self> {
        let (read, write) = channel.open()?;
        let peer_pid = None;
        Ok(Self {
            read,
            write,
            peer_pid,
        })
    }

    fn read_by(&mut self, process: Exit) {
        self.write.read_by(process);
    }
}

pub(crate) struct ReadHalf {
    operation: Operation,
    /// The part of the operation's buffer that arrived and was not handed out. Empty while an operation runs.
    unread: Range<usize>,
    size: ReadSize,
}

impl ReadHalf {
    pub(super) fn new(port: Arc<Port>) -> Self {
        Self {
            operation: Operation::new(port, Action::Read),
            unread: 0..0,
            size: ReadSize::default(),
        }
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(poll_budget(cx));
        if self.unread.is_empty() && ready!(self.poll_fill(cx))? == 0 {
            return Poll::Ready(Ok(()));
        }
        let chunk = self.take(buf.remaining());
        buf.put_slice(chunk);
        Poll::Ready(Ok(()))
    }

    /// With what an operation may have got that still runs or was not asked for.
    pub(crate) fn arrived(&self) -> io::Result<u64> {
        // Without a writer there is nothing in a pipe that is empty.
        let waiting = pipe::arrived(self.operation.port().pipe()).unwrap_or(0);
        Ok((self.unread.len() + ReadSize::MAX + waiting) as u64)
    }

    pub(crate) fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() && !buf.is_empty() && self.try_fill()? == 0 {
            return Ok(0);
        }
        let chunk = self.take(buf.len());
        buf[..chunk.len()].copy_from_slice(chunk);
        Ok(chunk.len())
    }

    /// Waits until there are unread bytes, and answers how many; 0 is the end.
    #[cfg(feature = "tokio")]
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            if let Some(filled) = ready!(self.poll_once(cx.waker())) {
                return Poll::Ready(filled);
            }
            ready!(poll_budget(cx));
        }
    }

    /// Ready when a read that does not wait would tell something.
    #[cfg(feature = "blocking")]
    pub(super) fn poll_readable(&mut self, waker: &Waker) -> Poll<io::Result<usize>> {
        if !self.unread.is_empty() {
            return Poll::Ready(Ok(self.unread.len()));
        }
        for _ in 0..TRIES {
            if let Some(filled) = ready!(self.poll_once(waker)) {
                return Poll::Ready(filled);
            }
        }
        Poll::Ready(Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Reads what a read that waits has got by now.
    #[cfg(feature = "blocking")]
    pub(super) fn read_seen(&mut self, waker: &Waker, buf: &mut [u8]) -> io::Result<usize> {
        match self.poll_readable(waker) {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(Ok(0)) => Ok(0),
            Poll::Ready(Ok(_)) => {
                let chunk = self.take(buf.len());
                buf[..chunk.len()].copy_from_slice(chunk);
                Ok(chunk.len())
            }
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// One operation; `None` if it came to nothing.
    fn poll_once(&mut self, waker: &Waker) -> Poll<Option<io::Result<usize>>> {
        let outcome = match ready!(self.operation.poll(waker)) {
            Some(outcome) => outcome,
            None => ready!(self.start(waker)),
        };
        Poll::Ready(self.filled(outcome))
    }

    /// The same without waiting. Nothing that arrives in the meantime is lost: it stays in the pipe.
    fn try_fill(&mut self) -> io::Result<usize> {
        for _ in 0..TRIES {
            // A read that waits has to be ended: while it does, what arrives next goes to it. If bytes have got to
            // it already, the system says so now.
            if !self.operation.cancel() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let outcome = match self.operation.poll(Waker::noop()) {
                Poll::Ready(Some(outcome)) => outcome,
                Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
                Poll::Ready(None) => match pipe::arrived(self.operation.port().pipe()) {
                    Ok(0) => return Err(io::ErrorKind::WouldBlock.into()),
                    Err(error) => Err(error.raw_os_error().unwrap_or_default() as u32),
                    Ok(_) => match self.start(Waker::noop()) {
                        Poll::Ready(outcome) => outcome,
                        // Somebody else has this end too, and was faster.
                        Poll::Pending => continue,
                    },
                },
            };
            if let Some(filled) = self.filled(outcome) {
                return filled;
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn start(&mut self, waker: &Waker) -> Poll<Outcome> {
        self.size.prepare(&mut self.operation.buffer);
        self.operation.start(waker)
    }

    /// What an outcome means; `None` if it means nothing.
    fn filled(&mut self, outcome: Outcome) -> Option<io::Result<usize>> {
        match outcome {
            // The peer wrote nothing, and said so: not the end.
            Ok(0) => None,
            Ok(size) => {
                self.size.learn(size);
                self.unread = 0..self.operation.buffer.len();
                Some(Ok(size))
            }
            // Cancelled: by `try_fill`, or by foreign code that cancels all it can find.
            Err(ERROR_OPERATION_ABORTED) => None,
            Err(ERROR_BROKEN_PIPE | ERROR_PIPE_NOT_CONNECTED) => Some(Ok(0)),
            Err(code) => Some(Err(handle::error(code))),
        }
    }

    fn take(&mut self, limit: usize) -> &[u8] {
        let start = self.unread.start;
        let end = self.unread.end.min(start + limit);
        self.unread.start = end;
        &self.operation.buffer[start..end]
    }
}

#[cfg(feature = "node")]
impl ReadHalf {
    pub(crate) fn take_handle(&mut self) -> Option<super::Handle> {
        None
    }
}

#[cfg(feature = "node")]
impl WriteHalf {
    fn give_to(&mut self, taker: Option<u32>) {
        self.taker = taker;
    }

    pub(crate) fn describe(&self, handle: &super::Handle) -> io::Result<Vec<u8>> {
        match self.taker {
            Some(taker) => socket::describe(handle, taker),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The description goes in the stream itself.
    pub(crate) fn send_handle(&mut self, _: u64, handle: super::Handle) {
        drop(handle);
    }
}

impl std::fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadHalf")
            .field("pipe", self.operation.port().pipe())
            .finish_non_exhaustive()
    }
}

pub(crate) struct WriteHalf {
    operation: Operation,
    /// Bytes that the system has taken and no caller was told of.
    taken: usize,
    /// What came of an operation that somebody has only waited for.
    outcome: Option<Outcome>,
    /// The process at the other end, if that is a child. Whoever else holds that end open does not read.
    reader: Option<Exit>,
    /// To whom sockets can be given.
    #[cfg(feature = "node")]
    taker: Option<u32>,
}

impl WriteHalf {
    pub(super) fn new(port: Arc<Port>) -> Self {
        Self {
            operation: Operation::new(port, Action::Write),
            taken: 0,
            outcome: None,
            reader: None,
            #[cfg(feature = "node")]
            taker: None,
        }
    }

    /// Notes who reads: when that process has ended, a write that finds no room fails and does not wait.
    pub(super) fn read_by(&mut self, process: Exit) {
        self.reader = Some(process);
    }

    /// There is no such thing on pipes.
    #[cfg(any(feature = "tokio", feature = "node"))]
    pub(crate) fn end(&mut self) -> bool {
        false
    }

    /// The size of a pipe was settled when it was made.
    #[cfg(feature = "tokio")]
    pub(crate) fn make_room(&mut self) {}

    #[cfg(feature = "tokio")]
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(poll_budget(cx));
        self.poll_write_once(cx.waker(), buf)
    }

    /// There is no such call.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_write_both(
        &mut self,
        cx: &mut Context<'_>,
        first: &[u8],
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, first)
    }

    pub(super) fn poll_write_once(&mut self, waker: &Waker, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            let Poll::Ready(outcome) = self.poll_operation(waker, buf) else {
                return self.poll_reader(waker);
            };
            if self.operation.buffer.capacity() > KEEP_LIMIT {
                self.operation.buffer = Vec::new();
            }
            self.taken = outcome.map_err(write_error)?;
        }
        // A caller who offers less than before is told of the rest later, and nothing is sent twice.
        let told = self.taken.min(buf.len());
        self.taken -= told;
        Poll::Ready(Ok(told))
    }

    /// Ready when a write would tell something.
    #[cfg(feature = "blocking")]
    pub(super) fn poll_writable(&mut self, waker: &Waker) -> Poll<()> {
        if self.taken > 0 || self.outcome.is_some() {
            return Poll::Ready(());
        }
        match self.operation.poll(waker) {
            Poll::Ready(outcome) => {
                self.outcome = outcome;
                Poll::Ready(())
            }
            Poll::Pending => self.poll_reader(waker).map(|_| ()),
        }
    }

    fn poll_operation(&mut self, waker: &Waker, buf: &[u8]) -> Poll<Outcome> {
        if let Some(outcome) = self.outcome.take() {
            return Poll::Ready(outcome);
        }
        match ready!(self.operation.poll(waker)) {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                // Our copy: the caller's bytes may be gone before the system has taken them.
                let chunk = &buf[..buf.len().min(WRITE_LIMIT)];
                self.operation.buffer.clear();
                self.operation.buffer.extend_from_slice(chunk);
                self.operation.start(waker)
            }
        }
    }

    /// There is no room: only the end of the one who could make some is to be told.
    fn poll_reader(&mut self, waker: &Waker) -> Poll<io::Result<usize>> {
        if let Some(reader) = &mut self.reader {
            ready!(reader.poll(waker));
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteHalf")
            .field("pipe", self.operation.port().pipe())
            .finish_non_exhaustive()
    }
}

fn write_error(code: WIN32_ERROR) -> io::Error {
    match code {
        ERROR_BROKEN_PIPE | ERROR_NO_DATA | ERROR_PIPE_NOT_CONNECTED => {
            io::ErrorKind::BrokenPipe.into()
        }
        code => handle::error(code),
    }
}

/// Lets other tasks of this thread run now and then, however fast the peer is.
#[cfg(feature = "tokio")]
fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    pin!(tokio::task::consume_budget()).poll(cx)
}

/// How many writes of nothing by a hostile peer `try_read` puts up with.
const TRIES: usize = 1000;

/// The most that one operation writes: what the pipe takes without its reader.
const WRITE_LIMIT: usize = pipe::BUFFER as usize;

/// The largest buffer that an idle connection keeps for its next write.
const KEEP_LIMIT: usize = 4096;

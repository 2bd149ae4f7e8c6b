//! A connected byte stream: a Unix domain socket or a Windows named pipe.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::handoff::Wrap;
use crate::{Name, sys};

/// A connected, two-way byte stream to one other process of the same user.
#[derive(Debug)]
pub struct Stream(pub(crate) sys::Stream);

impl Stream {
    /// Connects to the server that listens on `name`.
    ///
    /// Retries while the server's queue is full, until `deadline`. The server's user is checked before this
    /// returns, so not one byte goes to a stranger.
    ///
    /// # Errors
    ///
    /// `NotFound` or `ConnectionRefused` if nobody listens, `PermissionDenied` if the server belongs to
    /// another user, `TimedOut` at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the half-made connection; no thread or handle stays behind.
    pub async fn connect(name: &Name, deadline: Instant) -> io::Result<Self> {
        sys::Stream::connect(name, deadline).await.map(Self)
    }

    /// The process at the other end, as the system recorded it when the connection was made.
    ///
    /// A hint for people, not an identity: ids are reused. `None` where the system does not tell, and for the
    /// channel of a spawned child, whose both ends were opened by the parent.
    pub fn peer_pid(&self) -> Option<u32> {
        self.0.peer_pid()
    }

    /// Splits the stream into its two directions. The stream closes when both halves are dropped.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let (read, write) = self.0.into_split();
        (ReadHalf(read), WriteHalf(write))
    }
}

impl Wrap for Stream {
    type Inner = sys::Stream;

    fn wrap(inner: Self::Inner) -> Self {
        Self(inner)
    }
}

/// The incoming direction of a [`Stream`].
///
/// An orderly or sudden close by the peer reads as end of file (zero bytes) or `ConnectionReset`, always after
/// everything that the peer had written.
#[derive(Debug)]
pub struct ReadHalf(sys::ReadHalf);

impl ReadHalf {
    /// Reads what has already arrived, without waiting and without asking the runtime.
    ///
    /// Used after the peer's exit was seen: all that it wrote is in the system's buffer by then, so `WouldBlock`
    /// proves that there is no more, even while a grandchild still holds the other end open.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there.
    pub fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    /// How many bytes have arrived and were not read: never too few, and hardly too many.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn arrived(&self) -> io::Result<u64> {
        self.0.arrived()
    }
}

#[cfg(feature = "node")]
impl ReadHalf {
    /// The first handle, of a channel from or to Node, that has come beside the bytes read so far and was not taken yet.
    pub fn take_handle(&mut self) -> Option<crate::Handle> {
        self.0.take_handle()
    }
}

#[cfg(feature = "node")]
impl WriteHalf {
    /// What has to stand in the stream, in front of the bytes with which `handle` goes, for the process at the other end to
    /// find it: nothing on Unix.
    ///
    /// # Errors
    ///
    /// What the system says. `Unsupported` on a channel that is not from or to Node.
    pub fn describe(&self, handle: &crate::Handle) -> io::Result<Vec<u8>> {
        self.0.describe(handle)
    }

    /// Over a channel from or to Node, sends `handle` along with the byte at `position`, counted from the first byte of the stream, which is still to be
    /// written. Positions do not go down.
    pub fn send_handle(&mut self, position: u64, handle: crate::Handle) {
        self.0.send_handle(position, handle);
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buf)
    }
}

/// The outgoing direction of a [`Stream`].
///
/// `poll_write` answers `Ready(Ok(n))` when the operating system itself has taken `n` bytes: they arrive even if
/// this process ends the next moment. Where the system writes in the background (Windows), the answer is
/// `Pending` until it has finished, so **after `Pending` the next call must offer the same bytes again**.
/// `poll_flush` and `poll_shutdown` do nothing; see [`end`](Self::end).
///
/// To a child that has ended nothing waits for room: that is `BrokenPipe`, even while a grandchild holds the other end
/// open.
#[derive(Debug)]
pub struct WriteHalf(sys::WriteHalf);

impl WriteHalf {
    /// Ends this direction: the peer reads the end of the stream behind all that was written, while the other direction
    /// goes on. `false` on Windows, where pipes end in both directions or in none.
    pub fn end(&mut self) -> bool {
        self.0.end()
    }

    /// Makes room for a few more bytes than usual, for the end: what waits then cannot wait any longer.
    ///
    /// On Unix the system then keeps about twice as much as before. Windows sets the size of a pipe when it is made.
    pub fn make_room(&mut self) {
        self.0.make_room();
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            [first, second] if !first.is_empty() && !second.is_empty() => {
                self.0.poll_write_both(cx, first, second)
            }
            _ => {
                let first = bufs.iter().find(|buf| !buf.is_empty());
                self.0.poll_write(cx, first.map_or(&[], |buf| buf))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

//! What carries the bytes of a connection.
//!
//! [`Local`] is the one that programs on the same machine use: a Unix domain socket or a Windows named pipe, chosen
//! when the program is built. [`Memory`] joins two ends within one process, for tests. Anything else that carries
//! bytes in order both ways (TCP, TLS, the pipes of an `ssh` process) can implement [`Transport`] or be wrapped in
//! [`Halves`].

mod halves;
mod local;
mod memory;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use self::halves::Halves;
pub use self::local::Local;
pub use self::memory::Memory;

/// An ordered, reliable stream of bytes in both directions.
///
/// It needs no half-close (named pipes have none): the end of the messages is a message of ours, except
/// [to Node.js](Self::end). It should not
/// report a write as done before the bytes are out of this process's hands; if it buffers, `poll_flush` must pass the
/// bytes on, and is called after every write.
///
/// # Examples
///
/// A connection over TCP:
///
/// ```
/// use offspring::{Connection, transport::Transport};
/// use tokio::net::{TcpListener, TcpStream, tcp::{OwnedReadHalf, OwnedWriteHalf}};
///
/// struct Tcp(TcpStream);
///
/// impl Transport for Tcp {
///     type ReadHalf = OwnedReadHalf;
///     type WriteHalf = OwnedWriteHalf;
///
///     fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
///         self.0.into_split()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// let client = Connection::<str, String, _>::new(Tcp(client));
/// let mut server = Connection::<str, String, _>::new(Tcp(server));
/// client.send("over TCP").await?;
/// assert_eq!(server.recv().await?.as_deref(), Some("over TCP"));
/// # Ok(())
/// # }
/// ```
pub trait Transport: Send + 'static {
    /// The incoming direction.
    type ReadHalf: AsyncRead + Send + Unpin + 'static;
    /// The outgoing direction.
    type WriteHalf: AsyncWrite + Send + Unpin + 'static;

    /// Splits the stream into its two directions. It closes when both are dropped.
    fn into_split(self) -> (Self::ReadHalf, Self::WriteHalf);

    /// Reads what has already arrived, without waiting: `WouldBlock` if that is nothing.
    ///
    /// Unless a transport knows better, this polls once, which for a socket of tokio misses what arrived since its
    /// reactor last ran.
    ///
    /// # Errors
    ///
    /// As [`Read::read`](io::Read::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use offspring::transport::{Memory, Transport};
    ///
    /// let (left, _right) = Memory::pair();
    /// let (mut read_half, _write_half) = left.into_split();
    /// let nothing = Memory::try_read(&mut read_half, &mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    /// ```
    fn try_read(read_half: &mut Self::ReadHalf, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(read_half).poll_read(&mut cx, &mut buf) {
            Poll::Ready(result) => result.map(|()| buf.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Ends the outgoing direction: the other side reads the end of the stream behind all that was written, and this side
    /// can still read. `false` if the transport cannot do that.
    ///
    /// Only needed to talk to Node.js, for which the end of the stream is the goodbye. Where it cannot be done both
    /// directions are closed instead, after what has arrived was read.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::transport::{Memory, Transport};
    ///
    /// let (left, _right) = Memory::pair();
    /// let (_read_half, mut write_half) = left.into_split();
    /// assert!(!Memory::end(&mut write_half));
    /// ```
    fn end(write_half: &mut Self::WriteHalf) -> bool {
        let _ = write_half;
        false
    }

    /// Makes more room for bytes that wait, if that can be done.
    ///
    /// Called once, when this side ends without waiting and its last words do not fit in. Unless a transport knows
    /// better, this does nothing, and what does not fit in is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::transport::{Memory, Transport};
    ///
    /// let (left, _right) = Memory::pair();
    /// let (_read_half, mut write_half) = left.into_split();
    /// Memory::make_room(&mut write_half); // there is no more to be had
    /// ```
    fn make_room(write_half: &mut Self::WriteHalf) {
        let _ = write_half;
    }
}

//! [`Connection`]: typed messages over a transport.

#[cfg(feature = "node")]
mod handles;
mod incoming;
mod link;
mod open;
mod outgoing;
mod receiver;
mod sender;
mod wakers;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

pub(crate) use self::link::at_once;
pub use self::receiver::Receiver;
pub use self::sender::Sender;
use crate::error::{ErrorKind, Result};
use crate::session::Line as _;
use crate::transport::{Local, Transport};
use crate::wire::Body;

/// Two-way, typed messages with one other process.
///
/// Sends messages of type `Tx` and receives messages of type `Rx`, both at any time. `Tx` may be unsized: a
/// `Connection<str, String>` sends `&str` and receives `String`, and nothing is cloned to be sent. The other side's
/// types mirror these.
///
/// There is no task and no thread behind a connection: bytes move when one of its methods is polled. Whatever was
/// sent or received in part when a future is dropped stays in the connection, so every method can be used in
/// `tokio::select!` or under a timeout.
///
/// Dropping a connection says goodbye without waiting; [`close`](Self::close) waits until the other side has taken
/// every message. When a thread panics no goodbye is said, and the other side sees
/// [`ErrorKind::Disconnected`].
///
/// # Platform notes
///
/// On Windows the goodbye of a drop is lost if messages that the other side has not read fill the pipe at that moment;
/// then it sees [`ErrorKind::Disconnected`] too. A `close` waits for room.
///
/// # Panics
///
/// Methods that wait need a tokio runtime with I/O and time enabled, as `#[tokio::main]` makes it.
///
/// # Examples
///
/// ```
/// use offspring::Connection;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// // Two ends in one process; see `Command`, `Parent`, `connect` and `Listener` for two processes.
/// let (mut asking, mut answering) = Connection::<str, u32, _>::memory::<u32, String>();
///
/// tokio::spawn(async move {
///     while let Some(question) = answering.recv().await? {
///         answering.send(&(question.len() as u32)).await?;
///     }
///     Ok::<(), offspring::Error>(())
/// });
///
/// asking.send("how long is this?").await?;
/// assert_eq!(asking.recv().await?, Some(17));
/// asking.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connection<Tx: ?Sized, Rx, T: Transport = Local> {
    sender: Sender<Tx, T>,
    receiver: Receiver<Rx, T>,
}

impl<Tx: ?Sized, Rx, T: Transport> Connection<Tx, Rx, T> {
    /// Splits the connection into its two halves, to be used by different tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// let (left, _right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// let (sender, receiver) = left.split();
    /// # let _ = (sender, receiver);
    /// ```
    pub fn split(self) -> (Sender<Tx, T>, Receiver<Rx, T>) {
        (self.sender, self.receiver)
    }

    /// Another [`Sender`] of this connection.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// let (left, _right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// let sender = left.sender();
    /// # let _ = sender;
    /// ```
    pub fn sender(&self) -> Sender<Tx, T> {
        self.sender.clone()
    }

    /// Lets every send fail from here on: there is nobody left to take anything.
    pub(crate) fn hang_up(&self) {
        self.sender.link().hang_up();
    }

    pub(crate) fn receiver_mut(&mut self) -> &mut Receiver<Rx, T> {
        &mut self.receiver
    }

    /// Waits until everything that was fed has been taken by the operating system. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// As [`Sender::flush`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the messages leave whole with the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, _right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.feed("one").await?;
    /// left.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) -> Result<()> {
        self.sender.flush().await
    }

    /// Waits until the other side has said hello. See [`Receiver::ready`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::ready`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (mut left, _right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.ready().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&mut self) -> Result<()> {
        self.receiver.ready().await
    }

    /// The version of the application's protocol that both sides use, once the other side's hello has arrived.
    ///
    /// `None` before that (see [`ready`](Self::ready)) and if no [`Config::protocol`](crate::Config::protocol) was named.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, Connection, transport::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (old, new) = Memory::pair();
    /// let config = Config::new().protocol("spell-checker", 2);
    /// let _old = Connection::<(), (), _>::with_config(old, config);
    /// let config = Config::new().protocol_versions("spell-checker", 1..=3);
    /// let mut new = Connection::<(), (), _>::with_config(new, config);
    /// new.ready().await?;
    /// assert_eq!(new.protocol_version(), Some(2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn protocol_version(&self) -> Option<u32> {
        self.receiver.agreement()?.protocol_version()
    }

    /// Receives one message without copying it. See [`Receiver::recv_with`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_with`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, (), _>::memory::<(), String>();
    /// left.send("borrowed").await?;
    /// let length = right.recv_with(|message| message.decode::<&str>().map(str::len)).await?;
    /// assert_eq!(length.transpose()?, Some(8));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        self.receiver.recv_with(read).await
    }

    /// Says goodbye: no message follows. See [`Sender::disconnect`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.disconnect();
    /// assert_eq!(right.recv().await?, None);
    /// right.send(&5).await?; // the other direction is still open
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect(&self) {
        self.sender.disconnect();
    }

    /// Says goodbye and waits until the other side's program has taken every message.
    ///
    /// `Ok` means that every message which was sent came out of a `recv` on the other side, or is kept for one by a
    /// parent that waits in [`Child::wait`](crate::Child::wait) for this process to end. Messages of the other side that
    /// have not been received yet can still be received afterwards.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] if the other side ended before it took every message, or is closing too and has
    /// not taken them; [`ErrorKind::Timeout`] if it did neither within
    /// [`Config::close_timeout`](crate::Config::close_timeout). The text says how many messages were taken.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the goodbye is said all the same; `close` may be called again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (mut left, mut right) = Connection::<str, (), _>::memory::<(), String>();
    /// tokio::spawn(async move {
    ///     while let Some(line) = right.recv().await? {
    ///         println!("{line}");
    ///     }
    ///     Ok::<(), offspring::Error>(())
    /// });
    /// left.send("the last words").await?;
    /// left.close().await?; // they were taken
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&mut self) -> Result<()> {
        self.close_until(|_| Poll::Pending).await
    }

    /// Like [`close`](Self::close), but waits no longer when the other side is `gone`.
    pub(crate) async fn close_until(
        &mut self,
        mut gone: impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Result<()> {
        let link = self.sender.link();
        link.push_goodbye();
        link.push_out();
        let (sent, limit) = (link.queue().messages(), link.config().close_timeout);
        let closed = poll_fn(|cx| {
            if let Poll::Ready(closed) = self.receiver.poll_close(cx, sent) {
                return Poll::Ready(closed);
            }
            ready!(gone(cx));
            Poll::Ready(self.receiver.close_at_last(sent))
        });
        match timeout(limit, closed).await {
            Ok(result) => result,
            Err(_) => Err(self.receiver.not_taken(ErrorKind::Timeout, sent)),
        }
    }

    /// Ends the connection without a goodbye, as a crash would.
    ///
    /// Whatever waits to be written is lost, and all other [`Sender`]s of this connection fail with
    /// [`ErrorKind::Disconnected`] from here on.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Connection, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.abort();
    /// assert_eq!(right.recv().await.unwrap_err().kind(), ErrorKind::Disconnected);
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort(self) {
        self.sender.link().abort();
    }
}

impl<Tx: Serialize + ?Sized, Rx, T: Transport> Connection<Tx, Rx, T> {
    /// Sends one message. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message arrives whole or not at all. Messages sent later are not affected.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.send("Hello").await?;
    /// assert_eq!(right.recv().await?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send(&self, message: &Tx) -> Result<()> {
        self.sender.send(message).await
    }

    /// Encodes one message without writing it. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// As [`Sender::feed`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not fed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, _right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.feed("one").await?;
    /// left.feed("two").await?;
    /// left.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn feed(&self, message: &Tx) -> Result<()> {
        self.sender.feed(message).await
    }

    /// Sends one message if that needs no waiting. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::try_send`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, _right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.try_send("Hello")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send(&self, message: &Tx) -> Result<()> {
        self.sender.try_send(message)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned, T: Transport> Connection<Tx, Rx, T> {
    /// Receives the next message; `Ok(None)` after the other side's goodbye. See [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.send("Hello").await?;
    /// assert_eq!(right.recv().await?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Result<Option<Rx>> {
        self.receiver.recv().await
    }

    /// Receives a message that is already there. See [`Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// left.send("Hello").await?;
    /// assert_eq!(right.try_recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<Rx>> {
        self.receiver.try_recv()
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned, T: Transport> Stream for Connection<Tx, Rx, T> {
    type Item = Result<Rx>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Rx>>> {
        Pin::new(&mut self.receiver).poll_next(cx)
    }
}

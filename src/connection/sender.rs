//! [`Sender`]: the outgoing half of a connection.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use serde::Serialize;
use tokio::task::coop::poll_proceed;
use tokio::time::{Sleep, sleep};

use crate::connection::link::{Link, at_once};
use crate::error::{Error, ErrorKind, Result};
use crate::session::Line as _;
use crate::transport::{Local, Transport};

/// The outgoing half of a [`Connection`](crate::Connection).
///
/// It can be cloned and used from many tasks at once: each message arrives whole, and messages of one task arrive in
/// the order in which that task sent them. What several tasks have encoded leaves in one write: a `send` that comes after
/// one of another task lets those that are ready encode before it writes.
///
/// When the last sender of a connection is dropped it says goodbye, so that the other side's `recv` ends with
/// `Ok(None)`. To be sure that every message was taken, use [`Connection::close`](crate::Connection::close).
///
/// # Examples
///
/// ```
/// use offspring::Connection;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let (left, mut right) = Connection::<u32, (), _>::memory::<(), u32>();
/// let (sender, _receiver) = left.split();
/// for number in 0..3 {
///     let sender = sender.clone();
///     tokio::spawn(async move { sender.send(&number).await });
/// }
/// drop(sender);
///
/// let mut sum = 0;
/// while let Some(number) = right.recv().await? {
///     sum += number;
/// }
/// assert_eq!(sum, 3);
/// # Ok(())
/// # }
/// ```
pub struct Sender<M: ?Sized, T: Transport = Local> {
    link: Arc<Link<T>>,
    message: PhantomData<fn(&M)>,
}

impl<M: ?Sized, T: Transport> Sender<M, T> {
    /// The first sender of a link.
    pub(super) fn new(link: Arc<Link<T>>) -> Self {
        Self {
            link,
            message: PhantomData,
        }
    }

    pub(super) fn link(&self) -> &Link<T> {
        &self.link
    }

    /// Waits until the operating system has taken everything that was fed so far.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] if the other side is gone, [`ErrorKind::Stalled`] if neither side reads and the
    /// [read-ahead](crate::Config::read_ahead) is used up.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the messages stay in the connection and leave whole with the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<u32, (), _>::memory::<(), u32>();
    /// for number in 0..1000 {
    ///     left.feed(&number).await?; // encodes only
    /// }
    /// left.flush().await?; // one write for all of them
    /// assert_eq!(right.recv().await?, Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) -> Result<()> {
        self.flush_until(self.link.queue().fed(), Turn::Own).await
    }

    fn flush_until(&self, target: u64, turn: Turn) -> Flush<'_, T> {
        Flush {
            link: &self.link,
            target,
            turn,
            id: None,
            stall: None,
        }
    }

    /// Says goodbye: no message follows. The other side's `recv` ends with `Ok(None)` after the last message; this
    /// side can go on receiving.
    ///
    /// Does not wait; see [`Connection::close`](crate::Connection::close) for that. Later sends, of all clones, fail
    /// with [`ErrorKind::Closed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<u32, (), _>::memory::<(), u32>();
    /// left.send(&1).await?;
    /// left.disconnect();
    /// assert_eq!(right.recv().await?, Some(1));
    /// assert_eq!(right.recv().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect(&self) {
        self.link.push_goodbye();
        self.link.push_out();
    }
}

impl<M: Serialize + ?Sized, T: Transport> Sender<M, T> {
    /// Sends one message to the other process.
    ///
    /// Returns when the operating system has taken every byte. The other side may not have read it yet; use
    /// [`close`](crate::Connection::close) to be sure that it has. While it waits for room it puts incoming messages
    /// aside, so that two sides which both send first do not wait for each other.
    ///
    /// # Errors
    ///
    /// Nothing was sent and the connection is still good: [`ErrorKind::Encode`], [`ErrorKind::TooLarge`],
    /// [`ErrorKind::TooDeep`], [`ErrorKind::TooManyItems`]. [`ErrorKind::Closed`] after a goodbye of this side.
    /// [`ErrorKind::Disconnected`] if the other side is gone, or [`ErrorKind::Refused`] if it is a server that had no place
    /// for this client. [`ErrorKind::Stalled`] if neither side reads and the
    /// [read-ahead](crate::Config::read_ahead) is used up; the text says whether the message was taken, and then it
    /// leaves when there is room.
    ///
    /// # Panics
    ///
    /// If the [`Serialize`] implementation of the message uses the connection that it is being sent over.
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
    /// let (left, mut right) = Connection::<str, String, _>::memory::<str, String>();
    /// left.send("Hello").await?;
    /// assert_eq!(right.recv().await?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send(&self, message: &M) -> Result<()> {
        let end = self.take(|| self.link.take(message)).await?;
        self.flush_until(end, Turn::Unknown).await
    }

    /// Encodes one message without writing it, to send many with one [`flush`](Self::flush).
    ///
    /// Waits only while more than [`Config::send_buffer`](crate::Config::send_buffer) bytes wait to be written.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
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
    /// let (left, mut right) = Connection::<str, String, _>::memory::<str, String>();
    /// left.feed("one").await?;
    /// left.feed("two").await?;
    /// left.flush().await?;
    /// assert_eq!(right.recv().await?.as_deref(), Some("one"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn feed(&self, message: &M) -> Result<()> {
        self.take(|| self.link.push(message)).await?;
        Ok(())
    }

    /// Takes a message as soon as there is room, and tells the position in the stream behind it.
    async fn take(&self, mut push: impl FnMut() -> Option<Result<u64>>) -> Result<u64> {
        loop {
            if let Some(result) = push() {
                return result;
            }
            let room = self.flush_until(self.link.queue().room(), Turn::Own).await;
            room.map_err(|error| error.and_then_text("; this message was not taken"))?;
        }
    }

    /// Sends one message if that needs no waiting for room.
    ///
    /// What the operating system does not take at once leaves with the next `send`, `flush` or `recv` of this
    /// connection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] if [`Config::send_buffer`](crate::Config::send_buffer) bytes already wait: the message was
    /// not taken. Otherwise as [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, String, _>::memory::<str, String>();
    /// left.try_send("Hello")?;
    /// assert_eq!(right.recv().await?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send(&self, message: &M) -> Result<()> {
        let mut pushed = self.link.take(message);
        if pushed.is_none() {
            // There may be room for all that waits, if only somebody wrote it.
            self.link.push_out();
            pushed = self.link.take(message);
        }
        let Some(pushed) = pushed else {
            return Err(Error::new(
                ErrorKind::Full,
                format!(
                    "send to {} at once: {} bytes already wait",
                    self.link.peer(),
                    self.link.queue().waiting_bytes()
                ),
            ));
        };
        let end = pushed?;
        match at_once(|| self.link.poll_flush(end)) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }
}

#[cfg(feature = "node")]
impl<M: ?Sized, T: Transport> Sender<M, T> {
    /// Waits until everything before `target` has left.
    pub(super) async fn flush_to(&self, target: u64) -> Result<()> {
        self.flush_until(target, Turn::Own).await
    }
}

impl<M: ?Sized, T: Transport> Clone for Sender<M, T> {
    fn clone(&self) -> Self {
        self.link.add_sender();
        Self::new(Arc::clone(&self.link))
    }
}

impl<M: ?Sized, T: Transport> Drop for Sender<M, T> {
    fn drop(&mut self) {
        self.link.remove_sender();
    }
}

impl<M: ?Sized, T: Transport> fmt::Debug for Sender<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("peer", &self.link.peer())
            .finish_non_exhaustive()
    }
}

/// Writes until the transport has taken everything before `target`, and reads aside meanwhile.
struct Flush<'a, T: Transport> {
    link: &'a Link<T>,
    target: u64,
    turn: Turn,
    id: Option<u64>,
    stall: Option<Stall>,
}

/// Whose turn it is to write, where several tasks send.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    Unknown,
    /// Others that are ready may encode first.
    Others,
    Own,
}

/// Counts the time without progress while the read-ahead is used up.
struct Stall {
    written: u64,
    timer: Pin<Box<Sleep>>,
}

impl<T: Transport> Future for Flush<'_, T> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        if this.lets_others_go(cx.waker()) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A socket that always has room must not keep other tasks from running.
        let budget = ready!(poll_proceed(cx));
        if let Poll::Ready(result) = this.link.poll_flush(this.target) {
            budget.made_progress();
            return Poll::Ready(result);
        }
        // Only the poll after the registration may be relied on, see `Wakers`.
        this.link
            .wakers()
            .register_sender(&mut this.id, this.target, cx.waker());
        let full = this.link.incoming().read_ahead();
        if let Poll::Ready(result) = this.link.poll_flush(this.target) {
            return Poll::Ready(result);
        }
        if full {
            return this.poll_stall(cx);
        }
        this.stall = None;
        Poll::Pending
    }
}

impl<T: Transport> Flush<'_, T> {
    /// True once at most, and if another task sends too. Who writes after that writes for all that came together
    /// meanwhile, and they find that nothing is left to do.
    fn lets_others_go(&mut self, waker: &Waker) -> bool {
        self.turn = match self.turn {
            Turn::Unknown
                if self.link.takes_turns(waker) && !self.link.queue().has_left(self.target) =>
            {
                Turn::Others
            }
            _ => Turn::Own,
        };
        self.turn == Turn::Others
    }

    #[cold]
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let config = self.link.config();
        let written = self.link.queue().written();
        let stall = match &mut self.stall {
            Some(stall) if stall.written == written => stall,
            stall => {
                let timer = Box::pin(sleep(config.stall_timeout));
                stall.insert(Stall { written, timer })
            }
        };
        ready!(stall.timer.as_mut().poll(cx));
        Poll::Ready(Err(Error::new(
            ErrorKind::Stalled,
            format!(
                "send to {}: it takes nothing, and {} bytes from it wait to be received",
                self.link.peer(),
                config.read_ahead_limit()
            ),
        )))
    }
}

impl<T: Transport> Drop for Flush<'_, T> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.link.wakers().forget_sender(id);
        }
        if self.turn == Turn::Others {
            // There may be room, and nobody else who writes.
            self.link.push_out();
        }
    }
}

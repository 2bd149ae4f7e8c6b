//! [`Receiver`]: the incoming half of a connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use serde::de::DeserializeOwned;
use tokio::task::coop::poll_proceed;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::link::{End, Link};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::{Local, Transport};
use crate::wire::{Body, Envelope, Inbox};

/// The incoming half of a [`Connection`](crate::Connection).
///
/// Also a [`Stream`] of messages. It ends after a goodbye; after a broken connection it yields the error once and then
/// ends.
///
/// # Examples
///
/// ```
/// use offspring::Connection;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let (left, right) = Connection::<str, (), _>::memory::<(), String>();
/// let (_sender, mut receiver) = right.split();
/// left.send("Hello").await?;
/// drop(left);
/// assert_eq!(receiver.recv().await?.as_deref(), Some("Hello"));
/// assert_eq!(receiver.recv().await?, None);
/// # Ok(())
/// # }
/// ```
pub struct Receiver<M, T: Transport = Local> {
    link: Arc<Link<T>>,
    inbox: Inbox,
    peer: Peer,
    /// Until when the other side must have said hello. `None` when it has.
    hello: Option<Deadline>,
    /// The stream of messages has reported its failure.
    failure_reported: bool,
    message: PhantomData<fn() -> M>,
}

/// What the other side has said about itself.
#[derive(Default)]
struct Peer {
    /// How many of our messages its program has taken, as far as it told.
    taken: u64,
    /// It has answered our goodbye: `taken` is its last word.
    answered: bool,
    /// Its goodbye stands somewhere in the inbox.
    goodbye_ahead: bool,
    /// Its goodbye was reached: no message follows.
    gone: bool,
}

struct Deadline {
    at: Instant,
    /// Made when it is first waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<M, T: Transport> Receiver<M, T> {
    pub(super) fn new(link: Arc<Link<T>>, handshake_timeout: Duration) -> Self {
        let config = link.config();
        let inbox = Inbox::new(config.limits, config.hello());
        let at = Instant::now() + handshake_timeout;
        Self {
            link,
            inbox,
            peer: Peer::default(),
            hello: Some(Deadline { at, timer: None }),
            failure_reported: false,
            message: PhantomData,
        }
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Receives one message without copying it: `read` sees the bytes where they arrived.
    ///
    /// For messages with large parts that need not be owned (`&str`, `&[u8]` with `serde_bytes`), and to look at
    /// the raw MessagePack.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), except that the message is decoded by `read`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Connection;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Page<'a> {
    ///     url: &'a str,
    ///     #[serde(with = "serde_bytes")]
    ///     body: &'a [u8],
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<Page<'_>, (), _>::memory::<(), ()>();
    /// left.send(&Page { url: "https://example.org", body: b"<html>" }).await?;
    ///
    /// let size = right
    ///     .recv_with(|message| message.decode::<Page<'_>>().map(|page| page.body.len()))
    ///     .await?;
    /// assert_eq!(size.transpose()?, Some(6));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        let mut read = Some(read);
        poll_fn(|cx| self.poll_recv_with(cx, &mut read)).await
    }

    /// Waits until the other side has said hello, and checks that both fit together.
    ///
    /// Not needed before sending or receiving; it only tells sooner.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Incompatible`], [`ErrorKind::Protocol`], [`ErrorKind::Timeout`] or [`ErrorKind::Disconnected`].
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
    /// let (mut left, _right) = Connection::<(), (), _>::memory::<(), ()>();
    /// left.ready().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.greeted()? {
            ready!(self.poll_fill(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Gives the next message to `read`. `Ok(None)`: the other side said goodbye.
    pub(crate) fn poll_recv_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Poll<Result<Option<R>>> {
        // Many messages may wait in the inbox; taking them all must not keep other tasks from running.
        let budget = ready!(poll_proceed(cx));
        let result = loop {
            match self.next(read) {
                Ok(Next::Message(value)) => break Ok(Some(value)),
                Ok(Next::End) => break Ok(None),
                Ok(Next::NeedMore) => ready!(self.poll_fill(cx))?,
                Err(error) => break Err(error),
            }
        };
        budget.made_progress();
        Poll::Ready(result)
    }

    /// Takes the next message out of what has been read.
    fn next<R>(&mut self, read: &mut Option<impl FnOnce(Body<'_>) -> R>) -> Result<Next<R>> {
        loop {
            if self.peer.gone {
                return Ok(Next::End);
            }
            if !self.greeted()? {
                return Ok(Next::NeedMore);
            }
            match self.inbox.next() {
                Ok(None) => return Ok(Next::NeedMore),
                Ok(Some(Envelope::Message(body))) => {
                    let Some(read) = read.take() else {
                        return Ok(Next::NeedMore);
                    };
                    self.link.count_taken();
                    return Ok(Next::Message(read(body)));
                }
                Ok(Some(Envelope::Goodbye { taken })) => {
                    self.peer.taken = self.peer.taken.max(taken);
                    self.peer.gone = true;
                    self.link.push_taken(0);
                    self.link.push_out();
                }
                Ok(Some(Envelope::Taken { count })) => self.peer.answer(count),
                Err(error) => return Err(self.at_peer(error)),
            }
        }
    }

    /// True once the other side's hello has arrived and fits ours.
    fn greeted(&mut self) -> Result<bool> {
        if self.hello.is_none() {
            return Ok(true);
        }
        match self.inbox.open() {
            Ok(false) => Ok(false),
            Ok(true) => {
                self.hello = None;
                if let Some(agreement) = self.inbox.agreement() {
                    self.link.greeted(agreement.max_message());
                }
                Ok(true)
            }
            Err(error) => Err(self.at_peer(error)),
        }
    }

    /// Waits for more bytes.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.link.push_out();
        let filled = match self.link.poll_fill(&mut self.inbox) {
            Poll::Pending => {
                // Only the poll after the registration may be relied on, see `Wakers`.
                self.link.wakers().register_receiver(cx.waker());
                self.link.push_out();
                self.link.poll_fill(&mut self.inbox)
            }
            filled => filled,
        };
        match filled {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(end)) => Poll::Ready(Err(self.ended(end))),
            Poll::Pending => self.poll_hello_deadline(cx).map(Err),
        }
    }

    fn poll_hello_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(deadline) = &mut self.hello else {
            return Poll::Pending;
        };
        let timer = deadline
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline.at)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(self.no_hello())
    }

    #[cold]
    fn no_hello(&self) -> Error {
        Error::new(
            ErrorKind::Timeout,
            format!(
                "hear from {}: it did not say hello in time",
                self.link.peer()
            ),
        )
    }

    /// The error for the end of the bytes without a goodbye.
    #[cold]
    fn ended(&self, end: End) -> Error {
        if let Err(error) = self.inbox.end() {
            return self.at_peer(error);
        }
        let error = Error::new(
            ErrorKind::Disconnected,
            format!(
                "receive from {}: it is gone without a goodbye",
                self.link.peer()
            ),
        );
        match end {
            End::Closed => error,
            End::Failed(kind) => error.with_source(std::io::Error::from(kind)),
        }
    }

    #[cold]
    pub(crate) fn at_peer(&self, error: Error) -> Error {
        error.during(format_args!("receive from {}", self.link.peer()))
    }

    /// Reads what arrives and keeps it for later, as far as the read-ahead limit allows: for a program that waits
    /// until the other one has ended.
    ///
    /// The other one may wait until its messages are taken before it ends. What is kept here cannot be lost by its
    /// end any more, so it is told that they are.
    pub(crate) fn poll_keep(&mut self, cx: &mut Context<'_>) {
        loop {
            // A fault is met again by `recv`, and so is the end.
            let _ = self.look_ahead(Waiting::Kept);
            if self.inbox.buffered() >= self.link.config().read_ahead {
                return self.link.push_out();
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }

    /// Waits until the other side has taken all `sent` messages, after our goodbye was queued.
    ///
    /// The answer stands in the stream behind messages that the program has not taken; those stay in the inbox. If
    /// the other side is in the same position, neither waits for the other: both say how far they are.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>, sent: u64) -> Poll<Result<()>> {
        loop {
            self.look_ahead(Waiting::NotTaken)?;
            let enough = self.peer.taken >= sent;
            // Ready also if the other side is gone: then nobody waits for what is left to write.
            if enough && self.link.poll_flush(self.link.encoded()).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if self.peer.answered && !enough {
                return Poll::Ready(Err(self.not_taken(ErrorKind::Disconnected, sent)));
            }
            if self.inbox.buffered() >= self.link.config().read_ahead {
                return Poll::Ready(Err(self.not_taken(ErrorKind::Stalled, sent)));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(()) => {}
                Err(_) if enough => return Poll::Ready(Ok(())),
                Err(error) => {
                    let error = self.not_taken(error.kind(), sent).with_source(error);
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Looks for the other side's last words behind messages that wait.
    fn look_ahead(&mut self, waiting: Waiting) -> Result<()> {
        if !self.greeted()? {
            return Ok(());
        }
        loop {
            match self.inbox.look_ahead() {
                Ok(None) => return Ok(()),
                Ok(Some(Envelope::Taken { count })) => self.peer.answer(count),
                Ok(Some(Envelope::Goodbye { taken })) => {
                    self.peer.taken = self.peer.taken.max(taken);
                    if !self.peer.goodbye_ahead {
                        self.peer.goodbye_ahead = true;
                        self.link.push_taken(match waiting {
                            Waiting::NotTaken => 0,
                            Waiting::Kept => self.inbox.messages_ahead(),
                        });
                    }
                }
                Ok(Some(Envelope::Message(_))) => {}
                Err(error) => return Err(self.at_peer(error)),
            }
        }
    }

    /// Like [`poll_ready`](Self::poll_ready) when the other process has exited.
    pub(crate) fn ready_at_last(&mut self) -> Result<()> {
        while !self.greeted()? {
            self.fill_at_last()?;
        }
        Ok(())
    }

    /// Like [`poll_recv_with`](Self::poll_recv_with) when the other process has exited: what is not there now will
    /// never come, whoever else still holds the channel open.
    pub(crate) fn recv_last_with<R>(
        &mut self,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Result<Option<R>> {
        loop {
            match self.next(read)? {
                Next::Message(value) => return Ok(Some(value)),
                Next::End => return Ok(None),
                Next::NeedMore => self.fill_at_last()?,
            }
        }
    }

    fn fill_at_last(&mut self) -> Result<()> {
        match self.link.fill_now(&mut self.inbox) {
            Some(Ok(())) => Ok(()),
            Some(Err(end)) => Err(self.ended(end)),
            None => Err(self.ended(End::Closed)),
        }
    }

    #[cold]
    pub(super) fn not_taken(&self, kind: ErrorKind, sent: u64) -> Error {
        Error::new(
            kind,
            format!(
                "close the connection to {}: it took {} of {sent} messages",
                self.link.peer(),
                self.peer.taken
            ),
        )
    }
}

impl<M, T: Transport> Receiver<M, T>
where
    M: DeserializeOwned,
{
    /// Receives the next message.
    ///
    /// `Ok(None)` means that the other side said goodbye. A crash of the other side is an error, never a quiet end.
    ///
    /// # Errors
    ///
    /// The message was skipped and the connection is still good: [`ErrorKind::Decode`] (not an `M`),
    /// [`ErrorKind::Malformed`], [`ErrorKind::TooDeep`], [`ErrorKind::TooManyItems`]. The connection has ended:
    /// [`ErrorKind::Disconnected`], [`ErrorKind::Truncated`], [`ErrorKind::TooLarge`], [`ErrorKind::Protocol`],
    /// [`ErrorKind::Incompatible`], [`ErrorKind::Timeout`] (no hello in time); later calls give the same error again.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken; the next call receives it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, String, _>::memory::<str, String>();
    /// left.send("Hello").await?;
    /// drop(left);
    /// while let Some(message) = right.recv().await? {
    ///     println!("{message}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Result<Option<M>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next message: what [`recv`](Self::recv) waits for.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<M>>> {
        match ready!(self.poll_recv_with(cx, &mut Some(|body: Body<'_>| body.decode()))) {
            Ok(decoded) => Poll::Ready(decoded.transpose().map_err(|error| self.at_peer(error))),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Receives a message that is already there, without waiting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Empty`] if there is none at this moment; otherwise as [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Connection, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, String, _>::memory::<str, String>();
    /// assert_eq!(right.try_recv().unwrap_err().kind(), ErrorKind::Empty);
    /// left.send("Hello").await?;
    /// assert_eq!(right.try_recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<M>> {
        loop {
            match self.next(&mut Some(|body: Body<'_>| body.decode()))? {
                Next::Message(decoded) => return decoded.map(Some).map_err(|e| self.at_peer(e)),
                Next::End => return Ok(None),
                Next::NeedMore => {}
            }
            self.link.push_out();
            match self.link.fill_now(&mut self.inbox) {
                Some(Ok(())) => {}
                Some(Err(end)) => return Err(self.ended(end)),
                None => break,
            }
        }
        if self
            .hello
            .as_ref()
            .is_some_and(|deadline| deadline.at <= Instant::now())
        {
            return Err(self.no_hello());
        }
        Err(Error::new(
            ErrorKind::Empty,
            format!(
                "receive from {} at once: no message is there",
                self.link.peer()
            ),
        ))
    }
}

impl<M: DeserializeOwned, T: Transport> Stream for Receiver<M, T> {
    type Item = Result<M>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<M>>> {
        let this = &mut *self;
        if this.failure_reported {
            return Poll::Ready(None);
        }
        match ready!(this.poll_recv_with(cx, &mut Some(|body: Body<'_>| body.decode()))) {
            Ok(decoded) => Poll::Ready(decoded.map(|result| result.map_err(|e| this.at_peer(e)))),
            Err(error) => {
                this.failure_reported = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl<M, T: Transport> fmt::Debug for Receiver<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("peer", &self.link.peer())
            .finish_non_exhaustive()
    }
}

/// What the other side is told about the messages that wait in the inbox.
#[derive(Clone, Copy)]
enum Waiting {
    NotTaken,
    Kept,
}

enum Next<R> {
    Message(R),
    NeedMore,
    End,
}

impl Peer {
    fn answer(&mut self, count: u64) {
        self.taken = self.taken.max(count);
        self.answered = true;
    }
}

//! [`Receiver`]: the incoming half of a connection.

mod close;

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

use crate::connection::link::Link;
use crate::error::{Error, Result};
use crate::session::{End, Line as _, Next, Talk, at_peer, empty};
use crate::transport::{Local, Transport};
use crate::wire::{Agreement, Body, Inbox};

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
    talk: Talk,
    /// Until when the other side must have said hello. `None` when it has.
    hello: Option<Deadline>,
    /// The stream of messages has reported its failure.
    failure_reported: bool,
    message: PhantomData<fn() -> M>,
}

struct Deadline {
    at: Instant,
    /// Made when it is first waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<M, T: Transport> Receiver<M, T> {
    pub(super) fn new(link: Arc<Link<T>>, handshake_timeout: Duration) -> Self {
        let config = link.config();
        let talk = Talk::new(config);
        let hello = Deadline {
            at: Instant::now() + handshake_timeout,
            timer: None,
        };
        Self {
            link,
            talk,
            hello: Some(hello),
            failure_reported: false,
            message: PhantomData,
        }
    }

    pub(super) fn agreement(&self) -> Option<Agreement> {
        self.talk.agreement()
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
    /// [`ErrorKind::Incompatible`](crate::ErrorKind::Incompatible), [`ErrorKind::Refused`](crate::ErrorKind::Refused), [`ErrorKind::Protocol`](crate::ErrorKind::Protocol), [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected).
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
                Ok(Next::NeedMore) if self.spin()? => {}
                Ok(Next::NeedMore) => ready!(self.poll_fill(cx))?,
                Err(error) => break Err(error),
            }
        };
        budget.made_progress();
        Poll::Ready(result)
    }

    /// Takes the next message out of what has been read.
    fn next<R>(&mut self, read: &mut Option<impl FnOnce(Body<'_>) -> R>) -> Result<Next<R>> {
        self.talk.next(&*self.link, read)
    }

    /// True once the other side's hello has arrived and fits ours.
    fn greeted(&mut self) -> Result<bool> {
        self.talk.greeted(&*self.link)
    }

    /// Looks again and again for more bytes, past the runtime, for as long as the user has asked for.
    fn spin(&mut self) -> Result<bool> {
        let patience = self.link.config().busy_poll;
        if patience.is_zero() {
            return Ok(false);
        }
        let begin = std::time::Instant::now();
        loop {
            self.link.push_out();
            if let Poll::Ready(result) = self.fill_now() {
                return result.map(|()| true);
            }
            if begin.elapsed() >= patience {
                return Ok(false);
            }
            // Whoever has to run for the bytes to come may need this processor.
            std::thread::yield_now();
        }
    }

    /// Waits for more bytes.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut filled = self.poll_transport();
        if filled.is_pending() {
            // Only the poll after the registration may be relied on, see `Wakers`.
            self.link.wakers().register_receiver(cx.waker());
            filled = self.poll_transport();
        }
        match filled {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.poll_hello_deadline(cx).map(Err),
        }
    }

    /// Writes what others left behind, and reads.
    fn poll_transport(&mut self) -> Poll<Result<()>> {
        self.link.push_out();
        let filled = self.link.incoming().poll_fill(self.talk.inbox());
        filled.map(|filled| filled.or_else(|end| self.ended(end)))
    }

    fn poll_hello_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if self.talk.is_greeted() {
            self.hello = None;
        }
        let Some(Deadline { at, timer }) = &mut self.hello else {
            return Poll::Pending;
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(*at)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(self.talk.too_late(&*self.link))
    }

    /// The end of the bytes without a goodbye is an error, unless the other side never says one.
    fn ended(&mut self, end: End) -> Result<()> {
        match self.talk.leaves(&*self.link, end) {
            true => Ok(()),
            false => Err(self.talk.ended(&*self.link, end)),
        }
    }

    #[cold]
    pub(crate) fn at_peer(&self, error: Error) -> Error {
        at_peer(&*self.link, error)
    }

    /// Takes in what has already arrived. If that is nothing, nothing will come.
    fn fill_or_end(&mut self) -> Result<()> {
        match self.fill_now() {
            Poll::Ready(result) => result,
            Poll::Pending => self.ended(End::Held),
        }
    }

    /// Takes in what has already arrived: `Pending` if that is nothing.
    fn fill_now(&mut self) -> Poll<Result<()>> {
        let filled = self.link.fill_now(self.talk.inbox());
        filled.map(|filled| filled.or_else(|end| self.ended(end)))
    }
}

/// The ends of children.
impl<M> Receiver<M> {
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
        let link = &*self.link;
        let waiting = || link.incoming().waiting(|half| half.arrived());
        let read = |inbox: &mut Inbox| match link.fill_now(inbox) {
            Poll::Ready(filled) => Some(filled),
            Poll::Pending => None,
        };
        match self.talk.read_last(waiting, read) {
            Some(Ok(())) => Ok(()),
            Some(Err(end)) => self.ended(end),
            None => self.ended(End::Held),
        }
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
    /// The message was skipped and the connection is still good: [`ErrorKind::Decode`](crate::ErrorKind::Decode) (not an `M`),
    /// [`ErrorKind::Malformed`](crate::ErrorKind::Malformed), [`ErrorKind::TooDeep`](crate::ErrorKind::TooDeep), [`ErrorKind::TooManyItems`](crate::ErrorKind::TooManyItems). The connection has ended:
    /// [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected), [`ErrorKind::Truncated`](crate::ErrorKind::Truncated), [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge), [`ErrorKind::Protocol`](crate::ErrorKind::Protocol),
    /// [`ErrorKind::Incompatible`](crate::ErrorKind::Incompatible), [`ErrorKind::Refused`](crate::ErrorKind::Refused) (a server without a place for this client),
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) (no hello in time); later calls give the same error again.
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
    /// [`ErrorKind::Empty`](crate::ErrorKind::Empty) if there is none at this moment; otherwise as [`recv`](Self::recv).
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
            match self.fill_now() {
                Poll::Ready(result) => result?,
                Poll::Pending => break,
            }
        }
        match &self.hello {
            Some(Deadline { at, .. }) if !self.talk.is_greeted() && *at <= Instant::now() => {
                Err(self.talk.too_late(&*self.link))
            }
            _ => Err(empty(&*self.link)),
        }
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

#[cfg(feature = "node")]
impl<M, T: Transport> Receiver<M, T> {
    pub(super) fn talk_mut(&mut self) -> &mut Talk {
        &mut self.talk
    }

    pub(super) fn has_arrived(&mut self, number: u64) -> Result<Option<bool>> {
        self.talk.has_arrived(&*self.link, number)
    }
}

impl<M, T: Transport> Drop for Receiver<M, T> {
    fn drop(&mut self) {
        self.link.incoming().deafen();
    }
}

impl<M, T: Transport> fmt::Debug for Receiver<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("peer", &self.link.peer())
            .finish_non_exhaustive()
    }
}

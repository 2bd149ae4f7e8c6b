//! Open sockets beside messages.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::link::Link;
use super::{Connection, Receiver};
use crate::Handle;
use crate::error::Result;
use crate::session::{ANSWER_TIMEOUT, Line as _, Offer, gone, unanswered};
use crate::transport::Local;
use crate::wire::node::HandleKind;

impl<Tx: Serialize + ?Sized, Rx> Connection<Tx, Rx> {
    /// Sends one message and an open socket with it, and waits until the other side has both.
    ///
    /// Only to Node.js so far, where it is the second argument of the listener of `message`. The socket becomes
    /// non-blocking, in all processes that have it. This side's copy is closed; to keep one, `try_clone` first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the other side is not Node.js, or if it is none of the sockets that Node takes.
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if Node does not answer within
    /// [`Config::handshake_timeout`](crate::Config::handshake_timeout) (30 seconds unless set); it may still take the
    /// socket later. [`ErrorKind::Io`](crate::ErrorKind::Io) if the socket was lost on the way, as it is when the other process has too many
    /// open files: the message was lost with it, and the connection is still good. Otherwise as [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, both arrive or neither does.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// See [`Child::send_with_handle`](crate::Child::send_with_handle).
    pub async fn send_with_handle(
        &mut self,
        message: &Tx,
        handle: impl Into<Handle> + Send,
    ) -> Result<()> {
        let mut offer = Offer::new(self.sender.link(), handle.into())?;
        let limit = self.sender.link().config().handshake_timeout;
        let limit = limit.unwrap_or(ANSWER_TIMEOUT);
        loop {
            let end = self.encode_with_handle(&offer, message).await?;
            let number = self.receiver.talk_mut().sent_handle(offer.kept());
            self.sender.flush_to(end).await?;
            let answer = poll_fn(|cx| self.receiver.poll_arrived(cx, number));
            let arrived = match timeout(limit, answer).await {
                Ok(arrived) => arrived?,
                Err(_) => return Err(unanswered(self.sender.link())),
            };
            if offer.answered(self.sender.link(), arrived)? {
                return Ok(());
            }
        }
    }

    /// Encodes the message as soon as there is room, and tells the position in the stream behind it.
    async fn encode_with_handle(&self, offer: &Offer, message: &Tx) -> Result<u64> {
        let link = self.sender.link();
        loop {
            if let Some(pushed) = link.push_with_handle(offer.kind, message, offer.copy()?) {
                return link.sending(pushed);
            }
            self.sender.flush_to(link.queue().room()).await?;
        }
    }
}

impl Link<Local> {
    /// Encodes a message, and lets the handle go with its first byte. `None` if it has to wait for room.
    fn push_with_handle<M: Serialize + ?Sized>(
        &self,
        kind: HandleKind,
        message: &M,
        fd: offspring_platform::Handle,
    ) -> Option<Result<u64>> {
        // Nobody can write meanwhile, for that takes the half.
        let pushed = self.outgoing().with_half(|half| {
            let describe = || half.describe(&fd);
            let pushed = self.queue().push_with_handle(kind, message, describe)?;
            Some(pushed.map(|(start, end)| {
                half.send_handle(start, fd);
                end
            }))
        });
        pushed.unwrap_or_else(|| Some(Err(gone(std::io::ErrorKind::ConnectionAborted))))
    }
}

impl<M> Receiver<M> {
    fn poll_arrived(&mut self, cx: &mut Context<'_>, number: u64) -> Poll<Result<bool>> {
        loop {
            if let Some(arrived) = self.has_arrived(number)? {
                return Poll::Ready(Ok(arrived));
            }
            ready!(self.poll_fill(cx))?;
        }
    }
}

impl<M: DeserializeOwned> Receiver<M> {
    /// Receives the next message, and the open socket that came with it.
    ///
    /// [`recv`](Self::recv) receives such a message too, and closes what came with it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv). What came with a message that cannot be decoded is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// See [`Child::recv_with_handle`](crate::Child::recv_with_handle).
    pub async fn recv_with_handle(&mut self) -> Result<Option<(M, Option<Handle>)>> {
        let received = poll_fn(|cx| {
            self.want_handle(true);
            let received = self.poll_recv(cx);
            self.want_handle(false);
            received
        });
        let message = received.await;
        let handle = self.take_handle();
        Ok(message?.map(|message| (message, handle)))
    }
}

impl<M> Receiver<M> {
    /// Whether what comes with the messages that are taken from here on is kept.
    pub(crate) fn want_handle(&mut self, wanted: bool) {
        self.talk_mut().want_handle(wanted);
    }

    /// What came with the message that was taken last.
    pub(crate) fn take_handle(&mut self) -> Option<Handle> {
        self.talk_mut().take_handle().map(Handle::received)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Connection<Tx, Rx> {
    /// Receives the next message, and the open socket that came with it. See [`Receiver::recv_with_handle`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_with_handle`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// See [`Child::recv_with_handle`](crate::Child::recv_with_handle).
    pub async fn recv_with_handle(&mut self) -> Result<Option<(Rx, Option<Handle>)>> {
        self.receiver.recv_with_handle().await
    }
}

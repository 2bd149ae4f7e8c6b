//! How many messages were taken: what each side tells the other at the end.

use std::task::{Context, Poll};

use super::Receiver;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::Transport;
use crate::wire::Envelope;

impl<M, T: Transport> Receiver<M, T> {
    /// Reads what arrives and keeps it for later, as far as the read-ahead limit allows: for a program that waits
    /// until the other one has ended.
    ///
    /// The other one may wait until its messages are taken before it ends. What is kept here cannot be lost by its
    /// end any more, so it is told that they are.
    pub(crate) fn poll_keep(&mut self, cx: &mut Context<'_>) {
        loop {
            // A fault is met again by `recv`, and so is the end.
            let _ = self.look_ahead(Waiting::Kept);
            if self.inbox.buffered() >= self.link.config().read_ahead_limit() {
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
    pub(in crate::connection) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        sent: u64,
    ) -> Poll<Result<()>> {
        loop {
            self.look_ahead(Waiting::NotTaken)?;
            let enough = self.peer.taken >= sent;
            self.link.push_out();
            // Nothing of ours may be left behind either: the other side may wait for it in its own `close`.
            if enough && self.link.outgoing().is_idle() {
                return Poll::Ready(Ok(()));
            }
            if self.inbox.buffered() >= self.link.config().read_ahead_limit() {
                return Poll::Ready(Err(self.not_taken(ErrorKind::Stalled, sent)));
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) if enough => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => {
                    let error = self.not_taken(error.kind(), sent).with_source(error);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending if !self.link.outgoing().is_idle() => return Poll::Pending,
                Poll::Pending if enough => return Poll::Ready(Ok(())),
                Poll::Pending if self.peer.answered => {
                    return Poll::Ready(Err(self.not_taken(ErrorKind::Disconnected, sent)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Like [`poll_close`](Self::poll_close) when the other process has exited: an answer that is not there now will
    /// never come.
    pub(in crate::connection) fn close_at_last(&mut self, sent: u64) -> Result<()> {
        loop {
            self.look_ahead(Waiting::NotTaken)?;
            if self.peer.taken >= sent {
                return Ok(());
            }
            if self.inbox.buffered() >= self.link.config().read_ahead_limit() {
                return Err(self.not_taken(ErrorKind::Stalled, sent));
            }
            self.fill_at_last()
                .map_err(|error| self.not_taken(error.kind(), sent).with_source(error))?;
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

    #[cold]
    pub(in crate::connection) fn not_taken(&self, kind: ErrorKind, sent: u64) -> Error {
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

/// What the other side is told about the messages that wait in the inbox.
#[derive(Clone, Copy)]
enum Waiting {
    NotTaken,
    Kept,
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use crate::Connection;
    use crate::error::Result;

    #[tokio::test]
    async fn what_was_said_to_be_taken_is_not_taken_back() -> Result<()> {
        let (mut left, mut right) = Connection::<u32, (), _>::memory::<(), u32>();
        for number in 0..3 {
            left.send(&number).await?;
        }
        left.disconnect();
        poll_fn(|cx| {
            right.receiver_mut().poll_keep(cx);
            Poll::Ready(())
        })
        .await;
        left.close().await?;
        // None of them has come out of a `recv`.
        drop(right);
        assert_eq!(left.recv().await?, None);
        Ok(())
    }
}

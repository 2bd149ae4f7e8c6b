//! The end of a connection: what is kept, and what was taken.

use std::task::{Context, Poll};

use super::Receiver;
use crate::error::{Error, ErrorKind, Result};
use crate::session::Line as _;
use crate::transport::Transport;

impl<M, T: Transport> Receiver<M, T> {
    /// Reads what arrives and keeps it for later, as far as the read-ahead limit allows: for a program that waits
    /// until the other one has ended.
    pub(crate) fn poll_keep(&mut self, cx: &mut Context<'_>) {
        loop {
            if !self.talk.keep(&*self.link) {
                return self.link.push_out();
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(())) if !self.talk.has_left() => {}
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
    }

    /// Waits until the other side has taken all `sent` messages, after our goodbye was queued.
    pub(in crate::connection) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        sent: u64,
    ) -> Poll<Result<()>> {
        loop {
            if self.talk.is_closed(&*self.link, sent)? {
                return Poll::Ready(Ok(()));
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(self.talk.close_at_end(&*self.link, sent, error));
                }
                Poll::Pending => {
                    return match self.talk.close_at_rest(&*self.link, sent) {
                        Some(result) => Poll::Ready(result),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }

    /// Like [`poll_close`](Self::poll_close) when the other process has exited: an answer that is not there now will
    /// never come. Who writes to a channel that is held stops at the read-ahead limit.
    pub(in crate::connection) fn close_at_last(&mut self, sent: u64) -> Result<()> {
        while !self.talk.has_taken(&*self.link, sent)? {
            if let Err(error) = self.fill_or_end() {
                return self.talk.close_at_end(&*self.link, sent, error);
            }
        }
        Ok(())
    }

    pub(in crate::connection) fn not_taken(&self, kind: ErrorKind, sent: u64) -> Error {
        self.talk.not_taken(&*self.link, kind, sent)
    }
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

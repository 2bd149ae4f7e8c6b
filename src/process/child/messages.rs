//! The messages of a [`Child`]: what its connection does, and the end of it when the process has ended.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Child;
use crate::Sender;
use crate::error::{ErrorKind, Result};
use crate::life::Stage;
use crate::wire::Body;

impl<Tx: ?Sized, Rx> Child<Tx, Rx> {
    /// Another [`Sender`] to the child, for other tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { while let Some(text) = parent.recv().await? { parent.send(&text).await? } return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// let sender = child.sender();
    /// tokio::spawn(async move { sender.send("from another task").await });
    /// assert_eq!(child.recv().await?.as_deref(), Some("from another task"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn sender(&self) -> Sender<Tx> {
        self.connection.sender()
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
    /// See [`feed`](Self::feed).
    pub async fn flush(&self) -> Result<()> {
        self.connection.flush().await
    }

    /// The version of the application's protocol in use. See [`Connection::protocol_version`](crate::Connection::protocol_version).
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, Config, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let config = Config::new().protocol("my-app worker", 1);
    /// # if let Ok(mut parent) = Parent::<str, String>::attach_with(config.clone()) { parent.recv().await?; return Ok(()) }
    /// let mut child = Command::current_exe()?.config(config).spawn::<str, String>()?;
    /// child.ready().await?;
    /// assert_eq!(child.protocol_version(), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn protocol_version(&self) -> Option<u32> {
        self.connection.protocol_version()
    }

    /// Says goodbye: no message to the child follows. Its `recv` ends with `Ok(None)`; it can go on sending.
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub fn disconnect(&self) {
        self.connection.disconnect();
    }

    /// Says goodbye and waits until the child's program has taken every message. See [`Connection::close`](crate::Connection::close).
    ///
    /// # Errors
    ///
    /// As [`Connection::close`](crate::Connection::close). If the child ends before it has taken everything this is
    /// [`ErrorKind::Disconnected`], even if a grandchild still holds the connection open.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the goodbye is said all the same; `close` may be called again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { while parent.recv().await?.is_some() {} return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// child.send("the last job").await?;
    /// child.close().await?; // the child has it
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&mut self) -> Result<()> {
        let process = &mut self.process;
        let gone = |cx: &mut Context<'_>| match process.poll_wait(cx) {
            Poll::Ready(Ok(_)) => Poll::Ready(()),
            // What the system does not tell is no reason to wait less.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        };
        self.connection.close_until(gone).await
    }

    /// Receives one message without copying it. See [`Receiver::recv_with`](crate::Receiver::recv_with).
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
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { while let Some(text) = parent.recv().await? { parent.send(&text).await? } return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// child.send("borrowed").await?;
    /// let length = child.recv_with(|message| message.decode::<&str>().map(str::len)).await?;
    /// assert_eq!(length.transpose()?, Some(8));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        let mut read = Some(read);
        match poll_fn(|cx| self.poll_recv_with(cx, &mut read)).await {
            Err(error) => Err(self.explain(error).await),
            received => received,
        }
    }
}

impl<Tx: Serialize + ?Sized, Rx> Child<Tx, Rx> {
    /// Sends one message to the child. See [`Sender::send`].
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
    /// See [`Child`].
    pub async fn send(&self, message: &Tx) -> Result<()> {
        self.connection.send(message).await
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
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { while let Some(text) = parent.recv().await? { parent.send(&text).await? } return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// child.feed("one").await?;
    /// child.feed("two").await?;
    /// child.flush().await?; // one write for both
    /// assert_eq!(child.recv().await?.as_deref(), Some("one"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn feed(&self, message: &Tx) -> Result<()> {
        self.connection.feed(message).await
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
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
    /// let child = Command::current_exe()?.spawn::<str, String>()?;
    /// child.try_send("Hello Child")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send(&self, message: &Tx) -> Result<()> {
        self.connection.try_send(message)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Child<Tx, Rx> {
    /// Receives the child's next message; `Ok(None)` after its goodbye.
    ///
    /// When the process has ended, this gives everything that it had sent and then ends at once. A grandchild that holds
    /// the channel open cannot delay that, even if it writes without a pause: of what it writes, only that is read which
    /// lies in the channel when the end of the child is seen, or comes along with it. The stream may then end within a
    /// message of the grandchild, which is [`ErrorKind::Truncated`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`](crate::Receiver::recv). A child that ended without a goodbye is
    /// [`ErrorKind::Disconnected`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Examples
    ///
    /// See [`Command`](crate::Command).
    pub async fn recv(&mut self) -> Result<Option<Rx>> {
        match poll_fn(|cx| self.poll_recv(cx)).await {
            Err(error) => Err(self.explain(error).await),
            received => received,
        }
    }

    pub(in crate::process) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Rx>>> {
        let received = ready!(self.poll_recv_with(cx, &mut Some(|body: Body<'_>| body.decode())));
        Poll::Ready(received.and_then(|message| self.decoded(message)))
    }

    pub(super) fn decoded(&mut self, message: Option<Result<Rx>>) -> Result<Option<Rx>> {
        let receiver = self.connection.receiver_mut();
        message.transpose().map_err(|error| receiver.at_peer(error))
    }

    /// Receives a message that is already there. See [`Receiver::try_recv`](crate::Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`](crate::Receiver::try_recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, ErrorKind, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// assert_eq!(child.try_recv().unwrap_err().kind(), ErrorKind::Empty);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<Rx>> {
        let exit = match self.exit_if_due() {
            Some(exit) => exit,
            None => {
                let empty = match self.connection.try_recv() {
                    Err(error) if error.kind() == ErrorKind::Empty => error,
                    answer => return answer,
                };
                // A grandchild may hold the channel open, which must not hide the end from who only polls.
                let Some(exit) = self.try_wait().transpose() else {
                    return Err(empty);
                };
                exit
            }
        };
        let read = &mut Some(|body: Body<'_>| body.decode());
        let last = self.recv_last_with(exit, read)?;
        self.decoded(last)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Stream for Child<Tx, Rx> {
    type Item = Result<Rx>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Rx>>> {
        match self.stage {
            Stage::Messages => {}
            _ => return Poll::Ready(None),
        }
        let read = &mut Some(|body: Body<'_>| body.decode());
        let item = match ready!(self.poll_recv_with(cx, read)) {
            Ok(Some(decoded)) => {
                Some(decoded.map_err(|error| self.connection.receiver_mut().at_peer(error)))
            }
            Ok(None) => {
                self.stage = Stage::Disconnect;
                None
            }
            Err(error) => {
                self.stage = Stage::Disconnect;
                Some(Err(error))
            }
        };
        Poll::Ready(item)
    }
}

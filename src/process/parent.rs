//! [`Parent`]: the child's handle on its parent.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, Result};
use crate::life::{Event, Stage, attach};
use crate::session::HANDSHAKE_TIMEOUT;
use crate::transport::Local;
use crate::wire::Body;
use crate::{Config, Connection, Sender};

/// The child's handle on the parent that started it. Made by [`attach`](Self::attach).
///
/// The types mirror those of the parent's [`Child`](crate::Child): what that sends is received here.
///
/// Also a [`Stream`] of the parent's messages.
///
/// # Examples
///
/// A worker that can also be started by hand:
///
/// ```no_run
/// use offspring::{ErrorKind, Parent};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> offspring::Result<()> {
///     let mut parent = match Parent::<str, String>::attach() {
///         Ok(parent) => parent,
///         Err(error) if error.kind() == ErrorKind::NotAChild => {
///             eprintln!("usage: run `app`, which starts this program itself");
///             return Ok(());
///         }
///         Err(error) => return Err(error),
///     };
///     while let Some(job) = parent.recv().await? {
///         parent.send(&job.to_uppercase()).await?;
///     }
///     parent.close().await
/// }
/// ```
pub struct Parent<Tx: ?Sized, Rx> {
    pub(super) connection: Connection<Tx, Rx>,
    id: u32,
    stage: Stage,
}

impl<Tx: ?Sized, Rx> Parent<Tx, Rx> {
    /// Takes the connection to the parent, once in the life of this process, and puts the real standard input back.
    ///
    /// Call it first thing in `main`, before anything reads from stdin or starts a program. Unless the parent has
    /// [chosen otherwise](crate::Command::outlive_parent), this process is ended some time after the parent has died.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotAChild`] if the program was started by hand: nothing was touched, and it can go on in another
    /// way. [`ErrorKind::AlreadyAttached`] the second time.
    ///
    /// # Panics
    ///
    /// If the tokio runtime was made without I/O.
    ///
    /// # Platform notes
    ///
    /// On Unix a variable is removed from the environment, which code in C that reads the environment in another thread
    /// at that moment may stumble over. On Windows the C runtime's descriptor 0 is not changed, only the standard
    /// handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, Parent};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = Parent::<str, String>::attach().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotAChild); // this example was started by hand
    /// # }
    /// ```
    pub fn attach() -> Result<Self> {
        Self::attach_with(Config::new())
    }

    /// Like [`attach`](Self::attach), with limits and deadlines of one's own.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, Parent};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let config = Config::new().protocol("my-app worker", 1);
    /// let parent = Parent::<str, String>::attach_with(config);
    /// # assert!(parent.is_err());
    /// # }
    /// ```
    pub fn attach_with(config: Config) -> Result<Self> {
        let attached = attach(config)?;
        let channel = Local(attached.channel);
        Ok(Self {
            connection: Connection::open(
                channel,
                attached.config,
                attached.name,
                HANDSHAKE_TIMEOUT,
            ),
            id: attached.id,
            stage: Stage::Messages,
        })
    }

    /// Like [`attach`](Self::attach), but `None` if the program was started by hand: for a program that is its own
    /// child.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach), except for [`ErrorKind::NotAChild`]. A child that cannot attach must not go on as
    /// if it were the parent, so mind the `?`.
    ///
    /// # Panics
    ///
    /// If the tokio runtime was made without I/O.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, Parent};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// if let Some(mut parent) = Parent::<str, String>::attach_if_child()? {
    ///     parent.send("this is the child").await?;
    ///     return parent.close().await;
    /// }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// assert_eq!(child.recv().await?.as_deref(), Some("this is the child"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn attach_if_child() -> Result<Option<Self>> {
        Self::attach_if_child_with(Config::new())
    }

    /// Like [`attach_if_child`](Self::attach_if_child), with limits and deadlines of one's own.
    ///
    /// # Errors
    ///
    /// As [`attach_if_child`](Self::attach_if_child).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, Parent};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let config = Config::new().protocol("my-app worker", 1);
    /// let parent = Parent::<str, String>::attach_if_child_with(config)?;
    /// assert!(parent.is_none()); // this example was started by hand
    /// # Ok(())
    /// # }
    /// ```
    pub fn attach_if_child_with(config: Config) -> Result<Option<Self>> {
        match Self::attach_with(config) {
            Err(error) if error.kind() == ErrorKind::NotAChild => Ok(None),
            attached => attached.map(Some),
        }
    }

    /// The parent's process id.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: &offspring::Parent<str, String>) {
    /// println!("started by {}", parent.id());
    /// # }
    /// ```
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Another [`Sender`] to the parent, for other tasks.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: &offspring::Parent<str, String>) {
    /// let progress = parent.sender();
    /// tokio::spawn(async move { progress.send("half done").await });
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

    /// The version of the application's protocol in use. See [`Connection::protocol_version`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: &offspring::Parent<str, String>) {
    /// if parent.protocol_version() == Some(1) {
    ///     println!("an old parent");
    /// }
    /// # }
    /// ```
    pub fn protocol_version(&self) -> Option<u32> {
        self.connection.protocol_version()
    }

    /// Says goodbye: no message to the parent follows. This side can go on receiving.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: &offspring::Parent<str, String>) {
    /// parent.disconnect();
    /// # }
    /// ```
    pub fn disconnect(&self) {
        self.connection.disconnect();
    }

    /// Says goodbye and waits until the parent's program has taken every message. See [`Connection::close`].
    ///
    /// The way to end a child: afterwards nothing that it sent can be lost.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the goodbye is said all the same; `close` may be called again.
    ///
    /// # Examples
    ///
    /// See [`Parent`] and [`Command`](crate::Command).
    pub async fn close(&mut self) -> Result<()> {
        self.connection.close().await
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
    /// ```no_run
    /// # async fn show(parent: &mut offspring::Parent<str, String>) -> offspring::Result<()> {
    /// let length = parent.recv_with(|message| message.decode::<&str>().map(str::len)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        self.connection.recv_with(read).await
    }

    /// Gives the connection alone, for example to split it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: offspring::Parent<str, String>) {
    /// let (sender, receiver) = parent.into_connection().split();
    /// # let _ = (sender, receiver);
    /// # }
    /// ```
    pub fn into_connection(self) -> Connection<Tx, Rx> {
        self.connection
    }
}

impl<Tx: Serialize + ?Sized, Rx> Parent<Tx, Rx> {
    /// Sends one message to the parent. See [`Sender::send`].
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
    /// See [`Parent`].
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
    /// ```no_run
    /// # async fn show(parent: &offspring::Parent<str, String>) -> offspring::Result<()> {
    /// parent.feed("one").await?;
    /// parent.feed("two").await?;
    /// parent.flush().await?; // one write for both
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
    /// ```no_run
    /// # fn show(parent: &offspring::Parent<str, String>) -> offspring::Result<()> {
    /// parent.try_send("Hello Parent")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send(&self, message: &Tx) -> Result<()> {
        self.connection.try_send(message)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Parent<Tx, Rx> {
    /// Receives the parent's next message; `Ok(None)` after its goodbye.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`](crate::Receiver::recv). A parent that died is [`ErrorKind::Disconnected`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Examples
    ///
    /// See [`Parent`].
    pub async fn recv(&mut self) -> Result<Option<Rx>> {
        self.connection.recv().await
    }

    /// Receives a message that is already there. See [`Receiver::try_recv`](crate::Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`](crate::Receiver::try_recv).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: &mut offspring::Parent<str, String>) -> offspring::Result<()> {
    /// if let Some(message) = parent.try_recv()? {
    ///     println!("{message}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<Rx>> {
        self.connection.try_recv()
    }

    /// Waits for the next thing that happens: messages, then [`Event::Disconnect`], then `None`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), except that a parent which died is no error here but a `Disconnect`. An error takes
    /// nothing away from the order of events: go on calling to get the rest.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no event was taken.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::Event;
    ///
    /// # async fn show(parent: &mut offspring::Parent<str, String>) -> offspring::Result<()> {
    /// while let Some(event) = parent.event().await? {
    ///     match event {
    ///         Event::Message(text) => println!("{text}"),
    ///         _ => println!("the parent has no more to say"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn event(&mut self) -> Result<Option<Event<Rx>>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event<Rx>>>> {
        let receiver = self.connection.receiver_mut();
        let (next, result) = match self.stage {
            Stage::Messages => Stage::after(ready!(receiver.poll_recv(cx)), Stage::Nothing),
            Stage::Disconnect => (Stage::Nothing, Ok(Some(Event::Disconnect))),
            Stage::Exit | Stage::Nothing => (Stage::Nothing, Ok(None)),
        };
        self.stage = next;
        Poll::Ready(result)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Stream for Parent<Tx, Rx> {
    type Item = Result<Rx>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Rx>>> {
        Pin::new(&mut self.connection).poll_next(cx)
    }
}

impl<Tx: ?Sized, Rx> fmt::Debug for Parent<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

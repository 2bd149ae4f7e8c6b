//! [`Parent`]: the child's handle on its parent.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Config;
use crate::blocking::{Connection, Sender, deadline};
use crate::error::{ErrorKind, Result};
use crate::life::{Event, Stage, attach};
use crate::session::HANDSHAKE_TIMEOUT;
use crate::wire::Body;

/// The child's handle on the parent that started it. Made by [`attach`](Self::attach).
///
/// The same as [`Parent`](crate::Parent) of the async API, for threads; which of the two the parent uses does not
/// matter.
///
/// # Examples
///
/// A worker that can also be started by hand:
///
/// ```no_run
/// use offspring::blocking::Parent;
///
/// fn main() -> offspring::Result<()> {
///     let Some(mut parent) = Parent::<str, String>::attach_if_child()? else {
///         eprintln!("usage: run `app`, which starts this program itself");
///         return Ok(());
///     };
///     while let Some(job) = parent.recv()? {
///         parent.send(&job.to_uppercase())?;
///     }
///     parent.close()
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
    /// Call it first thing in `main`. See [`Parent::attach`](crate::Parent::attach) of the async API for the rest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotAChild`] if the program was started by hand: nothing was touched, and it can go on in another
    /// way. [`ErrorKind::AlreadyAttached`] the second time.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, blocking::Parent};
    ///
    /// let error = Parent::<str, String>::attach().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotAChild); // this example was started by hand
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
    /// use offspring::{Config, blocking::Parent};
    ///
    /// let config = Config::new().protocol("my-app worker", 1);
    /// let parent = Parent::<str, String>::attach_with(config);
    /// # assert!(parent.is_err());
    /// ```
    pub fn attach_with(config: Config) -> Result<Self> {
        let attached = attach(config)?;
        Ok(Self {
            connection: Connection::open(
                attached.channel,
                attached.config,
                attached.name,
                HANDSHAKE_TIMEOUT,
                None,
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
    /// # Examples
    ///
    /// See [`Command`](crate::blocking::Command).
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
    /// use offspring::{Config, blocking::Parent};
    ///
    /// # fn main() -> offspring::Result<()> {
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
    /// # fn show(parent: &offspring::blocking::Parent<str, String>) {
    /// println!("started by {}", parent.id());
    /// # }
    /// ```
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Another [`Sender`] to the parent, for other threads.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: &offspring::blocking::Parent<str, String>) {
    /// let progress = parent.sender();
    /// std::thread::spawn(move || progress.send("half done"));
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
    /// # Examples
    ///
    /// See [`Sender::flush`].
    pub fn flush(&self) -> Result<()> {
        self.connection.flush()
    }

    /// The version of the application's protocol in use. See [`Connection::protocol_version`].
    ///
    /// # Examples
    ///
    /// See [`Connection::protocol_version`].
    pub fn protocol_version(&self) -> Option<u32> {
        self.connection.protocol_version()
    }

    /// Says goodbye: no message to the parent follows. This side can go on receiving.
    ///
    /// # Examples
    ///
    /// See [`Sender::disconnect`].
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
    /// # Examples
    ///
    /// See [`Parent`] and [`Command`](crate::blocking::Command).
    pub fn close(&mut self) -> Result<()> {
        self.connection.close()
    }

    /// Receives one message without copying it. See [`Receiver::recv_with`](crate::blocking::Receiver::recv_with).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), except that the message is decoded by `read`.
    ///
    /// # Examples
    ///
    /// See [`Receiver::recv_with`](crate::blocking::Receiver::recv_with).
    pub fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        self.connection.recv_with(read)
    }

    /// Gives the connection alone, for example to split it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(parent: offspring::blocking::Parent<str, String>) {
    /// let (sender, receiver) = parent.into_connection().split();
    /// # drop((sender, receiver));
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
    /// # Examples
    ///
    /// See [`Parent`].
    pub fn send(&self, message: &Tx) -> Result<()> {
        self.connection.send(message)
    }

    /// Sends one message, and waits for room no longer than that. See [`Sender::send_timeout`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send_timeout`].
    ///
    /// # Examples
    ///
    /// See [`Sender::send_timeout`].
    pub fn send_timeout(&self, message: &Tx, timeout: Duration) -> Result<()> {
        self.connection.send_timeout(message, timeout)
    }

    /// Encodes one message without writing it. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// As [`Sender::feed`].
    ///
    /// # Examples
    ///
    /// See [`Sender::flush`].
    pub fn feed(&self, message: &Tx) -> Result<()> {
        self.connection.feed(message)
    }

    /// Sends one message if that needs no waiting. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::try_send`].
    ///
    /// # Examples
    ///
    /// See [`Sender::try_send`].
    pub fn try_send(&self, message: &Tx) -> Result<()> {
        self.connection.try_send(message)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Parent<Tx, Rx> {
    /// Receives the parent's next message; `Ok(None)` after its goodbye.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`](crate::blocking::Receiver::recv). A parent that died is [`ErrorKind::Disconnected`].
    ///
    /// # Examples
    ///
    /// See [`Parent`].
    pub fn recv(&mut self) -> Result<Option<Rx>> {
        self.connection.recv()
    }

    /// Receives the parent's next message, and waits for it no longer than that.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_timeout`](crate::blocking::Receiver::recv_timeout).
    ///
    /// # Examples
    ///
    /// See [`Receiver::recv_timeout`](crate::blocking::Receiver::recv_timeout).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Rx>> {
        self.connection.recv_timeout(timeout)
    }

    /// Receives a message that is already there. See [`Receiver::try_recv`](crate::blocking::Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`](crate::blocking::Receiver::try_recv).
    ///
    /// # Examples
    ///
    /// See [`Receiver::try_recv`](crate::blocking::Receiver::try_recv).
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
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::{Event, blocking::Parent};
    ///
    /// # fn show(parent: &mut Parent<str, String>) -> offspring::Result<()> {
    /// while let Some(event) = parent.event()? {
    ///     match event {
    ///         Event::Message(text) => println!("{text}"),
    ///         _ => println!("the parent has no more to say"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn event(&mut self) -> Result<Option<Event<Rx>>> {
        self.next(None)
    }

    /// Waits for the next thing that happens, and no longer than that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Empty`] if nothing did in time; otherwise as [`event`](Self::event).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # fn show(parent: &mut offspring::blocking::Parent<str, String>) -> offspring::Result<()> {
    /// let event = parent.event_timeout(Duration::from_secs(1))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn event_timeout(&mut self, timeout: Duration) -> Result<Option<Event<Rx>>> {
        self.next(Some(timeout))
    }

    fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Event<Rx>>> {
        let (next, result) = match self.stage {
            Stage::Messages => {
                let receiver = self.connection.receiver();
                let until = timeout.and_then(deadline);
                let got = receiver.wait_with(|body| body.decode(), None, until);
                let received = got.and_then(|got| receiver.decoded(got));
                Stage::after(received, Stage::Nothing)
            }
            Stage::Disconnect => (Stage::Nothing, Ok(Some(Event::Disconnect))),
            Stage::Exit | Stage::Nothing => (Stage::Nothing, Ok(None)),
        };
        self.stage = next;
        result
    }
}

impl<Tx: ?Sized, Rx> fmt::Debug for Parent<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

//! [`Connection`]: typed messages with one other process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use offspring_platform as platform;
use offspring_platform::blocking::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::blocking::link::Link;
use crate::blocking::{Receiver, Sender};
use crate::error::{Error, Result};
use crate::session::{HANDSHAKE_TIMEOUT, Line as _, Permit};
use crate::wire::Body;
use crate::{Config, Name};

/// Two-way, typed messages with one other process.
///
/// The same as [`Connection`](crate::Connection) of the async API, for threads. Methods that wait block the thread.
///
/// Dropping a connection says goodbye without waiting; [`close`](Self::close) waits until the other side has taken
/// every message. When a thread panics no goodbye is said, and the other side sees
/// [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected).
///
/// # Platform notes
///
/// On Windows the goodbye of a drop is lost if messages that the other side has not read fill the pipe at that moment.
/// A `close` waits for room.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use offspring::blocking::Connection;
///
/// # fn main() -> offspring::Result<()> {
/// // Two ends in one process; see `Command`, `Parent`, `connect` and `Listener` for two processes.
/// let (mut asking, mut answering) = Connection::<str, u32>::pair::<u32, String>()?;
///
/// thread::spawn(move || {
///     while let Some(question) = answering.recv()? {
///         answering.send(&(question.len() as u32))?;
///     }
///     Ok::<(), offspring::Error>(())
/// });
///
/// asking.send("how long is this?")?;
/// assert_eq!(asking.recv()?, Some(17));
/// asking.close()
/// # }
/// ```
#[derive(Debug)]
pub struct Connection<Tx: ?Sized, Rx> {
    sender: Sender<Tx>,
    receiver: Receiver<Rx>,
}

impl<Tx: ?Sized, Rx> Connection<Tx, Rx> {
    /// Connects to the server that listens on `name`.
    ///
    /// # Errors
    ///
    /// As [`Connection::connect`](crate::Connection::connect) of the async API.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, Name, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let error = Connection::<str, String>::connect(&Name::unique()?).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(name: &Name) -> Result<Self> {
        Self::connect_with(name, Config::new())
    }

    /// Like [`connect`](Self::connect), with limits and deadlines.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use offspring::{Config, ErrorKind, Name, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let config = Config::new().connect_timeout(Duration::from_secs(1));
    /// let error = Connection::<str, String>::connect_with(&Name::unique()?, config).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_with(name: &Name, config: Config) -> Result<Self> {
        let deadline = Instant::now() + config.connect_timeout;
        let stream = Stream::connect(name.as_platform(), deadline)
            .map_err(|error| Error::io(format!("connect to {name:?}"), error))?;
        let peer = format!("server {name:?}");
        Ok(Self::open(stream, config, peer, HANDSHAKE_TIMEOUT, None))
    }

    /// Two ends that are joined within this process, for tests and between threads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the system has no descriptors or handles to give.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::blocking::Connection;
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32>::pair::<u32, String>()?;
    /// left.send("Hello")?;
    /// assert_eq!(right.recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair<PeerTx: ?Sized, PeerRx>() -> Result<(Self, Connection<PeerTx, PeerRx>)> {
        Self::pair_with(Config::new(), Config::new())
    }

    /// Like [`pair`](Self::pair), with limits and deadlines for each end.
    ///
    /// # Errors
    ///
    /// As [`pair`](Self::pair).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let small = Config::new().max_message(1024);
    /// let (mut left, right) = Connection::<str, ()>::pair_with::<(), String>(Config::new(), small)?;
    /// left.ready()?;
    /// assert!(left.send(&"a".repeat(2000)).is_err());
    /// # drop(right);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair_with<PeerTx: ?Sized, PeerRx>(
        config: Config,
        peer_config: Config,
    ) -> Result<(Self, Connection<PeerTx, PeerRx>)> {
        let (one, other) = Stream::pair().map_err(|error| Error::io("make a pair", error))?;
        let peer = || "the other side".to_owned();
        Ok((
            Self::open(one, config, peer(), HANDSHAKE_TIMEOUT, None),
            Connection::open(other, peer_config, peer(), HANDSHAKE_TIMEOUT, None),
        ))
    }

    pub(super) fn open(
        stream: Stream,
        config: Config,
        peer: String,
        handshake: Duration,
        permit: Option<Permit>,
    ) -> Self {
        let handshake = config.handshake_timeout.unwrap_or(handshake);
        let link = Arc::new(Link::new(stream, config, peer, permit));
        let receiver = Receiver::new(Arc::clone(&link), handshake);
        Self {
            sender: Sender::new(link),
            receiver,
        }
    }

    /// Splits the connection into its two halves, to be used by different threads.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, _right) = Connection::<str, u32>::pair::<u32, String>()?;
    /// let (sender, receiver) = left.split();
    /// # drop((sender, receiver));
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(self) -> (Sender<Tx>, Receiver<Rx>) {
        self.sender.link().share();
        (self.sender, self.receiver)
    }

    /// Another [`Sender`] of this connection, for other threads.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, _right) = Connection::<str, u32>::pair::<u32, String>()?;
    /// let sender = left.sender();
    /// std::thread::spawn(move || sender.send("from another thread"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn sender(&self) -> Sender<Tx> {
        self.sender.clone()
    }

    /// The receiver will wait for the exit of a process, too.
    pub(super) fn with_process(self) -> Self {
        self.sender.link().bound_reads();
        self
    }

    pub(super) fn receiver(&mut self) -> &mut Receiver<Rx> {
        &mut self.receiver
    }

    /// Lets every send fail from here on: there is nobody left to take anything.
    pub(super) fn hang_up(&self) {
        self.sender.link().hang_up();
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
        self.sender.flush()
    }

    /// Waits until the other side has said hello. See [`Receiver::ready`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::ready`].
    ///
    /// # Examples
    ///
    /// See [`Receiver::ready`].
    pub fn ready(&mut self) -> Result<()> {
        self.receiver.ready()
    }

    /// The version of the application's protocol that both sides use, once the other side's hello has arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let old = Config::new().protocol("spell-checker", 2);
    /// let new = Config::new().protocol_versions("spell-checker", 1..=3);
    /// let (_old, mut new) = Connection::<(), ()>::pair_with::<(), ()>(old, new)?;
    /// new.ready()?;
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
    /// # Examples
    ///
    /// See [`Receiver::recv_with`].
    pub fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        self.receiver.recv_with(read)
    }

    /// Says goodbye: no message follows. See [`Sender::disconnect`].
    ///
    /// # Examples
    ///
    /// See [`Sender::disconnect`].
    pub fn disconnect(&self) {
        self.sender.disconnect();
    }

    /// Says goodbye and waits until the other side's program has taken every message.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`](crate::Connection::close) of the async API:
    /// [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected) if the other side ended before it took every message,
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) after [`Config::close_timeout`]. The text says how many messages
    /// were taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (mut left, right) = Connection::<str, ()>::pair::<(), String>()?;
    /// std::thread::spawn(move || right.split().1.for_each(|line| println!("{line:?}")));
    /// left.send("the last words")?;
    /// left.close() // they were taken
    /// # }
    /// ```
    pub fn close(&mut self) -> Result<()> {
        self.close_unless(None)
    }

    /// Like [`close`](Self::close), but waits no longer when the process has ended.
    pub(super) fn close_unless(&mut self, exit: Option<&mut platform::Process>) -> Result<()> {
        let link = self.sender.link();
        link.push_goodbye();
        link.push_out();
        let sent = link.queue().messages();
        self.receiver.close(sent, exit)
    }

    /// Ends the connection without a goodbye, as a crash would.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, u32>::pair::<u32, String>()?;
    /// left.abort();
    /// assert_eq!(right.recv().unwrap_err().kind(), ErrorKind::Disconnected);
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort(self) {
        self.sender.link().abort();
    }
}

#[cfg(feature = "node")]
impl<Tx: ?Sized, Rx> Connection<Tx, Rx> {
    pub(super) fn link(&self) -> &Link {
        self.sender.link()
    }
}

impl<Tx: Serialize + ?Sized, Rx> Connection<Tx, Rx> {
    /// Sends one message. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    ///
    /// # Examples
    ///
    /// See [`Connection`].
    pub fn send(&self, message: &Tx) -> Result<()> {
        self.sender.send(message)
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
        self.sender.send_timeout(message, timeout)
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
        self.sender.feed(message)
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
        self.sender.try_send(message)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Connection<Tx, Rx> {
    /// Receives the next message; `Ok(None)` after the other side's goodbye. See [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Examples
    ///
    /// See [`Connection`].
    pub fn recv(&mut self) -> Result<Option<Rx>> {
        self.receiver.recv()
    }

    /// Receives the next message, and waits for it no longer than that. See [`Receiver::recv_timeout`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_timeout`].
    ///
    /// # Examples
    ///
    /// See [`Receiver::recv_timeout`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Rx>> {
        self.receiver.recv_timeout(timeout)
    }

    /// Receives a message that is already there. See [`Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`].
    ///
    /// # Examples
    ///
    /// See [`Receiver::try_recv`].
    pub fn try_recv(&mut self) -> Result<Option<Rx>> {
        self.receiver.try_recv()
    }
}

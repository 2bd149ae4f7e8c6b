//! The ways to get a [`Connection`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use offspring_platform as platform;

use super::link::Link;
use super::{Connection, Receiver, Sender};
use crate::error::{Error, Result};
use crate::session::{HANDSHAKE_TIMEOUT, Permit};
use crate::transport::{Local, Memory, Transport};
use crate::{Config, Name};

impl<Tx: ?Sized, Rx> Connection<Tx, Rx> {
    /// Connects to the program of the same user that listens on `name`.
    ///
    /// The server's user is checked before the first byte is sent. Returns when there is a connection: that the server has
    /// no place for one more client is told by `ready`, `recv` and `send`
    /// ([`ErrorKind::Refused`](crate::ErrorKind::Refused)).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if nobody listens, [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the server belongs to another user,
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if it does not accept within
    /// [`Config::connect_timeout`](crate::Config::connect_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the half-made connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Connection, Listener, Name};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let name = Name::unique()?; // a real daemon has a fixed one: Name::new("my-app")
    /// let mut listener = Listener::bind(&name)?;
    /// tokio::spawn(async move {
    ///     let mut client = listener.accept::<str, String>().await?;
    ///     while let Some(name) = client.recv().await? {
    ///         client.send(&format!("Hello {name}")).await?;
    ///     }
    ///     Ok::<(), offspring::Error>(())
    /// });
    ///
    /// let mut server = Connection::<str, String>::connect(&name).await?;
    /// server.send("Ada").await?;
    /// assert_eq!(server.recv().await?.as_deref(), Some("Hello Ada"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(name: &Name) -> Result<Self> {
        Self::connect_with(name, Config::new()).await
    }

    /// Like [`connect`](Self::connect), with limits and deadlines of one's own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the half-made connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, Connection, ErrorKind, Name};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let config = Config::new().protocol("my-app", 1);
    /// let nobody = Name::unique()?;
    /// let error = Connection::<str, String>::connect_with(&nobody, config).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect_with(name: &Name, config: Config) -> Result<Self> {
        let deadline = Instant::now() + config.connect_timeout;
        let stream = platform::Stream::connect(name.as_platform(), deadline)
            .await
            .map_err(|error| Error::io(format!("connect to {name:?}"), error))?;
        Ok(Self::open(
            Local(stream),
            config,
            format!("server {name:?}"),
            HANDSHAKE_TIMEOUT,
        ))
    }
}

impl<Tx: ?Sized, Rx> Connection<Tx, Rx, Memory> {
    /// Creates two connections that are joined within this process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::Connection;
    /// let (left, right) = Connection::<str, u32, _>::memory::<u32, String>();
    /// # let _ = (left, right);
    /// ```
    pub fn memory<PeerTx: ?Sized, PeerRx>() -> (Self, Connection<PeerTx, PeerRx, Memory>) {
        let (left, right) = Memory::pair();
        (Self::new(left), Connection::new(right))
    }
}

impl<Tx: ?Sized, Rx, T: Transport> Connection<Tx, Rx, T> {
    /// Speaks over a transport that is already connected.
    ///
    /// # Examples
    ///
    /// See [`Transport`].
    ///
    /// ```
    /// use offspring::{Connection, transport::Memory};
    /// let (left, right) = Memory::pair();
    /// let left = Connection::<str, String, _>::new(left);
    /// # let _ = (left, right);
    /// ```
    pub fn new(transport: T) -> Self {
        Self::with_config(transport, Config::new())
    }

    /// Like [`new`](Self::new), with limits and deadlines of one's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, Connection, transport::Memory};
    /// let (left, right) = Memory::pair();
    /// let left = Connection::<str, String, _>::with_config(left, Config::new().max_message(1024));
    /// # let _ = (left, right);
    /// ```
    pub fn with_config(transport: T, config: Config) -> Self {
        Self::open(
            transport,
            config,
            "the other side".to_owned(),
            HANDSHAKE_TIMEOUT,
        )
    }

    /// Opens a connection to `peer`, named in words for error texts.
    pub(crate) fn open(transport: T, config: Config, peer: String, handshake: Duration) -> Self {
        Self::open_with(transport, config, peer, handshake, None)
    }

    /// Opens a connection that takes a place among the clients of a listener.
    pub(crate) fn open_with(
        transport: T,
        config: Config,
        peer: String,
        handshake: Duration,
        permit: Option<Permit>,
    ) -> Self {
        let handshake = config.handshake_timeout.unwrap_or(handshake);
        let link = Arc::new(Link::new(transport, config, peer, permit));
        let receiver = Receiver::new(Arc::clone(&link), handshake);
        Self {
            sender: Sender::new(link),
            receiver,
        }
    }
}

//! [`Listener`]: a name that other programs connect to.

use std::pin::Pin;
use std::task::{Context, Waker};

use offspring_platform as platform;
use tokio::io::AsyncWrite as _;

use crate::connection::at_once;
use crate::error::{Error, Result};
use crate::session::{HANDSHAKE_TIMEOUT, Quota};
use crate::transport::Local;
use crate::{Config, Connection, Name, trace};

/// The owner of a [`Name`]: a server that other programs of the same user connect to.
///
/// A name has one owner at a time. What an owner that crashed left behind is recovered; a live owner, or a file that
/// is not ours, is never displaced. Only programs of the same user get through, on every system, and the user is
/// checked before the first byte is read. The name is free again when the listener is dropped.
///
/// # Examples
///
/// One task for each client:
///
/// ```no_run
/// use offspring::{Listener, Name};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let mut listener = Listener::bind(&Name::new("my-app.upper-case")?)?;
/// loop {
///     let mut client = listener.accept::<str, String>().await?;
///     tokio::spawn(async move {
///         while let Some(text) = client.recv().await? {
///             client.send(&text.to_uppercase()).await?;
///         }
///         Ok::<(), offspring::Error>(())
///     });
/// }
/// # }
/// ```
///
/// A program that connects to its daemon, or becomes it:
///
/// ```
/// use offspring::{Connection, ErrorKind, Listener, Name, Result};
///
/// enum Role {
///     Client(Connection<str, String>),
///     Daemon(Listener),
/// }
///
/// async fn join(name: &Name) -> Result<Role> {
///     loop {
///         match Connection::connect(name).await {
///             Err(error) if error.kind() == ErrorKind::NotFound => {}
///             connected => return connected.map(Role::Client),
///         }
///         match Listener::bind(name) {
///             // Another program was quicker: be its client.
///             Err(error) if error.kind() == ErrorKind::NameInUse => {}
///             bound => return bound.map(Role::Daemon),
///         }
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let name = Name::unique()?;
/// # assert!(matches!(join(&name).await?, Role::Daemon(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    listener: platform::Listener,
    name: Name,
    config: Config,
    quota: Quota,
}

impl Listener {
    /// Takes the name and starts to listen.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NameInUse`](crate::ErrorKind::NameInUse) if a live server has the name or a foreign file is in its
    /// place, [`ErrorKind::Refused`](crate::ErrorKind::Refused) if other users could change the place of the name,
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if a path leads into a folder that is missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, Listener, Name};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let name = Name::unique()?;
    /// let first = Listener::bind(&name)?;
    /// assert_eq!(Listener::bind(&name).unwrap_err().kind(), ErrorKind::NameInUse);
    ///
    /// drop(first);
    /// Listener::bind(&name)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(name: &Name) -> Result<Self> {
        Self::bind_with(name, Config::new())
    }

    /// Like [`bind`](Self::bind), with limits and deadlines for its connections.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Config, Listener, Name};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let config = Config::new().protocol("my-app", 1);
    /// let listener = Listener::bind_with(&Name::unique()?, config)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_with(name: &Name, config: Config) -> Result<Self> {
        let listener = platform::Listener::bind(name.as_platform())
            .map_err(|error| Error::bind(name, error))?;
        trace::debug!("listening on {name:?}");
        Ok(Self {
            listener,
            name: name.clone(),
            config,
            quota: Quota::default(),
        })
    }

    /// The name that this listener owns.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Listener, Name};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let name = Name::unique()?;
    /// assert_eq!(Listener::bind(&name)?.name(), &name);
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Waits for the next client, to which `Tx` are sent and from which `Rx` are received.
    ///
    /// Returns as soon as the client is connected and its user is checked. A client that says nothing, or nothing
    /// sensible, is an error of its own connection's `recv`, never of the listener. Clients beyond
    /// [`Config::max_connections`] and [`Config::max_silent`] are told so, which their `recv` and `send` report as
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused), and closed. When the system runs out of descriptors this
    /// waits and goes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the listener itself is broken.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no client is lost.
    ///
    /// # Examples
    ///
    /// See [`Listener`] and [`Connection::connect`].
    ///
    /// ```
    /// # use offspring::{Connection, Listener, Name};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let mut listener = Listener::bind(&Name::unique()?)?;
    /// let name = listener.name().clone();
    /// let client = tokio::spawn(async move {
    ///     let client = Connection::<u32, ()>::connect(&name).await?;
    ///     client.send(&7).await
    /// });
    ///
    /// let mut connection = listener.accept::<(), u32>().await?;
    /// assert_eq!(connection.recv().await?, Some(7));
    /// # client.await.unwrap()?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn accept<Tx: ?Sized, Rx>(&mut self) -> Result<Connection<Tx, Rx>> {
        let (stream, permit) = loop {
            while let Some(pause) = self.quota.pause(&self.config) {
                tokio::time::sleep(pause).await;
            }
            let accepted = self.listener.accept().await;
            let stream = accepted
                .map_err(|error| Error::io(format_args!("accept on {:?}", self.name), error))?;
            match self.quota.admit(&self.config) {
                Some(permit) => break (stream, permit),
                None => self.refuse(stream),
            }
        };
        let peer = self.name.client(stream.peer_pid());
        trace::debug!("accepted {peer}");
        let config = self.config.clone();
        Ok(Connection::open_with(
            Local(stream),
            config,
            peer,
            HANDSHAKE_TIMEOUT,
            Some(permit),
        ))
    }

    /// Closes a client for which there is no place, and tells it why.
    #[cold]
    fn refuse(&self, client: platform::Stream) {
        let (reason, words) = self.quota.refusal(&self.config);
        trace::warn!("refused a client of {:?}: {reason}", self.name);
        let (_, mut write) = client.into_split();
        // An empty socket or pipe takes this at once. Nobody waits for one that does not.
        let _ = at_once(|| {
            let mut cx = Context::from_waker(Waker::noop());
            Pin::new(&mut write).poll_write(&mut cx, &words)
        });
    }
}

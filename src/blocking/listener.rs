//! [`Listener`]: a name that other programs connect to.

use std::thread;
use std::time::{Duration, Instant};

use offspring_platform as platform;

use crate::blocking::{Connection, deadline};
use crate::error::{Error, ErrorKind, Result};
use crate::session::{HANDSHAKE_TIMEOUT, Quota};
use crate::{Config, Name, trace};

/// The owner of a [`Name`]: a server that other programs of the same user connect to.
///
/// The same as [`Listener`](crate::Listener) of the async API, for threads.
///
/// # Examples
///
/// One thread for each client:
///
/// ```no_run
/// use std::thread;
/// use offspring::{Name, blocking::Listener};
///
/// # fn main() -> offspring::Result<()> {
/// let mut listener = Listener::bind(&Name::new("my-app.upper-case")?)?;
/// loop {
///     let mut client = listener.accept::<str, String>()?;
///     thread::spawn(move || {
///         while let Some(text) = client.recv()? {
///             client.send(&text.to_uppercase())?;
///         }
///         Ok::<(), offspring::Error>(())
///     });
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    listener: platform::blocking::Listener,
    name: Name,
    config: Config,
    quota: Quota,
}

impl Listener {
    /// Takes the name and starts to listen.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NameInUse`] if a live server has the name or a foreign file is in its place, [`ErrorKind::Refused`] if
    /// other users could change the place of the name, [`ErrorKind::Io`] if a path leads into a folder that is missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, Name, blocking::Listener};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let name = Name::unique()?;
    /// let first = Listener::bind(&name)?;
    /// assert_eq!(Listener::bind(&name).unwrap_err().kind(), ErrorKind::NameInUse);
    /// # drop(first);
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
    /// use offspring::{Config, Name, blocking::Listener};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let config = Config::new().protocol("my-app", 1);
    /// let listener = Listener::bind_with(&Name::unique()?, config)?;
    /// # drop(listener);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_with(name: &Name, config: Config) -> Result<Self> {
        let listener = platform::blocking::Listener::bind(name.as_platform())
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
    /// # use offspring::{Name, blocking::Listener};
    /// # fn main() -> offspring::Result<()> {
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
    /// [`Config::max_connections`] and [`Config::max_silent`] are told so and closed. When the system runs out of descriptors this
    /// waits and goes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the listener itself is broken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Name, blocking::{Connection, Listener}};
    /// # fn main() -> offspring::Result<()> {
    /// let mut listener = Listener::bind(&Name::unique()?)?;
    /// let name = listener.name().clone();
    /// let client = std::thread::spawn(move || {
    ///     let client = Connection::<u32, ()>::connect(&name)?;
    ///     client.send(&7)
    /// });
    ///
    /// let mut connection = listener.accept::<(), u32>()?;
    /// assert_eq!(connection.recv()?, Some(7));
    /// # client.join().unwrap()
    /// # }
    /// ```
    pub fn accept<Tx: ?Sized, Rx>(&mut self) -> Result<Connection<Tx, Rx>> {
        self.accept_until(None)
    }

    /// Waits for the next client, and no longer than that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] if none came in time; otherwise as [`accept`](Self::accept).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use offspring::{ErrorKind, Name, blocking::Listener};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let mut listener = Listener::bind(&Name::unique()?)?;
    /// let error = listener.accept_timeout::<(), ()>(Duration::from_millis(10)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept_timeout<Tx: ?Sized, Rx>(
        &mut self,
        timeout: Duration,
    ) -> Result<Connection<Tx, Rx>> {
        self.accept_until(deadline(timeout))
    }

    fn accept_until<Tx: ?Sized, Rx>(
        &mut self,
        until: Option<Instant>,
    ) -> Result<Connection<Tx, Rx>> {
        let (stream, permit) = loop {
            while let Some(pause) = self.quota.pause(&self.config) {
                thread::sleep(pause);
            }
            let accepted = self.listener.accept(until);
            let accepted = accepted
                .map_err(|error| Error::io(format_args!("accept on {:?}", self.name), error))?;
            let Some(stream) = accepted else {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("accept on {:?}: nobody came in time", self.name),
                ));
            };
            match self.quota.admit(&self.config) {
                Some(permit) => break (stream, permit),
                None => {
                    let (reason, words) = self.quota.refusal(&self.config);
                    trace::warn!("refused a client of {:?}: {reason}", self.name);
                    // An empty socket or pipe takes this at once. Nobody waits for one that does not.
                    let _ = stream.try_write(&words);
                }
            }
        };
        let peer = self.name.client(stream.peer_pid());
        trace::debug!("accepted {peer}");
        Ok(Connection::open(
            stream,
            self.config.clone(),
            peer,
            HANDSHAKE_TIMEOUT,
            Some(permit),
        ))
    }
}

//! [`Command`]: how to start a child.

use std::ffi::OsStr;

use crate::blocking::{Child, Connection, Process};
use crate::error::Result;
use crate::life::{CHILD_HANDSHAKE_TIMEOUT, Recipe, builder};

/// Starts `program` without arguments as a child to which `Tx` are sent and from which `Rx` are received.
///
/// The one-line form of [`Command`].
///
/// # Errors
///
/// As [`Command::spawn`].
///
/// # Examples
///
/// ```no_run
/// # fn main() -> offspring::Result<()> {
/// let mut child = offspring::blocking::fork::<str, String>("./worker")?;
/// child.send("Hello Child")?;
/// println!("{:?}", child.recv()?);
/// # Ok(())
/// # }
/// ```
pub fn fork<Tx: ?Sized, Rx>(program: impl AsRef<OsStr>) -> Result<Child<Tx, Rx>> {
    Command::new(program).spawn()
}

/// How to start a child program and connect to it.
///
/// The same as [`Command`](crate::Command) of the async API, for threads; which of the two the child uses does not
/// matter.
///
/// # Platform notes
///
/// The connection travels in the child's stdin slot until `attach` puts the real standard input back, so a child must
/// not read from stdin before that.
///
/// # Examples
///
/// The whole of "Hello Child", "Hello Parent":
///
/// ```
/// use offspring::blocking::{Command, Parent};
///
/// fn main() -> offspring::Result<()> {
///     if let Some(mut parent) = Parent::<str, String>::attach_if_child()? {
///         // This is the child.
///         assert_eq!(parent.recv()?.as_deref(), Some("Hello Child"));
///         parent.send("Hello Parent")?;
///         return parent.close();
///     }
///
///     let mut child = Command::current_exe()?.spawn::<str, String>()?;
///     child.send("Hello Child")?;
///     assert_eq!(child.recv()?.as_deref(), Some("Hello Parent"));
///     assert!(child.wait()?.success());
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Command(Recipe);

builder!("offspring::blocking");

impl Command {
    /// Starts the child, to which `Tx` are sent and from which `Rx` are received.
    ///
    /// Does not wait for the child: messages can be sent at once and wait for it. A command can be spawned many times.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Spawn`](crate::ErrorKind::Spawn) if the program cannot be started; the text names it. A program that
    /// starts but does not attach is an error of [`Child::ready`] and [`Child::recv`]. That `Tx` and `Rx` are what the
    /// child receives and sends is not checked here: name a [protocol](crate::Config::protocol) where the two are built
    /// apart.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, blocking::Command};
    ///
    /// let error = Command::new("./no-such-program").spawn::<str, String>().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Spawn);
    /// assert!(error.to_string().contains("no-such-program"));
    /// ```
    pub fn spawn<Tx: ?Sized, Rx>(&mut self) -> Result<Child<Tx, Rx>> {
        let started = self.0.start()?;
        let connection = Connection::open(
            started.channel,
            started.config,
            started.life.name.clone(),
            CHILD_HANDSHAKE_TIMEOUT,
            None,
        );
        let mut child = Child::new(connection.with_process(), Process(started.life));
        (child.stdin, child.stdout, child.stderr) = (started.stdin, started.stdout, started.stderr);
        Ok(child)
    }
}

#[cfg(feature = "node")]
impl Command {
    /// Starts a Node.js script, which talks with `process.send` and `process.on('message')`.
    ///
    /// The same as [`Command::node`](crate::Command::node) of the async API, for threads.
    ///
    /// # Platform notes
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::blocking::Command;
    ///
    /// # fn main() -> offspring::Result<()> {
    /// // child.js: process.on('message', (text) => process.send(`Hello ${text}`));
    /// let mut child = Command::node("child.js").spawn::<str, String>()?;
    /// child.send("Node")?;
    /// assert_eq!(child.recv()?.as_deref(), Some("Hello Node"));
    /// assert!(child.wait()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn node(script: impl Into<crate::life::Script>) -> Self {
        Self(Recipe::node(script.into()))
    }
}

//! [`Command`]: how to start a child.

use std::ffi::OsStr;

use offspring_platform as platform;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::Connection;
use crate::error::{Error, ErrorKind, Result};
use crate::life::{CHILD_HANDSHAKE_TIMEOUT, Recipe, builder};
use crate::process::{Child, Process};
use crate::transport::Local;

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
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let mut child = offspring::fork::<str, String>("./worker")?;
/// child.send("Hello Child").await?;
/// println!("{:?}", child.recv().await?);
/// # Ok(())
/// # }
/// ```
pub fn fork<Tx: ?Sized, Rx>(program: impl AsRef<OsStr>) -> Result<Child<Tx, Rx>> {
    Command::new(program).spawn()
}

/// How to start a child program and connect to it.
///
/// Like [`std::process::Command`], which it wraps: the child is any program that calls
/// [`Parent::attach`](crate::Parent::attach) first thing, often [this very program](Self::current_exe).
///
/// By default the child inherits the standard streams, as with std, and ends when this process dies, by whatever cause
/// ([`outlive_parent`](Self::outlive_parent) turns that off). The time it takes to start one does not depend on how
/// much memory this process uses.
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
/// use offspring::{Command, Parent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// if let Some(mut parent) = Parent::<str, String>::attach_if_child()? {
///     // This is the child.
///     assert_eq!(parent.recv().await?.as_deref(), Some("Hello Child"));
///     parent.send("Hello Parent").await?;
///     return parent.close().await;
/// }
///
/// let mut child = Command::current_exe()?.spawn::<str, String>()?;
/// child.send("Hello Child").await?;
/// assert_eq!(child.recv().await?.as_deref(), Some("Hello Parent"));
/// assert!(child.wait().await?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Command(Recipe);

builder!("offspring");

impl Command {
    /// Starts the child, to which `Tx` are sent and from which `Rx` are received.
    ///
    /// Does not wait for the child: messages can be sent at once and wait for it. A command can be spawned many times.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Spawn`] if the program cannot be started; the text names it. A program that starts but does not
    /// attach is an error of [`Child::ready`] and [`Child::recv`]. That `Tx` and `Rx` are what the child receives and sends
    /// is not checked here: name a [protocol](crate::Config::protocol) where the two are built apart.
    ///
    /// # Panics
    ///
    /// If the tokio runtime was made without I/O.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = Command::new("./no-such-program").spawn::<str, String>().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Spawn);
    /// assert!(error.to_string().contains("no-such-program"));
    /// # }
    /// ```
    pub fn spawn<Tx: ?Sized, Rx>(&mut self) -> Result<Child<Tx, Rx>> {
        let started = self.0.start::<platform::Stream>()?;
        let connection = Connection::open(
            Local(started.channel),
            started.config,
            started.life.name.clone(),
            CHILD_HANDSHAKE_TIMEOUT,
        );
        // Without its pipes there is no child: what goes wrong here ends the process.
        let mut life = started.life;
        life.kill_on_drop = true;
        let pipes = |error| {
            let text = format!("open the pipes of {}", life.name);
            Error::new(ErrorKind::Spawn, text).with_source(error)
        };
        let stdin = started.stdin.map(ChildStdin::from_std).transpose();
        let stdout = started.stdout.map(ChildStdout::from_std).transpose();
        let stderr = started.stderr.map(ChildStderr::from_std).transpose();
        let (stdin, stdout, stderr) = (
            stdin.map_err(pipes)?,
            stdout.map_err(pipes)?,
            stderr.map_err(pipes)?,
        );
        life.kill_on_drop = self.0.kill_on_drop;
        let mut child = Child::new(connection, Process(life));
        (child.stdin, child.stdout, child.stderr) = (stdin, stdout, stderr);
        Ok(child)
    }
}

#[cfg(feature = "node")]
impl Command {
    /// Starts a Node.js script, which talks with `process.send` and `process.on('message')`.
    ///
    /// It is started as Node's own `child_process.fork` starts one, and everything else is as for other children. To say
    /// which Node, or with which options, give a [`Script`](crate::node::Script) instead of a path. Differences that come
    /// from Node are on the page [coming from Node](crate::node).
    ///
    /// # Platform notes
    ///
    /// On Unix the time that a start takes grows with the memory of this process. On Windows [`spawn`](Self::spawn) fails
    /// if [`stdout`](Self::stdout) or [`stderr`](Self::stderr) was given a [`std::process::Stdio`], in which nobody can
    /// look: give our own [`Stdio`](crate::Stdio), or the open file. The program must be Node itself there: batch files are refused, and a
    /// launcher that starts the real Node does not hand the channel on.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::Command;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// // child.js: process.on('message', (text) => process.send(`Hello ${text}`));
    /// let mut child = Command::node("child.js").spawn::<str, String>()?;
    /// child.send("Node").await?;
    /// assert_eq!(child.recv().await?.as_deref(), Some("Hello Node"));
    /// assert!(child.wait().await?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn node(script: impl Into<crate::life::Script>) -> Self {
        Self(Recipe::node(script.into()))
    }
}

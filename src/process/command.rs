//! [`Command`]: how to start a child.

use std::ffi::OsStr;
use std::path::Path;
use std::process;
use std::time::Duration;

use offspring_platform as platform;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::error::{Error, ErrorKind, Result};
use crate::life::{
    CHILD_HANDSHAKE_TIMEOUT, Life, ORPHAN_GRACE, Stdio, name_of, no_program, not_started,
};
use crate::process::{Child, Process};
use crate::transport::Local;
use crate::{Config, Connection, trace};

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
pub struct Command {
    command: process::Command,
    stdin: Stdio,
    config: Config,
    kill_on_drop: bool,
    kill_tree: bool,
    orphan_grace: Option<Duration>,
    /// A Node child instead of one of ours.
    #[cfg(feature = "node")]
    node: Option<super::node::Child>,
}

impl Command {
    /// Starts the program that is found as `program`: a path, or a name to look up in `PATH`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let command = Command::new("./worker");
    /// # let _ = command;
    /// ```
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self::from(process::Command::new(program))
    }

    /// Starts the program that is running now, once more.
    ///
    /// Whatever stands before the call of [`Parent::attach`](crate::Parent::attach) runs in the child too, so call that
    /// first thing in `main`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Spawn`] if the system does not tell which program this is.
    ///
    /// # Platform notes
    ///
    /// On Linux this is the same build even if the file was replaced or removed in the meantime, as by an update; the
    /// child then goes by the name `exe` in lists of processes. On macOS it is what is in place of the file by then.
    ///
    /// # Examples
    ///
    /// See [`Command`].
    ///
    /// ```
    /// use offspring::Command;
    /// let command = Command::current_exe()?;
    /// # let _ = command;
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn current_exe() -> Result<Self> {
        match platform::this_program() {
            Ok(command) => Ok(Self::from(command)),
            Err(error) => Err(no_program(error)),
        }
    }

    /// Adds an argument.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.arg("--verbose");
    /// ```
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(arg);
        self
    }

    /// Adds several arguments.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.args(["--threads", "2"]);
    /// ```
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable of the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.env("LANG", "C");
    /// ```
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(key, value);
        self
    }

    /// Sets several environment variables of the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.envs([("LANG", "C"), ("TZ", "UTC")]);
    /// ```
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        self.command.envs(vars);
        self
    }

    /// Hides an environment variable from the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.env_remove("AWS_SECRET_ACCESS_KEY");
    /// ```
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.command.env_remove(key);
        self
    }

    /// Hides all environment variables of this process from the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.env_clear().env("PATH", "/usr/bin");
    /// ```
    pub fn env_clear(&mut self) -> &mut Self {
        self.command.env_clear();
        self
    }

    /// Sets the folder that the child starts in.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.current_dir("/");
    /// ```
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets the child's standard input. Default: that of this process.
    ///
    /// Takes our own [`Stdio`], for what is in one of std's cannot be read back.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, Stdio};
    /// let mut command = Command::new("./worker");
    /// command.stdin(Stdio::null());
    /// ```
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets the child's standard output. Default: that of this process.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, Stdio};
    /// let mut command = Command::new("./worker");
    /// command.stdout(Stdio::piped());
    /// ```
    pub fn stdout(&mut self, stdout: impl Into<process::Stdio>) -> &mut Self {
        self.command.stdout(stdout);
        self
    }

    /// Sets the child's standard error. Default: that of this process.
    ///
    /// If it is [piped](Stdio::piped), what a child writes there before it fails to start is part of the error of
    /// [`Child::ready`].
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, Stdio};
    /// let mut command = Command::new("./worker");
    /// command.stderr(Stdio::piped());
    /// ```
    pub fn stderr(&mut self, stderr: impl Into<process::Stdio>) -> &mut Self {
        self.command.stderr(stderr);
        self
    }

    /// Ends the child at once when its [`Child`] is dropped. Default: no; the child then learns that the connection
    /// has ended, and may finish its work.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.kill_on_drop(true);
    /// ```
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = kill;
        self
    }

    /// Ends all descendants of the child together with it, in [`Child::kill`], [`Child::stop`], and on drop if
    /// [`kill_on_drop`](Self::kill_on_drop) was set. Default: no.
    ///
    /// # Platform notes
    ///
    /// The child leads a process group of its own on Unix, so Ctrl-C in a terminal does not reach it; a descendant that
    /// leaves the group escapes. On Windows it is a job object, and flags that were set on a
    /// [`std::process::Command`] by `creation_flags` are overwritten.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./worker");
    /// command.kill_tree(true);
    /// ```
    pub fn kill_tree(&mut self, tree: bool) -> &mut Self {
        self.kill_tree = tree;
        self
    }

    /// Lets the child go on when this process dies. Default: no, see [`orphan_grace`](Self::orphan_grace).
    ///
    /// The child's `recv` fails in either case.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// let mut command = Command::new("./daemon");
    /// command.outlive_parent(true);
    /// ```
    pub fn outlive_parent(&mut self, outlive: bool) -> &mut Self {
        self.orphan_grace = if outlive { None } else { Some(ORPHAN_GRACE) };
        self
    }

    /// How long the child may go on after this process has died, by whatever cause. Default: 2 seconds.
    ///
    /// A child that receives learns of it at once and can finish by itself; one that is busy, or hangs, is ended after
    /// this time.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Command;
    /// use std::time::Duration;
    /// let mut command = Command::new("./worker");
    /// command.orphan_grace(Duration::from_secs(10));
    /// ```
    pub fn orphan_grace(&mut self, grace: Duration) -> &mut Self {
        self.orphan_grace = Some(grace);
        self
    }

    /// Sets limits and deadlines of the connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, Config};
    /// let mut command = Command::new("./worker");
    /// command.config(Config::new().protocol("my-app worker", 1));
    /// ```
    pub fn config(&mut self, config: Config) -> &mut Self {
        self.config = config;
        self
    }

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
        let spawned = self
            .start()
            .map_err(|error| not_started(self.command.get_program(), error))?;
        let name = name_of(self.child_name(), spawned.process.id());
        trace::debug!("started {name}");
        let connection = Connection::open(
            Local(spawned.channel),
            self.child_config(),
            name.clone(),
            CHILD_HANDSHAKE_TIMEOUT,
        );
        // Without its pipes there is no child: what goes wrong here ends the process.
        let mut life = Life::new(spawned.process, name.clone(), true);
        let pipes = |error| {
            Error::new(ErrorKind::Spawn, format!("open the pipes of {name}")).with_source(error)
        };
        let stdin = spawned.stdin.map(ChildStdin::from_std).transpose();
        let stdout = spawned.stdout.map(ChildStdout::from_std).transpose();
        let stderr = spawned.stderr.map(ChildStderr::from_std).transpose();
        let (stdin, stdout, stderr) = (
            stdin.map_err(pipes)?,
            stdout.map_err(pipes)?,
            stderr.map_err(pipes)?,
        );
        life.kill_on_drop = self.kill_on_drop;
        let mut child = Child::new(connection, Process(life));
        (child.stdin, child.stdout, child.stderr) = (stdin, stdout, stderr);
        Ok(child)
    }

    fn start(&mut self) -> std::io::Result<platform::Spawned<platform::Stream>> {
        let options = platform::Options {
            stdin: self.stdin.to_stdin()?,
            kill_tree: self.kill_tree,
            orphan_grace: self.orphan_grace,
        };
        #[cfg(feature = "node")]
        if let Some(node) = &self.node {
            return node.spawn(&mut self.command, options);
        }
        platform::spawn(&mut self.command, options)
    }

    /// What error texts call the child.
    fn child_name(&self) -> &OsStr {
        #[cfg(feature = "node")]
        if let Some(node) = &self.node {
            return node.name();
        }
        self.command.get_program()
    }

    fn child_config(&self) -> Config {
        #[cfg(feature = "node")]
        if let Some(node) = &self.node {
            return node.config(self.config.clone());
        }
        self.config.clone()
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
    /// On Unix the time that a start takes grows with the memory of this process. On Windows the script finds nothing in
    /// its standard input.
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
    pub fn node(script: impl Into<super::Script>) -> Self {
        let (command, node) = super::node::Child::prepare(script.into());
        Self {
            node: Some(node),
            ..Self::from(command)
        }
    }
}

impl From<process::Command> for Command {
    /// Takes over a std command, except for its standard input, which cannot be read back: set it again.
    fn from(command: process::Command) -> Self {
        Self {
            command,
            stdin: Stdio::inherit(),
            config: Config::new(),
            kill_on_drop: false,
            kill_tree: false,
            orphan_grace: Some(ORPHAN_GRACE),
            #[cfg(feature = "node")]
            node: None,
        }
    }
}

//! [`Script`]: a Node.js program as a child, and a Node.js program as the parent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use offspring_platform as platform;
use offspring_platform::AttachError;

use super::Stdio;
use super::recipe::ORPHAN_GRACE;
use crate::Config;
use crate::wire::format::Format as AnyFormat;
use crate::wire::node::{Format, Serialization};

/// A Node.js script, and how it is run. See [`Command::node`](crate::Command::node).
///
/// # Examples
///
/// ```
/// use offspring::Command;
/// use offspring::node::{Script, Serialization};
///
/// let script = Script::new("child.js")
///     .program("/opt/node-24/bin/node")
///     .exec_argv(["--max-old-space-size=256"])
///     .serialization(Serialization::Advanced);
/// let mut command = Command::node(script);
/// command.arg("an argument of the script");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Script {
    path: PathBuf,
    program: OsString,
    exec_argv: Vec<OsString>,
    serialization: Serialization,
    worker: Option<u32>,
}

impl Script {
    /// The script at `path`, run by the `node` that is found in `PATH`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Script;
    /// let script = Script::new("child.js");
    /// # let _ = script;
    /// ```
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            program: "node".into(),
            exec_argv: Vec::new(),
            serialization: Serialization::default(),
            worker: None,
        }
    }

    /// Sets the program that runs the script: the `execPath` of Node. Default: `node`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Script;
    /// let script = Script::new("child.js").program("/usr/local/bin/node");
    /// # let _ = script;
    /// ```
    pub fn program(mut self, program: impl AsRef<OsStr>) -> Self {
        self.program = program.as_ref().to_owned();
        self
    }

    /// Sets the arguments of Node itself, in front of the script: the `execArgv` of Node. Default: none.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Script;
    /// let script = Script::new("child.js").exec_argv(["--enable-source-maps"]);
    /// # let _ = script;
    /// ```
    pub fn exec_argv(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.exec_argv = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect();
        self
    }

    /// Sets how messages are written: the `serialization` of Node. Default: JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Script, Serialization};
    /// let script = Script::new("child.js").serialization(Serialization::Advanced);
    /// # let _ = script;
    /// ```
    pub fn serialization(mut self, serialization: Serialization) -> Self {
        self.serialization = serialization;
        self
    }

    /// Makes the script the worker `id` of a cluster, whose primary this program is: `cluster.isWorker` is true in it, and
    /// what it listens on is asked for here.
    ///
    /// The messages of Node's cluster protocol, whose `cmd` is `NODE_CLUSTER`, are for the program then. The example
    /// `node_cluster` shows what to answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Script;
    /// let script = Script::new("server.js").cluster_worker(1);
    /// # let _ = script;
    /// ```
    pub fn cluster_worker(mut self, id: u32) -> Self {
        self.worker = Some(id);
        self
    }
}

impl<P: AsRef<Path>> From<P> for Script {
    /// The script at this path.
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// What a [`Command`](crate::Command) must know to start a Node child.
#[derive(Debug)]
pub(super) struct Child {
    script: PathBuf,
    serialization: Serialization,
    worker: Option<u32>,
    launcher: platform::NodeLauncher,
    /// `None` if only std's command knows.
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    env_cleared: bool,
}

impl Child {
    pub(super) fn prepare(script: Script) -> (process::Command, Self) {
        let mut command = process::Command::new(script.program);
        command.args(script.exec_argv).arg(&script.path);
        let launcher = platform::NodeLauncher::new(&mut command);
        let node = Self {
            script: script.path,
            serialization: script.serialization,
            worker: script.worker,
            launcher,
            stdout: Some(Stdio::inherit()),
            stderr: Some(Stdio::inherit()),
            env_cleared: false,
        };
        (command, node)
    }

    pub(super) fn stdout(
        &mut self,
        command: &mut process::Command,
        stdout: impl Into<process::Stdio> + 'static,
    ) {
        self.stdout = Stdio::known(stdout)
            .map_err(|stdout| command.stdout(stdout))
            .ok();
    }

    pub(super) fn stderr(
        &mut self,
        command: &mut process::Command,
        stderr: impl Into<process::Stdio> + 'static,
    ) {
        self.stderr = Stdio::known(stderr)
            .map_err(|stderr| command.stderr(stderr))
            .ok();
    }

    pub(super) fn env_clear(&mut self) {
        self.env_cleared = true;
    }

    pub(super) fn spawn<S: platform::Channel>(
        &self,
        command: &mut process::Command,
        options: platform::Options,
    ) -> io::Result<platform::Spawned<S>> {
        let stream = |stdio: &Option<Stdio>| stdio.as_ref().map(Stdio::to_stdin).transpose();
        let options = platform::NodeOptions {
            mode: name(self.serialization),
            worker: self.worker,
            stdin: options.stdin,
            stdout: stream(&self.stdout)?,
            stderr: stream(&self.stderr)?,
            env_cleared: self.env_cleared,
            kill_tree: options.kill_tree,
        };
        self.launcher.spawn(command, options)
    }

    pub(super) fn name(&self) -> &OsStr {
        self.script.as_os_str()
    }

    pub(super) fn config(&self, config: Config) -> Config {
        speaking(config, self.serialization, self.worker.is_some())
    }
}

/// Takes the channel that a Node parent has left, and tells how it is used.
pub(super) fn attach<S: platform::Channel>(
    config: Config,
) -> Result<(S, u32, Config), AttachError> {
    // A Node parent does not say how long.
    let grace = (!config.outlive_parent).then_some(ORPHAN_GRACE);
    let attached = platform::attach_node(grace)?;
    let serialization = match &attached.mode {
        // Parents did not say so before there was a choice.
        None => Serialization::Json,
        Some(mode) => mode.to_str().and_then(named).ok_or(AttachError::Invalid(
            "the serialization of the Node parent is neither json nor advanced",
        ))?,
    };
    let config = speaking(config, serialization, false);
    Ok((attached.channel, attached.parent_pid, config))
}

fn speaking(mut config: Config, serialization: Serialization, cluster: bool) -> Config {
    let format = Format::new(serialization)
        .framed(platform::NODE_CHANNEL_IS_FRAMED)
        .cluster(cluster);
    config.format = AnyFormat::Node(format);
    config
}

/// As Node writes it into `NODE_CHANNEL_SERIALIZATION_MODE`.
fn name(serialization: Serialization) -> &'static str {
    match serialization {
        Serialization::Json => "json",
        Serialization::Advanced => "advanced",
    }
}

fn named(name: &str) -> Option<Serialization> {
    match name {
        "json" => Some(Serialization::Json),
        "advanced" => Some(Serialization::Advanced),
        _ => None,
    }
}

//! [`Recipe`]: how a child is started, whoever talks to it then.

use std::ffi::OsStr;
use std::process::{self, ChildStderr, ChildStdin, ChildStdout, Command};
use std::time::Duration;

use offspring_platform as platform;

use super::{Life, Stdio};
use crate::error::{Error, ErrorKind, Result};
use crate::{Config, trace};

/// How a child is started: what a `Command` of either kind holds, and all that it knows.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) command: Command,
    pub(crate) stdin: Stdio,
    pub(crate) config: Config,
    pub(crate) kill_on_drop: bool,
    pub(crate) kill_tree: bool,
    /// How long the child may outlive this process; `None`: for ever.
    pub(crate) orphan_grace: Option<Duration>,
    /// A Node child instead of one of ours.
    #[cfg(feature = "node")]
    node: Option<super::script::Child>,
}

/// A child that was started, for a driver to talk to.
pub(crate) struct Started<S> {
    pub(crate) channel: S,
    /// How the channel is used.
    pub(crate) config: Config,
    pub(crate) life: Life,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

impl Recipe {
    pub(crate) fn current_exe() -> Result<Self> {
        match platform::this_program() {
            Ok(command) => Ok(Self::from(command)),
            Err(error) => {
                let text = "find the program that runs now";
                Err(Error::new(ErrorKind::Spawn, text).with_source(error))
            }
        }
    }

    #[cfg(feature = "node")]
    pub(crate) fn node(script: super::Script) -> Self {
        let (command, node) = super::script::Child::prepare(script);
        Self {
            node: Some(node),
            ..Self::from(command)
        }
    }

    pub(crate) fn env_clear(&mut self) {
        self.command.env_clear();
        #[cfg(feature = "node")]
        if let Some(node) = &mut self.node {
            node.env_clear();
        }
    }

    pub(crate) fn stdout(&mut self, stdout: impl Into<process::Stdio> + 'static) {
        #[cfg(feature = "node")]
        if let Some(node) = &mut self.node {
            return node.stdout(&mut self.command, stdout);
        }
        self.command.stdout(stdout);
    }

    pub(crate) fn stderr(&mut self, stderr: impl Into<process::Stdio> + 'static) {
        #[cfg(feature = "node")]
        if let Some(node) = &mut self.node {
            return node.stderr(&mut self.command, stderr);
        }
        self.command.stderr(stderr);
    }

    pub(crate) fn outlive_parent(&mut self, outlive: bool) {
        self.orphan_grace = (!outlive).then_some(ORPHAN_GRACE);
    }

    /// Starts the child.
    pub(crate) fn start<S: platform::Channel>(&mut self) -> Result<Started<S>> {
        let spawned = self.spawn().map_err(|error| {
            let program = self.command.get_program();
            Error::new(ErrorKind::Spawn, format!("start {program:?}: {error}")).with_source(error)
        })?;
        let life = Life::new(spawned.process, self.name(), self.kill_on_drop);
        trace::debug!("started {}", life.name);
        Ok(Started {
            channel: spawned.channel,
            config: self.channel_config(),
            life,
            stdin: spawned.stdin,
            stdout: spawned.stdout,
            stderr: spawned.stderr,
        })
    }

    fn spawn<S: platform::Channel>(&mut self) -> std::io::Result<platform::Spawned<S>> {
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
    fn name(&self) -> &OsStr {
        #[cfg(feature = "node")]
        if let Some(node) = &self.node {
            return node.name();
        }
        self.command.get_program()
    }

    fn channel_config(&self) -> Config {
        let config = self.config.clone();
        #[cfg(feature = "node")]
        if let Some(node) = &self.node {
            return node.config(config);
        }
        config
    }
}

impl From<Command> for Recipe {
    fn from(command: Command) -> Self {
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

/// How long a child may take to load and to say hello.
pub(crate) const CHILD_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a busy child goes on after its parent died.
pub(super) const ORPHAN_GRACE: Duration = Duration::from_secs(2);

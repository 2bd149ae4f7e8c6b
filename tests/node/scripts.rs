//! Node scripts as children, and where `node` is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command as StdCommand, Stdio as StdStdio};
use std::sync::OnceLock;

use offspring::node::{Script, Serialization};
use offspring::{Command, Stdio};
use tempfile::TempDir;

/// The program that runs scripts; `None`, after a loud word, if there is none.
pub(crate) fn node() -> Option<OsString> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let program = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
    let found = *FOUND.get_or_init(|| {
        let mut version = StdCommand::new(&program);
        version.arg("--version").stdin(StdStdio::null());
        version.stdout(StdStdio::null()).stderr(StdStdio::null());
        version.status().is_ok_and(|status| status.success())
    });
    if !found {
        eprintln!(
            "\n*** SKIPPED: {program:?} does not run, so nothing was tested against Node ***\n"
        );
    }
    found.then_some(program)
}

/// A script that lives as long as this.
pub(crate) struct Source {
    folder: TempDir,
    program: OsString,
}

impl Source {
    /// Writes a script down; `None` if there is no Node.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let program = node()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("script.js"), text).unwrap();
        Some(Self { folder, program })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("script.js")
    }

    pub(crate) fn script(&self, serialization: Serialization) -> Script {
        Script::new(self.path())
            .program(&self.program)
            .serialization(serialization)
    }

    /// How to start it as a child.
    pub(crate) fn command(&self, serialization: Serialization) -> Command {
        let mut command = Command::node(self.script(serialization));
        command.kill_on_drop(true).stdout(Stdio::null());
        command
    }

    /// How to start it as a parent, by hand.
    pub(crate) fn by_hand(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .arg(self.path())
            .stdin(StdStdio::null())
            .kill_on_drop(true);
        command
    }
}

/// Writes bytes to the channel as they are: `raw(text or buffer)`. On Windows as a piece of libuv's stream.
pub(crate) const RAW: &str = r"
    const raw = (bytes) => {
        const data = Buffer.from(bytes);
        const head = Buffer.alloc(process.platform === 'win32' ? 16 : 0);
        if (head.length) { head.writeUInt32LE(1, 0); head.writeUInt32LE(data.length, 8); }
        const fd = process.platform === 'win32' ? 3 : process.channel.fd;
        require('fs').writeSync(fd, Buffer.concat([head, data]));
    };
";

/// Where each message takes a while: under Wine.
pub(crate) const MANY: u32 = if cfg!(windows) { 5_000 } else { 100_000 };

/// Both ways in which messages are written.
pub(crate) const BOTH: [Serialization; 2] = [Serialization::Json, Serialization::Advanced];

/// Answers each message with itself.
pub(crate) const ECHO: &str = "process.on('message', (message) => process.send(message));";

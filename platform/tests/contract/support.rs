//! What the tests share: running this program again as a child, and a watchdog.

use std::future::Future;
use std::process::{Command, Stdio};
use std::time::Duration;

use offspring_platform::{
    Attached, Options, Process, ReadHalf, Spawned, Stdin, Stream, WriteHalf, attach,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Long enough for a loaded machine; a test that needs it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Fails instead of hanging.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WATCHDOG, work)
        .await
        .expect("the test hangs")
}

/// This program, told to run only the given test (an entry point marked `#[ignore]`).
pub(crate) fn program(entry: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        entry,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.stdout(Stdio::null());
    command
}

/// Starts a program that outlives this one, for the system to reap: its id, and its output if that is a pipe.
#[expect(clippy::zombie_processes, reason = "this program ends before it")]
pub(crate) fn leave_behind(command: &mut Command) -> (u32, Option<std::process::ChildStdout>) {
    let child = command.spawn().unwrap();
    (child.id(), child.stdout)
}

/// Children of tests never outlive them.
pub(crate) fn options(stdin: Stdin) -> Options {
    Options {
        stdin,
        orphan_grace: Some(Duration::from_secs(1)),
        ..Options::default()
    }
}

/// A child of a test, ended at the latest when the test ends.
pub(crate) struct Child {
    pub(crate) process: Process,
    pub(crate) read: ReadHalf,
    pub(crate) write: Option<WriteHalf>,
    pub(crate) stdin: Option<std::process::ChildStdin>,
    pub(crate) stdout: Option<std::process::ChildStdout>,
}

impl Child {
    pub(crate) fn spawn(entry: &str, stdin: Stdin) -> Self {
        Self::spawn_with(&mut program(entry), options(stdin))
    }

    pub(crate) fn spawn_with(command: &mut Command, options: Options) -> Self {
        let Spawned {
            process,
            channel,
            stdin,
            stdout,
            ..
        } = offspring_platform::spawn::<Stream>(command, options).unwrap();
        let (read, write) = channel.into_split();
        Self {
            process,
            read,
            write: Some(write),
            stdin,
            stdout,
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.write.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// Reads exactly these bytes.
    pub(crate) async fn expect(&mut self, bytes: &[u8]) {
        let mut found = vec![0; bytes.len()];
        self.read.read_exact(&mut found).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&found),
            String::from_utf8_lossy(bytes)
        );
    }

    /// Reads to the end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut found = Vec::new();
        self.read.read_to_end(&mut found).await.unwrap();
        String::from_utf8_lossy(&found).into_owned()
    }

    pub(crate) async fn succeeds(&mut self) {
        let status = self.process.wait().await.unwrap();
        assert!(status.success(), "the child failed: {status}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

/// The child's end, for entry points.
pub(crate) fn attached() -> (ReadHalf, WriteHalf) {
    let Attached { channel, .. } = attach::<Stream>().unwrap();
    channel.into_split()
}

/// Waits for the parent to close its end.
pub(crate) async fn until_closed(read: &mut ReadHalf) {
    let mut rest = Vec::new();
    let _ = read.read_to_end(&mut rest).await;
}

/// Waits for an end of output that only the death of all who hold it brings.
pub(crate) async fn until_all_gone(mut output: impl std::io::Read + Send + 'static) -> String {
    tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    })
    .await
    .unwrap()
}

//! What the tests that start processes share: this program as its own child, and a watchdog.

use std::future::Future;
use std::time::Duration;

use offspring::{Command, Stdio};

/// Long enough for a loaded machine; a test that needs it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Fails instead of hanging.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WATCHDOG, work)
        .await
        .expect("the test hangs")
}

/// This program, told to run only the given entry point (a test marked `#[ignore]`). Ended with its handle.
pub(crate) fn role(entry: &str) -> Command {
    let mut command = Command::current_exe().unwrap();
    command
        .args(["--exact", entry, "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

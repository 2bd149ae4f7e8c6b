//! What only the blocking API promises, and what a stranger can do to it. The claims that it shares with the async API are
//! in `tests/both`.

#![cfg(feature = "blocking")]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

mod large;
mod resources;
mod strangers;
mod timeouts;

use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use offspring::blocking::Command;

/// Fails instead of hanging.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || done.send(work()));
    match result.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        // It panicked.
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// This program, told to run only the given entry point. Ended with its handle.
fn role(entry: &str) -> Command {
    let mut command = Command::current_exe().unwrap();
    command
        .args(["--exact", entry, "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

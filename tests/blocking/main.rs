//! What only the blocking API promises, and what a stranger can do to it. The claims that it shares with the async API are
//! in `tests/both`.

#![cfg(feature = "blocking")]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

#[path = "../support/changing.rs"]
mod changing;
mod large;
mod resources;
mod strangers;
mod timeouts;
#[path = "../support/within.rs"]
mod within;

use std::process::Stdio;

use offspring::blocking::Command;

use crate::within::within;

/// This program, told to run only the given entry point. Ended with its handle.
fn role(entry: &str) -> Command {
    let mut command = Command::current_exe().unwrap();
    command
        .args(["--exact", entry, "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

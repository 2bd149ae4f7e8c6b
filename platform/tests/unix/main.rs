//! What the Unix backend promises beyond the contract of all backends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "it says what the test expects")]

mod folder;
mod name;
mod process;
#[cfg(target_os = "linux")]
mod reuse;
mod slot;
mod stream;
#[expect(
    dead_code,
    reason = "shared with the contract tests, which use the rest"
)]
#[path = "../contract/support.rs"]
mod support;
mod user;
#[cfg(target_os = "linux")]
#[path = "../support/without_pidfd.rs"]
mod without_pidfd;

/// What does not hold where the system makes no pidfds: a parent of a parent cannot be watched there.
#[cfg(target_os = "linux")]
const NEED_PIDFDS: &[&str] = &["a_busy_child_behind_a_shell_ends_when_its_parent_has_died"];

use std::process::Command;

/// Runs an entry point in a process of its own, where it may count descriptors, set limits and the like.
fn alone(entry: &str) {
    alone_with(&mut support::program(entry));
}

fn alone_with(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// The open descriptors of this process.
fn descriptors() -> Vec<i32> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = i32::try_from(limit.unwrap_or(4096).min(4096)).unwrap();
    // SAFETY: asks about a number, and does nothing if that is no descriptor.
    (0..limit)
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0)
        .collect()
}

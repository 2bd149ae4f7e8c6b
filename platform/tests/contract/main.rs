//! What every backend must do, written against the public names only.
//!
//! Tests marked `#[ignore]` are entry points of child processes: the tests run this program again with one of them.

#![expect(clippy::unwrap_used, reason = "it says what the test expects")]

mod attach;
mod listener;
mod process;
mod spawn;
mod support;
#[cfg(target_os = "linux")]
#[path = "../support/without_pidfd.rs"]
mod without_pidfd;

/// What does not hold where the system makes no pidfds.
#[cfg(target_os = "linux")]
const NEED_PIDFDS: &[&str] = &[];

//! What every backend must do, written against the public names only.
//!
//! Tests marked `#[ignore]` are entry points of child processes: the tests run this program again with one of them.

#![expect(clippy::unwrap_used, reason = "it says what the test expects")]

mod attach;
mod listener;
mod process;
mod spawn;
mod support;

//! What both APIs promise, each claim written once and run twice: over tasks, and over threads.
//!
//! The files below are mounted in two modules that give the same names a meaning: `wait!` awaits or calls, `spawn!`
//! starts a task or a thread. Children of both kinds meet parents of both kinds.

#![cfg(all(feature = "tokio", feature = "blocking"))]
#![expect(
    clippy::duplicate_mod,
    reason = "that is how the same claims come to mean both"
)]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

use std::time::Duration;

#[path = "../support/flood.rs"]
mod flood;
#[path = "../support/grandchild.rs"]
mod grandchild;
#[path = "../support/within.rs"]
mod within;

/// Long enough for a loaded machine; a test that needs it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The names of an entry point in both forms, so that each parent has a child of each kind.
macro_rules! both_kinds {
    ($entry:literal) => {
        [concat!("tasks::", $entry), concat!("threads::", $entry)]
    };
}

mod tasks;

mod threads;

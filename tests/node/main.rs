//! Real Node.js at the other end: as a child of ours, and as our parent.
//!
//! Skipped, and loudly, only where no `node` is found. `NODE` names another one.

#![cfg(all(feature = "node", feature = "tokio"))]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

mod child_of_node;
mod ends;
mod examples;
#[cfg(unix)]
mod handles;
#[cfg(unix)]
mod handles_closed;
#[cfg(all(feature = "blocking", unix))]
mod handles_of_threads;
mod messages;
mod number;
mod scripts;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tcp_handles;
#[cfg(feature = "blocking")]
mod threads;
#[cfg(feature = "blocking")]
#[path = "../support/within.rs"]
mod within;

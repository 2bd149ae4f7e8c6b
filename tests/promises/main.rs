//! The promises that have a figure, each measured and printed as a line `figure: …`.
//!
//! By default the sizes are small, so that every run of the tests checks all of them. With `OFFSPRING_PROMISES=full` they
//! are those of the promises; `.ci/promises` runs that. SECURITY.md has the table.

#![cfg(feature = "tokio")]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

mod cancellation;
mod deadlock;
mod death;
#[path = "../wire/fixtures.rs"]
#[expect(dead_code, reason = "the tests of the wire need more of it")]
mod fixtures;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/grandchild.rs"]
mod grandchild;
mod hostile;
mod name;
#[path = "../connection/support/random.rs"]
mod random;
mod stage;
#[expect(
    dead_code,
    reason = "shared; here the watchdog knows the size of the run"
)]
#[path = "../support/mod.rs"]
mod support;

// What these measure (resident memory, descriptors, wake-ups, other processes' ends) is told by /proc and pidfds, and what
// they do to a process (stop it, take its descriptors away, mount things) has no like on other systems.
#[cfg(target_os = "linux")]
mod exhaustion;
#[cfg(target_os = "linux")]
mod leaks;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod orphans;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod reuse;

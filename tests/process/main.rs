//! Parents and children over the real transport. The child is this program, started once more.

#![cfg(feature = "tokio")]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

mod channel;
mod ending;
mod family;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/grandchild.rs"]
mod grandchild;
mod held;
mod last_words;
mod many;
mod stdio;
#[path = "../support/mod.rs"]
mod support;

//! What a connection promises, tested without any system call but in `local`.

#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

mod cancellation;
#[path = "../support/changing.rs"]
mod changing;
mod close;
mod ends;
mod flow;
mod handshake;
mod helping;
mod large;
mod local;
mod receiving;
mod sending;
mod support;
mod wakers;

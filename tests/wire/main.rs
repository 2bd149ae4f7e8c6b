//! The wire by its public face: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

mod cuts;
mod fixtures;
mod golden;
mod hostile;
mod limits;
mod outbox;
mod random;

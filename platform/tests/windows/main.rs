//! What only the Windows backend has to show. `tests/contract` holds what every backend must do.
//!
//! Tests marked `#[ignore]` are entry points of child processes. Under Wine some things cannot be seen; a test that
//! leaves something out there prints what.
#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "it says what the test expects")]

mod children;
mod names;
mod pipes;
mod support;
mod system;

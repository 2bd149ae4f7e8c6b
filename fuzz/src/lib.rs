//! What libFuzzer drives: one function for each target, which takes any bytes and panics if a promise is broken.
//!
//! The tests of `offspring` compile this file too, so that every system runs the bodies with the seeds of `corpus/`,
//! without libFuzzer and without a nightly compiler.
//!
//! Most functions say in the end what becomes of the bytes: `Ok` if all of them are good, or the kind of the first
//! fault. The fuzzer does not care; the tests compare it with `corpus/verdicts.txt`.

#[cfg(feature = "tokio")]
mod connection;
mod cuts;
#[path = "../../tests/wire/fixtures.rs"]
#[expect(dead_code, reason = "the tests of the wire need more of it")]
pub(crate) mod fixtures;
mod hello;
mod name;
#[cfg(feature = "node")]
mod node;
#[cfg(feature = "node")]
mod node_stream;
mod round_trip;
mod sample;
mod scan;
mod shape;
mod stream;
mod tape;
mod types;

use offspring::ErrorKind;

#[cfg(feature = "tokio")]
pub use self::connection::connection;
pub use self::hello::hello;
pub use self::name::name;
#[cfg(feature = "node")]
pub use self::node::{node_json, node_v8};
#[cfg(feature = "node")]
pub use self::node_stream::{node_format, node_stream};
pub use self::round_trip::round_trip;
pub use self::scan::scan;
pub use self::stream::stream;

/// What becomes of the bytes.
pub type Verdict = Result<(), ErrorKind>;

/// Whether a connection goes on after this: one message was skipped.
fn is_skipped(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Malformed
            | ErrorKind::Decode
            | ErrorKind::TooDeep { .. }
            | ErrorKind::TooManyItems { .. }
    )
}

/// Whether a connection may end with this.
fn is_final(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Protocol
            | ErrorKind::Incompatible
            | ErrorKind::Refused
            | ErrorKind::TooLarge { .. }
            | ErrorKind::Truncated
            | ErrorKind::Disconnected
    )
}

/// A peer must not be able to write lines of its own into a log.
#[track_caller]
fn check_text(error: &offspring::Error) {
    let text = error.to_string();
    assert!(
        !text.is_empty() && !text.contains(char::is_control),
        "{text:?}"
    );
}

/// A seed for choices that the bytes should not spell out: the seeds of the corpus stay what a peer would send.
fn seed(bytes: &[u8]) -> u64 {
    // FNV-1a.
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Limits that a few bytes reach.
fn small_limits() -> offspring::wire::Limits {
    offspring::wire::Limits::new()
        .with_max_message(64)
        .with_max_depth(4)
        .with_max_items(16)
}

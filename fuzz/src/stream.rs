//! A stream of messages between two programs with this crate.

use offspring::ErrorKind;
use offspring::wire::{Body, Hello, Inbox, Limits};

use super::cuts::{self, Outcome, Reader};
use super::fixtures::Value;
use super::{Verdict, check_text, is_skipped, small_limits};

/// Reads the bytes as a peer's stream: whatever the cuts and whoever looks ahead, the same comes out, and an error
/// stays.
pub fn stream(bytes: &[u8]) -> Verdict {
    every_way(bytes, small_limits());
    let outcome = every_way(bytes, Limits::new());
    for body in outcome.messages() {
        decode(body, Limits::new())?;
    }
    outcome.end
}

pub(super) fn decode(body: &[u8], limits: Limits) -> Result<Value, ErrorKind> {
    Body::new(body, limits).decode().map_err(|error| {
        check_text(&error);
        assert!(is_skipped(error.kind()), "{error:?}");
        error.kind()
    })
}

/// Calls `read` with who reads such a stream.
pub(super) fn with_reader<T>(limits: Limits, read: impl FnOnce(Reader<'_>) -> T) -> T {
    let max_message = limits.max_message() as u64;
    read(Reader {
        inbox: &|| Inbox::new(limits, Hello::new().with_max_message(max_message)),
        sizes_are_told: true,
    })
}

fn every_way(bytes: &[u8], limits: Limits) -> Outcome {
    let outcome = with_reader(limits, |reader| cuts::every_way(bytes, reader));
    for body in outcome.messages() {
        let _ = decode(body, limits);
    }
    outcome
}

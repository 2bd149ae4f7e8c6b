//! Every way to get it wrong gives the right kind of error and a text that names the thing.
#![cfg(feature = "tokio")]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

mod attach;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/grandchild.rs"]
mod grandchild;
mod messages;
mod names;
mod start;
#[path = "../support/mod.rs"]
mod support;

use offspring::{Error, ErrorKind};

/// Checks the kind, what the text names, and that it is a fragment which fits after "failed to".
#[track_caller]
fn check(error: &Error, kind: ErrorKind, names: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for name in names {
        assert!(text.contains(name), "{name:?} is missing: {text}");
    }
    assert!(text.starts_with(char::is_lowercase), "{text}");
    assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
}

//! Errors of this backend.

use std::io;

pub(super) use crate::error::context;

/// Fails where tokio would panic: outside of a runtime.
pub(super) fn need_runtime(what: &str) -> io::Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other(format!(
            "{what}: it needs a tokio runtime"
        ))),
    }
}

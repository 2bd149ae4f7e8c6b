//! Errors of this backend.

pub(super) use crate::error::context;

/// Fails where tokio would panic: outside of a runtime.
#[cfg(feature = "tokio")]
pub(super) fn need_runtime(what: &str) -> std::io::Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(std::io::Error::other(format!(
            "{what}: it needs a tokio runtime"
        ))),
    }
}

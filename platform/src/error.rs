//! Errors that name what failed.

use std::fmt;
use std::io;

/// `error` with a text that names the thing; the kind stays, and `error` becomes the source.
pub(crate) fn context(error: impl Into<io::Error>, text: impl Into<String>) -> io::Error {
    let source = error.into();
    io::Error::new(
        source.kind(),
        Context {
            text: text.into(),
            source,
        },
    )
}

#[derive(Debug)]
struct Context {
    text: String,
    source: io::Error,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Context {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

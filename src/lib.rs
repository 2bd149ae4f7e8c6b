//! Cross-platform inter-process communication with a fork-equivalent.
#![forbid(unsafe_code)]

mod error;
pub mod wire;

pub use crate::error::{Error, ErrorKind, Result};

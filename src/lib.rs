//! Cross-platform inter-process communication with a fork-equivalent.
#![forbid(unsafe_code)]

#[cfg(feature = "tokio")]
mod config;
#[cfg(feature = "tokio")]
mod connection;
mod error;
#[cfg(feature = "tokio")]
mod listener;
mod name;
#[cfg(feature = "tokio")]
mod process;
#[cfg(feature = "tokio")]
mod trace;
#[cfg(feature = "tokio")]
pub mod transport;
pub mod wire;

#[cfg(feature = "tokio")]
pub use crate::config::Config;
#[cfg(feature = "tokio")]
pub use crate::connection::{Connection, Receiver, Sender};
pub use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "tokio")]
pub use crate::listener::Listener;
pub use crate::name::Name;
#[cfg(feature = "tokio")]
pub use crate::process::{Child, Command, Event, Parent, Process, Stdio, fork};

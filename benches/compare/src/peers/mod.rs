//! The contestants themselves: each has a parent's side, a [`Session`], and a child's side, an echo.

mod by_hand;
pub mod crowd;
mod ipc;
mod ours;
mod raw;
mod tarpc;
mod threads;
mod typed;
mod zero;

use std::process::Command;
use std::rc::Rc;

use anyhow::{Result, bail};
use tokio::runtime::{Builder, Runtime};

use crate::message::{Blob, SMALL, Small};

/// A child, and the way to it.
pub trait Session {
    /// Sends messages, each after the answer to the one before.
    fn round_trips(&mut self, count: u64) -> Result<()>;

    /// Sends messages and waits for the answer to the last one.
    fn stream(&mut self, count: u64) -> Result<()>;

    /// Ends the child and waits for its exit.
    fn end(self: Box<Self>) -> Result<()>;
}

/// Starts the child of a contestant.
pub fn open(name: &str, size: usize, runtime: &Rc<Runtime>) -> Result<Box<dyn Session>> {
    let rt = Rc::clone(runtime);
    let small = size <= SMALL;
    Ok(match (name, small) {
        ("raw" | "raw-roomy" | "raw-packets", _) => Box::new(raw::Blocking::open(name, size)?),
        ("raw-tokio" | "raw-tokio-multi", _) => Box::new(raw::Tokio::open(name, size, rt)?),
        ("raw-typed" | "raw-typed-feed", true) => {
            Box::new(typed::Typed::<Small>::open(name, size)?)
        }
        ("raw-typed" | "raw-typed-feed", false) => {
            Box::new(typed::Typed::<Blob>::open(name, size)?)
        }
        ("offspring-borrowed", _) => Box::new(ours::Borrowed::open(size, rt)?),
        ("offspring-blocking-borrowed", _) => Box::new(threads::Borrowed::open(name, size)?),
        (_, true) if name.starts_with("offspring-blocking") => {
            Box::new(threads::Blocking::<Small>::open(name, size)?)
        }
        (_, false) if name.starts_with("offspring-blocking") => {
            Box::new(threads::Blocking::<Blob>::open(name, size)?)
        }
        (_, true) if name.starts_with("offspring") => {
            Box::new(ours::Async::<Small>::open(name, size, rt)?)
        }
        (_, false) if name.starts_with("offspring") => {
            Box::new(ours::Async::<Blob>::open(name, size, rt)?)
        }
        ("by-hand" | "by-hand-feed", true) => {
            Box::new(by_hand::ByHand::<Small>::open(name, size, rt)?)
        }
        ("by-hand" | "by-hand-feed", false) => {
            Box::new(by_hand::ByHand::<Blob>::open(name, size, rt)?)
        }
        ("ipc-channel", true) => Box::new(ipc::Typed::<Small>::open(size)?),
        ("ipc-channel", false) => Box::new(ipc::Typed::<Blob>::open(size)?),
        ("ipc-channel-bytes", _) => Box::new(ipc::Bytes::open(size)?),
        ("tarpc", _) => Box::new(tarpc::Rpc::open(size, rt)?),
        ("zeromq", true) => Box::new(zero::Zero::<Small>::open(size, rt)?),
        ("zeromq", false) => Box::new(zero::Zero::<Blob>::open(size, rt)?),
        _ => bail!("{name:?} is not a contestant"),
    })
}

/// What the child of a contestant does.
pub fn echo(name: &str, size: usize, extra: &[String]) -> Result<()> {
    let small = size <= SMALL;
    match (name, small) {
        ("raw" | "raw-roomy" | "raw-packets", _) => raw::echo(name, size),
        ("raw-tokio" | "raw-tokio-multi", _) => runtime(name)?.block_on(raw::echo_tokio(size)),
        ("raw-typed", true) => typed::echo::<Small>(),
        ("raw-typed", false) => typed::echo::<Blob>(),
        ("offspring-borrowed", _) => runtime(name)?.block_on(ours::echo_borrowed()),
        ("offspring-blocking-borrowed", _) => threads::echo_borrowed(),
        (_, true) if name.starts_with("offspring-blocking") => threads::echo::<Small>(name),
        (_, false) if name.starts_with("offspring-blocking") => threads::echo::<Blob>(name),
        ("crowd-raw-tokio", _) => runtime(name)?.block_on(crowd::serve_raw(&extra[0])),
        ("crowd-offspring", _) => runtime(name)?.block_on(crowd::serve_ours(&extra[0])),
        (_, true) if name.starts_with("offspring") => {
            runtime(name)?.block_on(ours::echo::<Small>(name))
        }
        (_, false) if name.starts_with("offspring") => {
            runtime(name)?.block_on(ours::echo::<Blob>(name))
        }
        ("by-hand" | "by-hand-feed", true) => {
            runtime(name)?.block_on(by_hand::echo::<Small>(&extra[0]))
        }
        ("by-hand" | "by-hand-feed", false) => {
            runtime(name)?.block_on(by_hand::echo::<Blob>(&extra[0]))
        }
        ("ipc-channel", true) => ipc::echo::<Small>(&extra[0]),
        ("ipc-channel", false) => ipc::echo::<Blob>(&extra[0]),
        ("ipc-channel-bytes", _) => ipc::echo_bytes(&extra[0]),
        ("tarpc", _) => runtime(name)?.block_on(tarpc::serve(&extra[0])),
        ("zeromq", true) => runtime(name)?.block_on(zero::echo::<Small>(&extra[0])),
        ("zeromq", false) => runtime(name)?.block_on(zero::echo::<Blob>(&extra[0])),
        _ => bail!("{name:?} has no child"),
    }
}

/// The runtime that a contestant says it uses.
pub fn runtime(name: &str) -> Result<Runtime> {
    let mut builder = if name.ends_with("-multi") {
        Builder::new_multi_thread()
    } else {
        Builder::new_current_thread()
    };
    Ok(builder.worker_threads(2).enable_all().build()?)
}

/// This program in the role of a contestant's child.
fn echo_args(name: &str, size: usize) -> [String; 3] {
    ["echo".into(), name.into(), size.to_string()]
}

fn echo_command(name: &str, size: usize) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(echo_args(name, size));
    Ok(command)
}

/// A place for a socket that vanishes with the session.
fn socket_folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("compare").tempdir()?)
}

/// The first bytes of a raw message.
const WANT_REPLY: u8 = 1;
const NO_REPLY: u8 = 0;

/// How many messages are joined by those who join.
const JOIN: u64 = 64;

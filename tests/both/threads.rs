//! The blocking API.

use std::sync::mpsc;

use offspring::blocking::Listener;
pub(super) use offspring::blocking::{Command, Connection, Parent};
use offspring::{Config, Name, Result};

macro_rules! wait {
    ($call:expr) => {
        $call
    };
}

macro_rules! spawn {
    ($work:block) => {
        std::thread::spawn(move || $work)
    };
}

macro_rules! join {
    ($handle:expr) => {
        $handle.join().unwrap()
    };
}

macro_rules! claim {
    ($(#[$meta:meta])* fn $name:ident() $body:block) => {
        $(#[$meta])*
        #[test]
        fn $name() -> offspring::Result<()> {
            super::within(|| {
                $body
                Ok(())
            })
        }
    };
}

/// Fails instead of hanging.
pub(super) fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = std::thread::spawn(move || done.send(work()));
    match result.recv_timeout(crate::WATCHDOG) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        // It panicked.
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

/// Two ends of a connection by name.
pub(super) fn pair<T: ?Sized, R, U: ?Sized, S>(
    config: Config,
    peer: Config,
) -> Result<(Connection<T, R>, Connection<U, S>)> {
    let mut listener = Listener::bind_with(&Name::unique()?, peer)?;
    let left = Connection::connect_with(listener.name(), config)?;
    Ok((left, listener.accept()?))
}

#[path = "children.rs"]
mod children;
#[path = "messages.rs"]
mod messages;

//! The blocking API.

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
            crate::within::within(|| {
                $body
                Ok(())
            })
        }
    };
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

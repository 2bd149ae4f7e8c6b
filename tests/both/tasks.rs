//! The async API.

pub(super) use offspring::{Command, Connection, Parent};
use offspring::{Config, Listener, Name, Result};

macro_rules! wait {
    ($call:expr) => {
        $call.await
    };
}

macro_rules! spawn {
    ($work:block) => {
        tokio::spawn(async move { $work })
    };
}

macro_rules! join {
    ($handle:expr) => {
        $handle.await.unwrap()
    };
}

macro_rules! claim {
    ($(#[$meta:meta])* fn $name:ident() $body:block) => {
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> offspring::Result<()> {
            let work = async {
                $body
                Ok(())
            };
            tokio::time::timeout(crate::WATCHDOG, work).await.expect("the test hangs")
        }
    };
}

/// Two ends of a connection by name.
pub(super) async fn pair<T: ?Sized, R, U: ?Sized, S>(
    config: Config,
    peer: Config,
) -> Result<(Connection<T, R>, Connection<U, S>)> {
    let mut listener = Listener::bind_with(&Name::unique()?, peer)?;
    let left = Connection::connect_with(listener.name(), config).await?;
    Ok((left, listener.accept().await?))
}

#[path = "children.rs"]
mod children;
#[path = "messages.rs"]
mod messages;

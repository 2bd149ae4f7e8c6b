//! What the feature `tracing` tells: what the program itself is not told.
#![cfg(all(feature = "tokio", feature = "tracing"))]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

#[path = "support/log.rs"]
mod log;
#[path = "support/mod.rs"]
mod support;

use offspring::{Child, Config, Connection, ErrorKind, Listener, Name, Parent, Result};

use crate::log::Log;
use crate::support::{role, within};

#[tokio::test]
async fn a_client_too_many_is_told_of() -> Result<()> {
    within(async {
        let log = Log::of_this_program();
        let name = Name::unique()?;
        let config = Config::new().max_connections(0);
        let mut listener = Listener::bind_with(&name, config)?;
        let mut client = Connection::<u64, u64>::connect(&name).await?;
        let error = tokio::select! {
            _ = listener.accept::<u64, u64>() => panic!("there is no place"),
            answer = client.recv() => answer.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Refused);
        let name = name.to_string();
        assert_eq!(log.count(&["WARN refused a client of", &name, "(0)"]), 1);
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_waits() -> Result<()> {
    let mut parent = Parent::<(), ()>::attach()?;
    while parent.recv().await?.is_some() {}
    parent.close().await
}

#[tokio::test]
async fn a_child_that_is_killed_by_a_drop_is_told_of() -> Result<()> {
    within(async {
        let log = Log::of_this_program();
        // `kill_on_drop` is set.
        let mut ended: Child<(), ()> = role("child_waits").spawn()?;
        assert!(ended.wait().await?.success());
        let id = format!("(pid {})", ended.id());
        drop(ended);
        assert_eq!(log.count(&["killed", &id]), 0);

        let running: Child<(), ()> = role("child_waits").spawn()?;
        let id = format!("(pid {})", running.id());
        drop(running);
        assert_eq!(log.count(&["DEBUG killed", &id, "dropped"]), 1);
        Ok(())
    })
    .await
}

//! What the feature `tracing` tells: what the program itself is not told.
#![cfg(all(feature = "tokio", feature = "tracing"))]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

#[path = "support/mod.rs"]
mod support;

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use offspring::{Child, Config, Connection, ErrorKind, Listener, Name, Parent, Result};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing::{Event, Metadata, Subscriber};

use crate::support::{role, within};

/// Keeps the events of this program, each as a line of its level and text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn of_this_program() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            set_global_default(log.clone()).unwrap();
            log
        })
    }

    /// How many lines have all of this in them.
    fn count(&self, parts: &[&str]) -> usize {
        let lines = self.0.lock().unwrap();
        let has_all = |line: &&String| parts.iter().all(|part| line.contains(part));
        lines.iter().filter(has_all).count()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("offspring")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {value:?}").unwrap();
    }
}

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

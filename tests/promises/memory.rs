//! Promise: memory is bounded per peer, whatever that peer does not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use offspring::{Child, Config, Connection, ErrorKind, Parent, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::gate::{self, Gate};
use crate::proc::{forget_peak, memory, mib, peak};
use crate::stage::{Parcel, alone, size, within};
use crate::support::role;

const MESSAGE: usize = 1 << 20;
const LIMIT: u64 = 16 << 20;

/// Counts the parcels that came whole, and each once.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_counts() -> Result<()> {
    let mut parent = Parent::<u64, Parcel>::attach()?;
    count(&mut parent).await
}

async fn count(parent: &mut Parent<u64, Parcel>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    while let Some(parcel) = parent.recv().await? {
        assert!(parcel.is_whole() && seen.insert(parcel.number));
    }
    parent.send(&(seen.len() as u64)).await?;
    parent.close().await
}

fn signal(child: &Child<Parcel, u64>, signal: Signal) {
    // Not reaped, so the id is its own.
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_stopped_reader_costs_its_writer_no_memory() {
    alone("memory::parent_of_a_stopped_child").await;
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn parent_of_a_stopped_child() -> Result<()> {
    within(async {
        let count = size(32, 1024);
        let mut child = role("memory::child_counts").spawn::<Parcel, u64>()?;
        child.ready().await?;
        signal(&child, Signal::STOP);
        let before = memory(std::process::id());
        forget_peak();

        let (mut taken, mut refused) = (0, 0);
        for _ in 0..count {
            match child.try_send(&Parcel::new(taken, MESSAGE)) {
                Ok(()) => taken += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Full);
                    refused += 1;
                }
            }
        }
        let tried = peak().saturating_sub(before);
        assert!(refused > 0 && tried <= LIMIT, "{taken}, {refused}, {tried}");

        // As much again by tasks that all send at once; their parcels are made one at a time, as room is found.
        let (child, mut process) = child.into_parts();
        let (sender, mut receiver) = child.split();
        let next = Arc::new(AtomicU64::new(taken));
        let mut tasks = JoinSet::new();
        forget_peak();
        for _ in 0..4 {
            let (sender, next) = (sender.clone(), Arc::clone(&next));
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, offspring::Error>(());
                    }
                    sender.send(&Parcel::new(number, MESSAGE)).await?;
                }
            });
        }
        // That nothing happens is no event.
        let window = size(Duration::from_millis(300), Duration::from_secs(3));
        assert!(timeout(window, tasks.join_next()).await.is_err());
        let waited = peak().saturating_sub(before);
        assert!(waited <= LIMIT, "{waited}");

        kill_process(Pid::from_raw(process.id() as i32).unwrap(), Signal::CONT).unwrap();
        while let Some(done) = tasks.join_next().await {
            done.unwrap()?;
        }
        sender.disconnect();
        assert_eq!(receiver.recv().await?, Some(count));
        assert_eq!(receiver.recv().await?, None);
        assert!(process.wait().await?.success());
        println!(
            "figure: memory: {count} MiB offered to a stopped child: try_send took {taken} MiB, +{}; \
             4 tasks in send, +{}; afterwards {count} of {count} arrived intact, +{} at most",
            mib(tried),
            mib(waited),
            mib(peak().saturating_sub(before))
        );
        Ok(())
    })
    .await
}

/// Is offered parcels and takes none until the gate closes.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_looks_away() -> Result<()> {
    let mut parent = Parent::<u64, Parcel>::attach()?;
    let mut gate = gate::report().await?;
    gate.send("here").await?;
    gate.recv().await?;
    count(&mut parent).await
}

#[tokio::test]
async fn a_reader_that_does_not_receive_keeps_its_memory() -> Result<()> {
    within(async {
        let count = size(24, 256);
        let mut gate = Gate::open()?;
        let mut command = role("memory::child_looks_away");
        let mut child = gate.show(&mut command).spawn::<Parcel, u64>()?;
        let mut report: Connection<str, String> = gate.accept().await?;
        assert_eq!(report.recv().await?.as_deref(), Some("here"));
        let before = memory(child.id());

        let sender = child.sender();
        let task = tokio::spawn(async move {
            for number in 0..count {
                sender.send(&Parcel::new(number, MESSAGE)).await?;
            }
            Ok::<_, offspring::Error>(())
        });
        let window = size(Duration::from_millis(300), Duration::from_secs(2));
        // It answers at the gate all the while, so it is alive and polled.
        tokio::time::sleep(window).await;
        assert!(!task.is_finished());
        let grown = memory(child.id()).saturating_sub(before);
        assert!(grown <= LIMIT, "{grown}");

        report.disconnect();
        task.await.unwrap()?;
        child.disconnect();
        assert_eq!(child.recv().await?, Some(count));
        assert!(child.wait().await?.success());
        println!(
            "figure: memory: {count} MiB offered to a child that does not receive: it grew by {}; \
             afterwards {count} of {count} arrived intact",
            mib(grown)
        );
        Ok(())
    })
    .await
}

/// How much a child that is blocked reads aside, in MiB. 128 is the default.
fn child_takes() -> usize {
    size(16, 128)
}

/// Sends for ever, and never receives.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_only_sends() -> Result<()> {
    let config = Config::new().read_ahead(child_takes() << 20);
    let parent = Parent::<Parcel, Parcel>::attach_with(config)?;
    for number in 0.. {
        match parent.send(&Parcel::new(number, MESSAGE)).await {
            Ok(()) => {}
            // The other side gave up first.
            Err(_) => break,
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_blocked_send_reads_aside_is_bounded() {
    alone("memory::parent_only_sends").await;
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn parent_only_sends() -> Result<()> {
    within(async {
        let ahead = 4 << 20;
        let config = Config::new()
            .read_ahead(ahead)
            .stall_timeout(Duration::from_millis(200));
        let mut child = role("memory::child_only_sends")
            .config(config)
            .spawn::<Parcel, Parcel>()?;
        child.ready().await?;
        let before = memory(std::process::id());
        forget_peak();
        // The child reads aside up to its limit; then nobody reads any more.
        let mut sent = 0;
        let error = loop {
            match child.send(&Parcel::new(sent, MESSAGE)).await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Stalled);
        let grown = peak().saturating_sub(before);
        assert!(grown <= LIMIT + ahead as u64, "{grown}");
        println!(
            "figure: memory: both sides only send: the child took {sent} MiB aside (its limit is {}), \
             then the parent's send said Stalled; with a limit of {} it grew by {}",
            child_takes(),
            mib(ahead as u64),
            mib(grown)
        );
        child.kill().await?;
        Ok(())
    })
    .await
}

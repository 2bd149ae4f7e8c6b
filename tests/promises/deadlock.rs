//! Promise: no deadlock of our own making.

use std::time::Instant;

use offspring::{Child, Parent, Result};

use crate::stage::{Parcel, size, within};
use crate::support::role;

const MESSAGE: usize = 1_000_000;

fn count() -> u64 {
    size(8, 100)
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_sends_before_it_receives() -> Result<()> {
    let mut parent = Parent::<Parcel, Parcel>::attach()?;
    for number in 0..count() {
        parent.send(&Parcel::new(number, MESSAGE)).await?;
    }
    for number in 0..count() {
        let parcel = parent.recv().await?.unwrap();
        assert!(parcel.number == number && parcel.is_whole());
    }
    parent.close().await
}

#[tokio::test]
async fn both_sides_may_send_everything_before_they_receive() -> Result<()> {
    within(async {
        let mut child = role("deadlock::child_sends_before_it_receives").spawn::<Parcel, Parcel>()?;
        child.ready().await?;
        let begin = Instant::now();
        for number in 0..count() {
            child.send(&Parcel::new(number, MESSAGE)).await?;
        }
        let sent = begin.elapsed();
        for number in 0..count() {
            let parcel = child.recv().await?.unwrap();
            assert!(parcel.number == number && parcel.is_whole());
        }
        assert_eq!(child.recv().await?.map(|parcel| parcel.number), None);
        assert!(child.wait().await?.success());
        println!(
            "figure: deadlock: {0} MB each way, sent before anything was received: sent in {sent:.1?}, all there in {1:.1?}",
            count(),
            begin.elapsed()
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_echoes() -> Result<()> {
    let mut parent = Parent::<u64, u64>::attach()?;
    while let Some(number) = parent.recv().await? {
        parent.send(&number).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn a_crowd_of_children_is_started_asked_and_reaped() -> Result<()> {
    within(async {
        let crowd = size(20, 1_000);
        let begin = Instant::now();
        let mut command = role("deadlock::child_echoes");
        let mut children: Vec<Child<u64, u64>> = Vec::new();
        for number in 0..crowd {
            let child = command.spawn()?;
            child.try_send(&number)?;
            children.push(child);
        }
        for (number, child) in (0..).zip(&mut children) {
            assert_eq!(child.recv().await?, Some(number));
        }
        let asked = begin.elapsed();
        for child in &children {
            child.disconnect();
        }
        for child in &mut children {
            assert!(child.wait().await?.success());
        }
        println!(
            "figure: deadlock: {crowd} children at once: all had answered after {asked:.1?}, all were reaped after {:.1?}",
            begin.elapsed()
        );
        Ok(())
    })
    .await
}

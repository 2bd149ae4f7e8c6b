//! Promise: no deadlock of our own making.

use std::time::Instant;

use offspring::{Parent, Result};

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

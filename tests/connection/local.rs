//! The same over a real socket or pipe.

use std::time::Duration;

use offspring::{Connection, ErrorKind, Listener, Name, Result};
use tokio::runtime::{Builder, Runtime};

use crate::flow::{exchange, impatience, streams};
use crate::support::{kind, watchdog};

/// Two ends of a fresh name.
async fn pair<A: ?Sized, B, C: ?Sized, D>() -> (Connection<A, B>, Connection<C, D>) {
    let name = Name::unique().unwrap();
    let mut listener = Listener::bind(&name).unwrap();
    let (left, right) = tokio::join!(Connection::connect(&name), listener.accept());
    (left.unwrap(), right.unwrap())
}

type Text = Connection<str, String>;

#[tokio::test]
async fn both_sides_send_fifty_megabytes_before_they_receive() {
    let _watchdog = watchdog();
    let (left, right) = pair().await;
    exchange(left, right, 50 * 1024 * 1024).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_streams_each_way_run_beside_each_other() {
    let _watchdog = watchdog();
    let (left, right) = pair().await;
    streams(left, right).await;
}

#[tokio::test]
async fn numbers_both_ways_survive_impatience() {
    let _watchdog = watchdog();
    let (left, right) = pair().await;
    impatience(left, right, 20_000).await;
}

#[tokio::test]
async fn recv_tells_a_goodbye_from_a_crash() -> Result<()> {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let (left, mut right): (Text, Text) = pair().await;
        left.try_send("the last words")?;
        drop(left);
        assert_eq!(right.recv().await?.as_deref(), Some("the last words"));
        assert_eq!(right.recv().await?, None);

        let (left, mut right): (Text, Text) = pair().await;
        left.try_send("the last words")?;
        left.abort();
        assert_eq!(right.recv().await?.as_deref(), Some("the last words"));
        assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
    }
    Ok(())
}

#[tokio::test]
async fn what_was_sent_arrives_although_the_sender_never_read() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right): (Text, Text) = pair().await;
    right.send("nobody reads this").await?;
    left.send("one").await?;
    left.send("two").await?;
    drop(left);
    assert_eq!(right.recv().await?.as_deref(), Some("one"));
    assert_eq!(right.recv().await?.as_deref(), Some("two"));
    assert_eq!(right.recv().await?, None);
    assert_eq!(kind(right.close().await), ErrorKind::Disconnected);
    Ok(())
}

#[tokio::test]
async fn sending_to_the_dead_is_an_error_every_time() {
    let _watchdog = watchdog();
    let (left, mut right): (Text, Text) = pair().await;
    left.abort();
    assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
    for _ in 0..10 {
        assert_eq!(kind(right.send("more").await), ErrorKind::Disconnected);
        assert_eq!(kind(right.try_send("more")), ErrorKind::Disconnected);
    }
}

#[tokio::test]
async fn close_means_taken() -> Result<()> {
    let _watchdog = watchdog();
    for count in [0, 1, 500] {
        let (mut left, mut right) = pair::<u32, (), (), u32>().await;
        let reader = tokio::spawn(async move {
            let mut taken = 0;
            while right.recv().await?.is_some() {
                taken += 1;
            }
            Ok::<u32, offspring::Error>(taken)
        });
        for number in 0..count {
            left.send(&number).await?;
        }
        left.close().await?;
        drop(left);
        assert_eq!(reader.await.unwrap()?, count);
    }
    Ok(())
}

#[tokio::test]
async fn an_abort_is_noticed_although_others_still_hold_a_sender() {
    let _watchdog = watchdog();
    let (left, mut right): (Text, Text) = pair().await;
    let sender = left.sender();
    left.abort();
    assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
    assert_eq!(kind(sender.send("more").await), ErrorKind::Disconnected);
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn the_two_ends_may_live_in_two_runtimes() {
    let _watchdog = watchdog();
    let (one, other) = (runtime(), runtime());
    let (left, mut right): (Text, Text) = one.block_on(pair());
    // Its socket belongs to the first runtime, whoever polls it.
    let echo = other.spawn(async move {
        while let Some(text) = right.recv().await.unwrap() {
            right.send(&text).await.unwrap();
        }
    });
    let long = "x".repeat(3_000_000);
    one.block_on(async {
        let mut left = left;
        for _ in 0..3 {
            left.send(&long).await.unwrap();
            assert_eq!(left.recv().await.unwrap().as_ref(), Some(&long));
        }
    });
    other.block_on(echo).unwrap();
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_traffic_ends_the_connection() {
    let _watchdog = watchdog();
    for background in [false, true] {
        let dying = runtime();
        let (left, mut right): (Text, Text) = dying.block_on(pair());
        let endless = dying.spawn(async move {
            loop {
                left.send(&"x".repeat(100_000)).await.unwrap();
            }
        });
        dying.block_on(async { right.recv().await.unwrap() });
        if background {
            dying.shutdown_background();
        } else {
            dying.shutdown_timeout(Duration::from_secs(5));
        }
        drop(endless);
        // Outside of any runtime, whose socket has lost its reactor: an error or nothing, but no panic.
        let _ = right.try_send("still there?");
        while let Ok(Some(_)) = right.try_recv() {}
        drop(right);
    }
}

#[tokio::test]
async fn a_connection_may_be_dropped_outside_of_its_runtime() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right): (Text, Text) = pair().await;
    left.try_send("from here")?;
    std::thread::spawn(move || {
        left.try_send("from there").unwrap();
        drop(left);
    })
    .join()
    .unwrap();
    assert_eq!(right.recv().await?.as_deref(), Some("from here"));
    assert_eq!(right.recv().await?.as_deref(), Some("from there"));
    assert_eq!(right.recv().await?, None);
    Ok(())
}

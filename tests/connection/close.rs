//! `close`: `Ok` means that everything was taken.

use offspring::transport::Memory;
use offspring::{Config, Connection, ErrorKind, Result};
use tokio::time::Instant;

use crate::support::{Played, Script, connections, kind, played, watchdog};

type Numbers = Connection<u32, u32, Memory>;

fn numbers() -> (Numbers, Numbers) {
    Connection::memory::<u32, u32>()
}

#[tokio::test]
async fn close_waits_until_everything_was_taken() -> Result<()> {
    let _watchdog = watchdog();
    for count in [0, 1, 100, 50_000] {
        let (mut left, mut right) = numbers();
        let reader = tokio::spawn(async move {
            let mut taken = 0;
            while right.recv().await?.is_some() {
                taken += 1;
            }
            Ok::<u32, offspring::Error>(taken)
        });
        for number in 0..count {
            left.feed(&number).await?;
        }
        left.close().await?;
        drop(left);
        assert_eq!(reader.await.unwrap()?, count);
    }
    Ok(())
}

#[tokio::test]
async fn close_may_be_called_again() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    left.send(&1).await?;
    {
        let mut closing = std::pin::pin!(left.close());
        tokio::select! {
            biased;
            _ = &mut closing => unreachable!("nobody has taken the message"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(right.recv().await?, Some(1));
    assert_eq!(right.recv().await?, None);
    left.close().await?;
    left.close().await
}

#[tokio::test(start_paused = true)]
async fn close_gives_up_on_a_side_that_never_receives_and_counts() {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    for number in 0..5 {
        left.send(&number).await.unwrap();
    }
    right.recv().await.unwrap();
    right.recv().await.unwrap();
    let begin = Instant::now();
    let error = left.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert!(error.to_string().contains("of 5 messages"), "{error}");

    // The goodbye was said all the same.
    for number in 2..5 {
        assert_eq!(right.recv().await.unwrap(), Some(number));
    }
    assert_eq!(right.recv().await.unwrap(), None);
    left.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_does_not_wait_for_a_side_that_takes_no_bytes() {
    let _watchdog = watchdog();
    let Played {
        mut connection,
        to,
        from,
        ..
    } = played::<u32, u32>(Config::new());
    to.put(&Script::new().bytes());
    from.freeze();
    connection.try_send(&1).unwrap();
    assert_eq!(kind(connection.close().await), ErrorKind::Timeout);
}

#[tokio::test]
async fn both_may_close_at_once_when_all_was_taken() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    left.send(&1).await?;
    right.send(&2).await?;
    assert_eq!(
        (left.recv().await?, right.recv().await?),
        (Some(2), Some(1))
    );
    let (left, right) = tokio::join!(left.close(), right.close());
    left.and(right)
}

#[tokio::test]
async fn both_may_close_at_once_with_messages_left_and_are_told() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    for number in 0..3 {
        left.send(&number).await?;
        right.send(&number).await?;
    }
    left.recv().await?;
    let (first, second) = tokio::join!(left.close(), right.close());
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    assert_eq!(
        (first.kind(), second.kind()),
        (ErrorKind::Disconnected, ErrorKind::Disconnected)
    );
    assert!(first.to_string().contains("0 of 3 messages"), "{first}");
    assert!(second.to_string().contains("1 of 3 messages"), "{second}");

    // What was not taken can still be received, and then everything was taken after all.
    for number in 1..3 {
        assert_eq!(left.recv().await?, Some(number));
    }
    assert_eq!(left.recv().await?, None);
    right.close().await?;
    for number in 0..3 {
        assert_eq!(right.recv().await?, Some(number));
    }
    assert_eq!(right.recv().await?, None);
    left.close().await
}

#[tokio::test(start_paused = true)]
async fn both_are_told_also_over_a_narrow_pipe() -> Result<()> {
    let _watchdog = watchdog();
    for capacity in [1, 5, 13, 20] {
        let pair = connections::<u32, u32, u32, u32>(capacity, Config::new());
        let (mut left, mut right) = (pair.left, pair.right);
        for number in 0..3 {
            left.feed(&number).await?;
            right.feed(&number).await?;
        }
        let (first, second) = tokio::join!(left.close(), right.close());
        assert_eq!(kind(first), ErrorKind::Disconnected);
        assert_eq!(kind(second), ErrorKind::Disconnected);
    }
    Ok(())
}

#[tokio::test]
async fn close_after_the_goodbye_of_the_other_side_knows_what_was_taken() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    left.send(&1).await?;
    assert_eq!(right.recv().await?, Some(1));
    drop(right);
    assert_eq!(left.recv().await?, None);
    left.close().await?;

    let (mut left, right) = numbers();
    left.send(&1).await?;
    drop(right);
    assert_eq!(left.recv().await?, None);
    let error = left.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.to_string().contains("0 of 1 messages"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_side_that_crashes_has_not_taken_anything_for_sure() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    left.send(&1).await?;
    assert_eq!(right.recv().await?, Some(1));
    right.abort();
    assert_eq!(kind(left.close().await), ErrorKind::Disconnected);
    Ok(())
}

#[tokio::test]
async fn close_leaves_unread_messages_to_be_received() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = numbers();
    for number in 0..1000 {
        right.send(&number).await?;
    }
    left.send(&7).await?;
    let closing = tokio::spawn(async move { left.close().await.map(|()| left) });
    assert_eq!(right.recv().await?, Some(7));
    assert_eq!(right.recv().await?, None);
    let mut left = closing.await.unwrap()?;
    drop(right);
    for number in 0..1000 {
        assert_eq!(left.recv().await?, Some(number));
    }
    assert_eq!(left.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_message_that_could_not_be_read_was_taken() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = Connection::<str, (), Memory>::memory::<(), u32>();
    left.send("not a number").await?;
    left.disconnect();
    assert_eq!(kind(right.recv().await), ErrorKind::Decode);
    assert_eq!(right.recv().await?, None);
    left.close().await
}

#[tokio::test]
async fn closing_with_the_smallest_read_ahead_works() -> Result<()> {
    let _watchdog = watchdog();
    let (near, far) = Memory::pair();
    let mut left = Numbers::with_config(near, Config::new().read_ahead(0));
    let mut right = Numbers::new(far);
    left.send(&1).await?;
    tokio::spawn(async move { while right.recv().await.unwrap().is_some() {} });
    left.close().await
}

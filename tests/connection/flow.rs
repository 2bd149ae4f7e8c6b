//! Two sides that send before they receive, and a side that never does.

use std::time::Duration;

use offspring::transport::{Memory, Transport};
use offspring::{Config, Connection, ErrorKind, Result};
use serde_bytes::{ByteBuf, Bytes};
use tokio::time::{Instant, sleep};

use crate::support::{Item, Joined, Played, Random, Script, connections, kind, played, watchdog};

const MEGABYTE: usize = 1024 * 1024;

type Blobs<T> = Connection<Bytes, ByteBuf, T>;

#[tokio::test]
async fn both_sides_send_a_hundred_megabytes_before_they_receive() {
    let _watchdog = watchdog();
    let (left, right) = Memory::pair();
    exchange(Blobs::new(left), Blobs::new(right), 100 * MEGABYTE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_send_first_on_two_threads() {
    let _watchdog = watchdog();
    let (left, right) = Memory::pair();
    exchange(Blobs::new(left), Blobs::new(right), 30 * MEGABYTE).await;
}

/// Each side sends so many bytes, and only then begins to receive.
pub(crate) async fn exchange<T: Transport>(left: Blobs<T>, right: Blobs<T>, bytes: usize) {
    let side = |mut connection: Blobs<T>, seed: u64| async move {
        let mut random = Random::new(seed);
        let mut sent = Vec::new();
        while sent.iter().sum::<usize>() < bytes {
            let length = random.below(2 * MEGABYTE);
            connection
                .send(Bytes::new(&vec![length as u8; length]))
                .await?;
            sent.push(length);
        }
        connection.disconnect();
        let mut received = Vec::new();
        while let Some(blob) = connection.recv().await? {
            assert!(blob[..] == vec![blob.len() as u8; blob.len()][..]);
            received.push(blob.len());
        }
        connection.flush().await?;
        Ok::<_, offspring::Error>((sent, received))
    };
    let (left, right) = (tokio::spawn(side(left, 1)), tokio::spawn(side(right, 2)));
    let (left, right) = (left.await.unwrap().unwrap(), right.await.unwrap().unwrap());
    assert!(left.0 == right.1 && right.0 == left.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_streams_each_way_run_beside_each_other() {
    let _watchdog = watchdog();
    let (left, right) = Memory::pair();
    streams(Connection::new(left), Connection::new(right)).await;
}

type Chunks<T> = Connection<(usize, usize, ByteBuf), (usize, usize, ByteBuf), T>;

/// Eight tasks on each side send, and one receives.
pub(crate) async fn streams<T: Transport>(left: Chunks<T>, right: Chunks<T>) {
    let mut tasks = Vec::new();
    for connection in [left, right] {
        let (sender, mut receiver) = connection.split();
        for stream in 0..8 {
            let sender = sender.clone();
            tasks.push(tokio::spawn(async move {
                for number in 0..100 {
                    let blob = ByteBuf::from(vec![number as u8; 10_000]);
                    sender.send(&(stream, number, blob)).await.unwrap();
                }
            }));
        }
        tasks.push(tokio::spawn(async move {
            let mut next = [0; 8];
            while let Some((stream, number, blob)) = receiver.recv().await.unwrap() {
                assert_eq!(number, next[stream]);
                assert!(blob[..] == [number as u8; 10_000]);
                next[stream] += 1;
            }
            assert_eq!(next, [100; 8]);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_hundred_thousand_messages_survive_impatience() {
    let _watchdog = watchdog();
    let (left, right) = Memory::pair();
    impatience(Connection::new(left), Connection::new(right), 50_000).await;
}

/// Both sides send numbers, receive them under a deadline that often has passed already, and miss none.
pub(crate) async fn impatience<T: Transport>(
    left: Connection<u32, u32, T>,
    right: Connection<u32, u32, T>,
    count: u32,
) {
    let side = |connection: Connection<u32, u32, T>, seed: u64| async move {
        let (sender, mut receiver) = connection.split();
        let mut random = Random::new(seed);
        let (mut sent, mut received) = (0, 0);
        while sent < count || received < count {
            if sent < count {
                // Fed or not: the answer says which.
                tokio::select! {
                    biased;
                    result = sender.feed(&sent) => {
                        result.unwrap();
                        sent += 1;
                    }
                    () = std::future::ready(()) => {}
                }
                if random.below(8) == 0 {
                    tokio::select! {
                        biased;
                        result = sender.flush() => result.unwrap(),
                        () = tokio::task::yield_now() => {}
                    }
                }
            } else {
                sender.flush().await.unwrap();
            }
            tokio::select! {
                biased;
                number = receiver.recv() => {
                    assert_eq!(number.unwrap(), Some(received));
                    received += 1;
                }
                () = tokio::task::yield_now(), if sent < count => {}
            }
        }
        drop(sender);
        assert_eq!(receiver.recv().await.unwrap(), None);
    };
    let (left, right) = (tokio::spawn(side(left, 1)), tokio::spawn(side(right, 2)));
    left.await.unwrap();
    right.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_send_stalls_when_nobody_reads_and_its_message_is_kept() -> Result<()> {
    let _watchdog = watchdog();
    let limit = Duration::from_secs(3);
    let config = Config::new().read_ahead(1000).stall_timeout(limit);
    let Joined {
        left,
        mut right,
        there,
        ..
    } = connections::<Item, u32, u32, Vec<u32>>(100_000, config);
    there.freeze();
    for number in 0..1000 {
        right.feed(&number).await?;
    }
    right.flush().await?;

    let begin = Instant::now();
    assert_eq!(kind(left.send(&Item::Number(1)).await), ErrorKind::Stalled);
    assert_eq!(begin.elapsed().as_secs(), 3);
    assert_eq!(kind(left.flush().await), ErrorKind::Stalled);
    assert_eq!(begin.elapsed().as_secs(), 6);

    there.thaw();
    left.send(&Item::Number(2)).await?;
    assert_eq!(right.recv().await?, Some(vec![1]));
    assert_eq!(right.recv().await?, Some(vec![2]));
    let (_sender, mut receiver) = left.split();
    for number in 0..1000 {
        assert_eq!(receiver.recv().await?, Some(number));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_send_that_stalls_says_whether_its_message_was_taken() -> Result<()> {
    let _watchdog = watchdog();
    let config = Config::new().read_ahead(1).send_buffer(100);
    let pair = connections::<Item, u32, u32, Vec<u32>>(1000, config);
    let (left, mut right, there) = (pair.left, pair.right, pair.there);
    there.freeze();
    right.send(&1).await?;

    let taken = left.send(&Item::Bytes(200)).await.unwrap_err();
    let refused = left.send(&Item::Number(1)).await.unwrap_err();
    assert_eq!(
        (taken.kind(), refused.kind()),
        (ErrorKind::Stalled, ErrorKind::Stalled)
    );
    assert!(!taken.to_string().contains("not taken"), "{taken}");
    assert!(refused.to_string().contains("not taken"), "{refused}");

    there.thaw();
    left.send(&Item::Number(2)).await?;
    right
        .recv_with(|body| assert_eq!(body.bytes().len(), 200))
        .await?;
    assert_eq!(right.recv().await?, Some(vec![2]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn any_progress_puts_the_stall_off() -> Result<()> {
    let _watchdog = watchdog();
    let config = Config::new().read_ahead(10);
    let Joined {
        left, right, there, ..
    } = connections::<Item, u32, u32, Vec<u32>>(1000, config);
    right.send(&1).await?;
    right.send(&2).await?;
    there.widen(0);
    let full = left.send(&Item::Bytes(5000));
    let slow = async {
        for _ in 0..6 {
            sleep(Duration::from_secs(9)).await;
            there.take();
            there.widen(1000);
            // Whoever of the two is polled first.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            there.widen(0);
        }
    };
    let (result, ()) = tokio::join!(full, slow);
    result
}

#[tokio::test(start_paused = true)]
async fn a_send_waits_for_a_slow_side_as_long_as_it_takes() -> Result<()> {
    let _watchdog = watchdog();
    let Joined {
        left,
        mut right,
        there,
        ..
    } = connections::<Item, u32, u32, Vec<u32>>(1000, Config::new());
    there.freeze();
    let message = Item::Number(1);
    let sending = left.send(&message);
    let later = async {
        sleep(Duration::from_secs(24 * 3600)).await;
        there.thaw();
    };
    let (result, ()) = tokio::join!(sending, later);
    result?;
    assert_eq!(right.recv().await?, Some(vec![1]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_side_without_a_receiver_never_stalls() -> Result<()> {
    let _watchdog = watchdog();
    let config = Config::new().read_ahead(1000);
    let Played {
        connection,
        to,
        from,
        ..
    } = played::<Item, u32>(config);
    let (sender, receiver) = connection.split();
    drop(receiver);
    from.freeze();
    let mut script = Script::new();
    for number in 0..1000 {
        script = script.message(number);
    }
    to.put(&script.bytes());
    let thaw = async {
        sleep(Duration::from_secs(3600)).await;
        from.thaw();
    };
    let message = Item::Number(1);
    let (result, ()) = tokio::join!(sender.send(&message), thaw);
    assert_eq!(
        to.len(),
        0,
        "what nobody will ever receive is still taken off the other side's hands"
    );
    result
}

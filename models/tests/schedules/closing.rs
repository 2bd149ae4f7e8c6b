//! The end of a connection: both sides may close at any moment, and each is told the truth.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use offspring::{ErrorKind, Result};

use crate::pipe::{Kind, pair};
use crate::{Connection, spawn, try_schedules};

type Numbers = Connection<u32, u32>;

/// How many messages a side has received: known to the test, not to the threads.
type Count = Arc<AtomicU32>;

/// How many each side sends, and how many of them the other one takes before it closes.
const TALKS: [[(u32, u32); 2]; 6] = [
    [(0, 0), (0, 0)],
    [(2, 2), (0, 0)],
    [(2, 1), (0, 0)],
    [(2, 2), (2, 2)],
    [(2, 0), (2, 1)],
    [(2, 2), (2, 0)],
];

#[test]
fn who_closes_is_told_what_was_taken() {
    for talk in TALKS {
        for capacity in [usize::MAX, 8] {
            // To close is to wait until all has left: no last word is pressed in afterwards.
            let kind = Kind {
                makes_room: false,
                ..Kind::holding(capacity)
            };
            try_schedules(move || {
                let [left, right] = talk;
                let (one, other) = pair(kind);
                let received = [Count::default(), Count::default()];
                let [here, there] = &received;
                let one = talk_and_close(
                    Connection::new(one),
                    left,
                    right,
                    [here, there].map(Arc::clone),
                );
                let other = talk_and_close(
                    Connection::new(other),
                    right,
                    left,
                    [there, here].map(Arc::clone),
                );
                for thread in [spawn(one), spawn(other)] {
                    thread.join().unwrap();
                }
            });
        }
    }
}

async fn talk_and_close(
    mut connection: Numbers,
    (sent, least): (u32, u32),
    (coming, wanted): (u32, u32),
    [here, there]: [Count; 2],
) {
    for number in 0..sent {
        connection.send(&number).await.unwrap();
    }
    for number in 0..wanted {
        assert_eq!(connection.recv().await.unwrap(), Some(number));
        here.fetch_add(1, Ordering::Relaxed);
    }
    told(connection.close().await, least, sent, &there);
    if wanted == coming {
        return;
    }
    // What was not taken before is not lost.
    for number in wanted..coming {
        assert_eq!(connection.recv().await.unwrap(), Some(number));
        here.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(connection.recv().await.unwrap(), None);
    // That it has taken the rest is told too, but there may be no room for that yet.
    let _ = connection.close().await;
}

/// Whether this is what the other side has `received`: at this moment or before, but no less than `least`.
#[track_caller]
fn told(closed: Result<()>, least: u32, sent: u32, received: &Count) {
    let received = received.load(Ordering::Relaxed);
    match closed {
        Ok(()) => assert_eq!(received, sent),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
            let text = |taken: u32| format!("it took {taken} of {sent} messages");
            let taken = (least..sent).find(|taken| error.to_string().contains(&text(*taken)));
            assert!(taken.unwrap() <= received, "{error}, not {received}");
        }
    }
}

#[test]
fn who_closes_while_the_other_side_goes_is_told_too() {
    for wanted in 0..3 {
        for capacity in [usize::MAX, 8] {
            try_schedules(move || {
                let (one, other) = pair(Kind::holding(capacity));
                let received = Count::default();
                let counted = Arc::clone(&received);
                let one = spawn(async move {
                    let mut connection = Numbers::new(one);
                    let mut sent = 0;
                    for number in 0..2 {
                        // Nobody may be there any more.
                        sent += u32::from(connection.send(&number).await.is_ok());
                    }
                    let closed = connection.close().await;
                    if wanted == 2 || sent == 2 {
                        told(closed, wanted, 2, &received);
                    }
                });
                let other = spawn(async move {
                    let mut connection = Numbers::new(other);
                    for number in 0..wanted {
                        assert_eq!(connection.recv().await.unwrap(), Some(number));
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                });
                one.join().unwrap();
                other.join().unwrap();
            });
        }
    }
}

#[test]
fn a_close_waits_for_a_slow_reader() {
    for capacity in [usize::MAX, 8] {
        let kind = Kind {
            makes_room: false,
            ..Kind::holding(capacity)
        };
        try_schedules(move || {
            let (one, other) = pair(kind);
            let one = spawn(async move {
                let mut connection = Numbers::new(one);
                connection.send(&7).await.unwrap();
                connection.close().await
            });
            let other = spawn(async move {
                let mut connection = Numbers::new(other);
                let mut received = Vec::new();
                while let Some(number) = connection.recv().await.unwrap() {
                    received.push(number);
                }
                // To go would be enough if there were room for last words.
                connection.close().await.unwrap();
                received
            });
            one.join().unwrap().unwrap();
            assert_eq!(other.join().unwrap(), [7]);
        });
    }
}

#[test]
fn a_close_goes_on_when_another_thread_has_written_the_goodbye() {
    try_schedules(|| {
        let (one, other) = pair(Kind::holding(8));
        let one = spawn(async move {
            let mut connection = Numbers::new(one);
            let sender = connection.sender();
            let sending = spawn(async move {
                // Too late behind the goodbye; then there is still something to write.
                let _ = sender.send(&7).await;
                sender.flush().await.unwrap();
                sender
            });
            connection.close().await.unwrap();
            drop(sending.join().unwrap());
        });
        let other = spawn(async move {
            let mut connection = Numbers::new(other);
            while connection.recv().await.unwrap().is_some() {}
            connection.close().await.unwrap();
        });
        one.join().unwrap();
        other.join().unwrap();
    });
}

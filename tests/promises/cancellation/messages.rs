//! `send`, `feed`, `flush`, `recv`, `close`, over the real transport.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use offspring::{Config, Connection, Result};

use super::{Dropper, pair, target};
use crate::random::Random;
use crate::stage::within;

/// Its number, and text that follows from that.
type Message = (u64, String);

/// Most are small; some do not fit into what is left of the system's room.
fn message(number: u64) -> Message {
    let mut random = Random::new(number);
    let longest = [200, 200, 200, 100_000][random.below(4)];
    (number, random.text(number, longest))
}

/// What may come of a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Arrives,
    /// A send that was dropped.
    Either,
    /// A feed that was dropped.
    Never,
}

/// One side, and what it has seen.
#[derive(Default)]
struct Log {
    sent: Vec<Fate>,
    received: Vec<u64>,
}

/// How many sends and feeds, flushes, and receives were dropped.
type Dropped = [AtomicU64; 3];

impl Log {
    fn received(&mut self, message: &Message) {
        assert!(*message == self::message(message.0), "torn: {message:?}");
        self.received.push(message.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_sends_flushes_and_receives_harm_no_message() -> Result<()> {
    within(async {
        // A small buffer, so that a feed waits now and then.
        let (left, right) = pair::<Message>(Config::new().send_buffer(50_000)).await?;
        let dropped = Arc::new(Dropped::default());
        let left = tokio::spawn(storm(left, 5, dropped.clone()));
        let right = tokio::spawn(storm(right, 6, dropped.clone()));
        let (left, right) = (left.await.unwrap()?, right.await.unwrap()?);
        for (from, to) in [(&left, &right), (&right, &left)] {
            let mut received = to.received.iter().peekable();
            for (number, fate) in (0..).zip(&from.sent) {
                let has_arrived = received.next_if_eq(&&number).is_some();
                match fate {
                    Fate::Arrives => assert!(has_arrived, "{number} is lost"),
                    Fate::Either => {}
                    Fate::Never => assert!(!has_arrived, "{number} was never fed"),
                }
            }
            assert_eq!(received.next(), None, "doubled, out of order, or never sent");
        }
        let [sends, flushes, receives] = &*dropped;
        println!(
            "figure: cancellation: {sends:?} sends and feeds, {flushes:?} flushes and {receives:?} receives were dropped; \
             {} messages arrived whole",
            left.received.len() + right.received.len()
        );
        Ok(())
    })
    .await
}

async fn storm(
    mut connection: Connection<Message, Message>,
    seed: u64,
    dropped: Arc<Dropped>,
) -> Result<Log> {
    let mut log = Log::default();
    let mut dropper = Dropper::new(seed);
    while dropped
        .iter()
        .any(|count| count.load(Ordering::Relaxed) < target())
    {
        let before = dropper.dropped;
        let kind = dropper.random.below(3);
        match kind {
            0 => {
                let message = message(log.sent.len() as u64);
                let fate = match dropper.random.below(2) {
                    0 => match dropper.try_out(connection.send(&message)).await {
                        Some(sent) => sent.map(|()| Fate::Arrives)?,
                        None => Fate::Either,
                    },
                    _ => match dropper.try_out(connection.feed(&message)).await {
                        Some(fed) => fed.map(|()| Fate::Arrives)?,
                        None => Fate::Never,
                    },
                };
                log.sent.push(fate);
            }
            1 => {
                let flushed = dropper.try_out(connection.flush()).await;
                flushed.transpose()?;
            }
            _ => {
                // `None`: the other side is through with its part already.
                if let Some(Some(message)) = dropper.try_out(connection.recv()).await.transpose()? {
                    log.received(&message);
                }
            }
        }
        dropped[kind].fetch_add(dropper.dropped - before, Ordering::Relaxed);
    }
    connection.disconnect();
    while let Some(message) = connection.recv().await? {
        log.received(&message);
    }
    connection.flush().await?;
    Ok(log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_close_can_be_taken_up_again() -> Result<()> {
    within(async {
        let mut dropper = Dropper::new(7);
        let (mut connections, mut messages) = (0, 0);
        while !dropper.is_done() {
            let (mut left, mut right) = pair::<Message>(Config::new()).await?;
            let count = dropper.random.below(50) as u64;
            for number in 0..count {
                left.feed(&message(number)).await?;
            }
            let taking = tokio::spawn(async move {
                let mut log = Log::default();
                while let Some(message) = right.recv().await? {
                    log.received(&message);
                }
                right.close().await?;
                Result::Ok(log.received)
            });
            loop {
                if let Some(closed) = dropper.try_out(left.close()).await {
                    closed?;
                    break;
                }
            }
            assert_eq!(left.recv().await?, None);
            let received = taking.await.unwrap()?;
            assert_eq!(received, (0..count).collect::<Vec<_>>());
            (connections, messages) = (connections + 1, messages + count);
        }
        println!(
            "figure: cancellation: {} times close was dropped, on {connections} connections; all {messages} messages taken",
            dropper.dropped
        );
        Ok(())
    })
    .await
}

//! A future that is dropped at any time loses, doubles and tears nothing.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use offspring::transport::Halves;
use offspring::{Config, Connection, ErrorKind, Receiver, Result, Sender};
use tokio::io::{DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Mutex;
use tokio::task::yield_now;

use crate::support::{End, Random, connections, watchdog};

/// The sender's task, its number, and text that follows from both.
type Message = (usize, u64, String);

fn message(task: usize, number: u64) -> Message {
    (
        task,
        number,
        Random::new(number ^ (task as u64) << 32).text(number, 120),
    )
}

/// What was sent by several tasks, and what has come of it.
#[derive(Default)]
struct Ledger {
    /// The last number that each task has used.
    last: HashMap<usize, u64>,
    /// What may arrive, and whether it has to.
    sent: HashMap<(usize, u64), bool>,
    /// The last number received of each task.
    seen: HashMap<usize, u64>,
    received: usize,
}

impl Ledger {
    fn next(&mut self, task: usize) -> Message {
        let number = self.last.entry(task).or_default();
        *number += 1;
        message(task, *number)
    }

    /// A send was begun: from here on the message may arrive.
    fn may(&mut self, task: usize, number: u64) {
        self.sent.insert((task, number), false);
    }

    /// A send has succeeded: the message has to arrive.
    fn must(&mut self, task: usize, number: u64) {
        self.sent.insert((task, number), true);
    }

    fn received(&mut self, received: &Message) {
        let (task, number, _) = *received;
        assert_eq!(*received, message(task, number), "torn");
        let seen = self.seen.entry(task).or_default();
        assert!(
            *seen < number,
            "{number} of {task} after {seen}: doubled, or out of order"
        );
        // Whatever lies between the two will not come any more.
        for skipped in *seen + 1..number {
            let lost = self.sent.get(&(task, skipped)) == Some(&true);
            assert!(!lost, "{skipped} of {task} is lost");
        }
        *seen = number;
        self.received += 1;
        let sent = self.sent.contains_key(&(task, number));
        assert!(sent, "{number} of {task} was never sent");
    }

    fn all_received(&self) {
        for ((task, number), must) in &self.sent {
            let seen = self.seen.get(task).is_some_and(|seen| seen >= number);
            assert!(seen || !must, "{number} of {task} is lost");
        }
        assert!(self.received > 30, "only {} were received", self.received);
    }
}

/// One side, with sends that are under way.
struct Side {
    sender: Sender<Message, End>,
    receiver: Receiver<Message, End>,
    sending: [Option<Sending>; 4],
    /// What this side has sent.
    ledger: Ledger,
}

struct Sending {
    number: u64,
    future: Pin<Box<dyn Future<Output = Result<()>>>>,
}

impl Side {
    fn new(connection: Connection<Message, Message, End>) -> Self {
        let (sender, receiver) = connection.split();
        Self {
            sender,
            receiver,
            sending: Default::default(),
            ledger: Ledger::default(),
        }
    }

    /// Begins, polls or drops a send. True if one was dropped.
    fn send(&mut self, random: &mut Random) -> bool {
        let task = random.below(self.sending.len());
        let Some(sending) = &mut self.sending[task] else {
            self.begin(task, random);
            return false;
        };
        let number = sending.number;
        if random.below(3) == 0 {
            self.sending[task] = None;
            return true;
        }
        if let Poll::Ready(result) = poll(sending.future.as_mut()) {
            self.sending[task] = None;
            result.unwrap();
            self.ledger.must(task, number);
        }
        false
    }

    fn begin(&mut self, task: usize, random: &mut Random) {
        let message = self.ledger.next(task);
        let (sender, number) = (self.sender.clone(), message.1);
        let future: Pin<Box<dyn Future<Output = _>>> = match random.below(3) {
            // Unlike a `send`, a `feed` that is dropped has not happened.
            0 => Box::pin(async move { sender.feed(&message).await }),
            1 => {
                self.ledger.may(task, number);
                Box::pin(async move { sender.send(&message).await })
            }
            _ => {
                match sender.try_send(&message) {
                    Ok(()) => self.ledger.must(task, number),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Full),
                }
                return;
            }
        };
        self.sending[task] = Some(Sending { number, future });
    }

    /// Polls a flush or a receive a few times, then drops it. `None` if it was dropped before it was ready.
    fn flush(&self, random: &mut Random) -> Option<Result<()>> {
        let mut flush = pin!(self.sender.flush());
        (0..random.below(4)).find_map(|_| match poll(flush.as_mut()) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        })
    }

    fn recv(&mut self, random: &mut Random) -> Option<Option<Message>> {
        let mut recv = pin!(self.receiver.recv());
        (0..random.below(4)).find_map(|_| match poll(recv.as_mut()) {
            Poll::Ready(result) => Some(result.unwrap()),
            Poll::Pending => None,
        })
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn dropped_futures_lose_double_and_tear_nothing() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let mut dropped = 0;
    for seed in 0..12 {
        dropped += drop_at_random(seed);
    }
    assert!(dropped > 50_000, "only {dropped} futures were dropped");
}

fn drop_at_random(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let capacity = [3, 7, 64, 1000][seed as usize % 4];
    let config = Config::new().send_buffer([0, 300, 100_000][random.below(3)]);
    let pair = connections(capacity, config);
    for tap in [&pair.there, &pair.back] {
        tap.step([1, 5, usize::MAX][random.below(3)]);
        tap.moody(seed);
    }
    let mut sides = [Side::new(pair.left), Side::new(pair.right)];
    let mut dropped = 0;
    for _ in 0..20_000 {
        let one = random.below(2);
        match random.below(4) {
            0 => {
                if let Some(message) = sides[one].recv(&mut random) {
                    sides[1 - one].ledger.received(&message.unwrap());
                } else {
                    dropped += 1;
                }
            }
            1 => match sides[one].flush(&mut random) {
                Some(result) => result.unwrap(),
                None => dropped += 1,
            },
            _ => dropped += usize::from(sides[one].send(&mut random)),
        }
    }

    for side in &mut sides {
        side.sending = Default::default();
        side.sender.disconnect();
    }
    let mut ended = [false; 2];
    while ended != [true; 2] {
        let one = random.below(2);
        match sides[one].recv(&mut random) {
            Some(Some(message)) => sides[1 - one].ledger.received(&message),
            Some(None) => ended[one] = true,
            None => dropped += 1,
        }
    }
    sides.iter().for_each(|side| side.ledger.all_received());
    dropped
}

#[test]
fn a_dropped_close_can_be_taken_up_again() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _context = runtime.enter();
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut pair = connections::<u64, (), (), u64>([1, 7, 64][random.below(3)], Config::new());
        pair.there.moody(seed);
        let count = random.below(200) as u64;
        for number in 0..count {
            pair.left.try_send(&number).unwrap();
        }
        let (mut taken, mut closed, mut ended) = (0, false, false);
        while !closed {
            let mut close = pin!(pair.left.close());
            for _ in 0..random.below(3) {
                if let Poll::Ready(result) = poll(close.as_mut()) {
                    result.unwrap();
                    assert_eq!(taken, count, "closed too early");
                    closed = true;
                    break;
                }
            }
            let mut recv = pin!(pair.right.recv());
            if let Poll::Ready(result) = poll(recv.as_mut()) {
                match result.unwrap() {
                    Some(number) => {
                        assert_eq!(number, taken);
                        taken += 1;
                    }
                    None => ended = true,
                }
            }
        }
        assert!(ended);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn select_storms_on_both_sides_at_once_harm_nobody() {
    let _watchdog = watchdog();
    let mut dropped = 0;
    for capacity in [7, 64, 4096] {
        let (near, far) = tokio::io::duplex(capacity);
        let (left, right) = (over(near), over(far));
        let left = tokio::spawn(storm(left, 1));
        let right = tokio::spawn(storm(right, 2));
        let (left, right) = (left.await.unwrap(), right.await.unwrap());
        dropped += left.dropped + right.dropped;
        for (mut ledger, received) in [(left.sent, right.received), (right.sent, left.received)] {
            received.iter().for_each(|message| ledger.received(message));
            ledger.all_received();
        }
    }
    assert!(dropped > 10_000, "only {dropped} futures were dropped");
}

type Duplex = Halves<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

fn over(stream: DuplexStream) -> Connection<Message, Message, Duplex> {
    let (read, write) = tokio::io::split(stream);
    Connection::new(Halves(read, write))
}

#[derive(Default)]
struct Storm {
    sent: Ledger,
    received: Vec<Message>,
    dropped: usize,
}

/// Sends and receives in a `select!` that drops both again and again.
async fn storm(connection: Connection<Message, Message, Duplex>, seed: u64) -> Storm {
    let (sender, mut receiver) = connection.split();
    let mut random = Random::new(seed);
    let mut storm = Storm::default();
    let mut ended = false;
    for _ in 0..4000 {
        let message = storm.sent.next(0);
        let number = message.1;
        storm.sent.may(0, number);
        let patience = random.below(3);
        tokio::select! {
            biased;
            received = receiver.recv(), if !ended => {
                // The other side may be through with its part already.
                match received.unwrap() {
                    Some(message) => storm.received.push(message),
                    None => ended = true,
                }
                storm.dropped += 1;
            }
            sent = sender.send(&message) => {
                sent.unwrap();
                storm.sent.must(0, number);
                storm.dropped += 1;
            }
            () = turns(patience) => storm.dropped += 2,
        }
    }
    sender.disconnect();
    while let Some(message) = receiver.recv().await.unwrap() {
        storm.received.push(message);
    }
    sender.flush().await.unwrap();
    storm
}

async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receive_begun_by_one_task_is_ended_by_another() {
    let _watchdog = watchdog();
    let (near, far) = tokio::io::duplex(7);
    let (left, right) = (over(near), over(far));
    let (_sender, receiver) = right.split();
    let receiver = Arc::new(Mutex::new(receiver));
    tokio::spawn(async move {
        for number in 1..=500 {
            left.send(&message(0, number)).await.unwrap();
            turns(number as usize % 3).await;
        }
        left.disconnect();
        left.flush().await.unwrap();
    });
    let mut number = 0;
    let mut aborted = 0;
    loop {
        let task = tokio::spawn({
            let receiver = Arc::clone(&receiver);
            async move { receiver.lock().await.recv().await.unwrap() }
        });
        turns(number as usize % 4).await;
        task.abort();
        match task.await {
            Ok(Some(received)) => {
                number += 1;
                assert_eq!(received, message(0, number));
            }
            Ok(None) => break,
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                aborted += 1;
            }
        }
    }
    assert_eq!(number, 500);
    assert!(aborted > 100, "only {aborted} tasks were aborted");
}

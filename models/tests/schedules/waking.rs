//! Whoever asked the transport last, and was not told to wait, wakes the others: the transport need not.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use offspring::Config;
use offspring::transport::Transport as _;
use offspring::wire::Hello;
use shuttle::future::block_on;
use shuttle::thread::yield_now;

use crate::hand_over::{Message, frame};
use crate::pipe::{Kind, pair};
use crate::{Connection, spawn, try_schedules};

#[test]
fn who_has_written_enough_leaves_the_rest_to_those_that_are_blocked() {
    try_schedules(|| {
        let (end, far) = pair(Kind::holding(usize::MAX));
        let watch = end.watch();
        let connection = Connection::<Message, ()>::new(end);
        let (mut reader, _writer) = far.into_split();
        let _hello = block_on(reader.read());
        watch.hold(0);

        let (first, second) = (connection.sender(), connection.sender());
        let writes = spawn(async move { first.send(&(0, 0)).await.unwrap() });
        let woken = Flag::new();
        let mut blocked = pin!(second.send(&(1, 0)));
        assert!(woken.poll(blocked.as_mut()).is_pending());
        watch.hold(usize::MAX);
        dawdle();
        watch.wake();
        writes.join().unwrap();
        assert!(woken.is_set());
        block_on(blocked).unwrap();
        let arrived = block_on(reader.read());
        assert_eq!(arrived.len(), 2 * frame((0, 0)).len());
    });
}

#[test]
fn who_writes_the_goodbye_of_a_close_wakes_it() {
    try_schedules(|| {
        let (end, far) = pair(Kind::holding(20));
        let closing = spawn(async move {
            let mut connection = Connection::<Message, ()>::new(end);
            let sender = connection.sender();
            let flushing = spawn(async move { sender.flush().await.unwrap() });
            // Nothing was sent, so there is no answer to wait for, and none comes.
            connection.close().await.unwrap();
            flushing.join().unwrap();
        });
        let (mut reader, _writer) = far.into_split();
        while !block_on(reader.read()).is_empty() {}
        closing.join().unwrap();
    });
}

#[test]
fn who_reads_aside_wakes_the_receiver() {
    try_schedules(|| {
        let (end, far) = pair(Kind::holding(usize::MAX));
        let watch = end.watch();
        let (_reader, writer) = far.into_split();
        let mut hello = Vec::new();
        Hello::new().encode(&mut hello);
        writer.put(&hello);
        let config = Config::new().read_ahead(1);
        let mut connection = Connection::<Message, Message>::with_config(end, config);
        block_on(connection.ready()).unwrap();
        watch.hold(0);

        let (sender, mut receiver) = connection.split();
        let woken = Flag::new();
        let mut receives = pin!(receiver.recv());
        assert!(woken.poll(receives.as_mut()).is_pending());
        // Going would say goodbye, which wakes for a reason of its own.
        let stays = sender.clone();
        let reads = spawn(async move { sender.send(&(0, 0)).await.unwrap() });
        writer.put(&frame((7, 7)));
        watch.hold(usize::MAX);
        dawdle();
        writer.wake();
        watch.wake();
        reads.join().unwrap();
        assert!(woken.is_set());
        assert_eq!(block_on(receives).unwrap(), Some((7, 7)));
        drop(stays);
    });
}

/// Who has received what it wanted reads no more, and who is blocked has to.
#[test]
fn a_receiver_that_has_enough_leaves_the_reading_to_those_that_are_blocked() {
    // All of it may be put aside, or all behind the first message, when that was received.
    for read_ahead in [1 << 20, 60] {
        try_schedules(move || has_enough(read_ahead));
    }
}

fn has_enough(read_ahead: usize) {
    let (left, right) = pair(Kind::holding(10));
    let left = spawn(async move {
        let config = Config::new().read_ahead(read_ahead);
        let connection = Connection::<Message, Message>::with_config(left, config);
        let (sender, mut receiver) = connection.split();
        let sending = spawn(async move {
            for number in 0..2 {
                sender.send(&(0, number)).await.unwrap();
            }
            sender
        });
        assert_eq!(receiver.recv().await.unwrap(), Some((1, 0)));
        drop(sending.join().unwrap());
    });
    let right = spawn(async move {
        // It puts nothing aside, so it can only go on if the other side does.
        let config = Config::new().read_ahead(1);
        let mut connection = Connection::<Message, Message>::with_config(right, config);
        for number in 0..3 {
            connection.send(&(1, number)).await.unwrap();
        }
        for number in 0..2 {
            assert_eq!(connection.recv().await.unwrap(), Some((0, number)));
        }
    });
    left.join().unwrap();
    right.join().unwrap();
}

/// Whether a task was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Polls a task that this flag belongs to.
    fn poll<F: Future>(self: &Arc<Self>, task: Pin<&mut F>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        task.poll(&mut Context::from_waker(&waker))
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As long as a runtime may take to hear of something.
fn dawdle() {
    for _ in 0..20 {
        yield_now();
    }
}

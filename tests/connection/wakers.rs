//! Whoever waits is woken when it can go on: all run where a lost wake-up is a dead end.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Wake, Waker};

use offspring::{Config, Connection, Receiver, Sender};

use crate::support::{End, Joined, Random, Tasks, connections, frame, watchdog};

type Strings = Joined<String, String, String, String>;

#[test]
fn nobody_sleeps_for_ever_whatever_the_transport_does() {
    let _watchdog = watchdog();
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let capacity = [1, 2, 7, 64, 300][random.below(5)];
        let config = Config::new().send_buffer([0, 1, 50, 1000][random.below(4)]);
        let pair: Strings = connections(capacity, config);
        for tap in [&pair.there, &pair.back] {
            tap.step([1, 3, usize::MAX][random.below(3)]);
            if random.below(2) == 0 {
                tap.moody(seed);
            }
        }
        let mut tasks = Tasks::new();
        stream(&mut tasks, "left", pair.left, seed);
        stream(&mut tasks, "right", pair.right, seed + 1000);
        tasks.run();
    }
}

/// Three tasks that send and one that receives until the other side's goodbye.
fn stream(tasks: &mut Tasks, name: &str, connection: Connection<String, String, End>, seed: u64) {
    let (sender, mut receiver) = connection.split();
    let sending = Rc::new(Cell::new(3));
    for number in 0..3 {
        let (sender, sending) = (sender.clone(), Rc::clone(&sending));
        tasks.spawn(format!("{name} sender {number}"), async move {
            let mut random = Random::new(seed + number);
            for number in 0..20 {
                let text = random.text(number, 150);
                match random.below(2) {
                    0 => sender.feed(&text).await.unwrap(),
                    _ => sender.send(&text).await.unwrap(),
                }
            }
            // Merely to go would leave a goodbye behind for which there is no room.
            sending.set(sending.get() - 1);
            if sending.get() == 0 {
                sender.disconnect();
            }
            sender.flush().await.unwrap();
        });
    }
    drop(sender);
    tasks.spawn(format!("{name} receiver"), async move {
        let mut count = 0;
        while receiver.recv().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 60);
    });
}

#[test]
fn no_moment_is_too_bad_for_room_to_come() {
    let _watchdog = watchdog();
    for config in [Config::new(), Config::new().send_buffer(10)] {
        for moment in 1..6 {
            let pair: Strings = connections(1000, config.clone());
            let mut tasks = Tasks::new();
            pair.there.freeze();
            pair.left.try_send(&"x".repeat(20)).unwrap();
            pair.there.change_at_wait(moment, b"");
            let left = pair.left;
            tasks.spawn("sender", async move {
                left.send(&"y".repeat(20)).await.unwrap();
            });
            tasks.run_until_idle();
            assert_eq!(
                tasks.left().is_empty(),
                !pair.there.is_unchanged(),
                "{moment}"
            );
            pair.there.thaw();
            tasks.run();
        }
    }
}

#[test]
fn no_moment_is_too_bad_for_a_message_to_arrive() {
    let _watchdog = watchdog();
    for moment in 1..6 {
        let pair: Strings = connections(1000, Config::new());
        let mut tasks = Tasks::new();
        pair.back.change_at_wait(moment, &frame(0, b"\xa1a"));
        let mut left = pair.left;
        tasks.spawn("receiver", async move {
            assert_eq!(left.recv().await.unwrap().as_deref(), Some("a"));
        });
        tasks.run_until_idle();
        assert_eq!(
            tasks.left().is_empty(),
            !pair.back.is_unchanged(),
            "{moment}"
        );
        pair.back.put(&frame(0, b"\xa1a"));
        tasks.run();
    }
}

#[test]
fn who_waits_no_more_is_not_remembered() {
    let _watchdog = watchdog();
    let mut pair: Strings = connections(1000, Config::new());
    pair.there.freeze();
    let tasks = Tasks::new();
    let flag = Flag::new();
    let waker = Waker::from(flag.clone());
    let before = Arc::strong_count(&flag);
    let text = "y".to_owned();
    let mut send = Box::pin(pair.left.send(&text));
    assert!(
        send.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!(Arc::strong_count(&flag) > before);
    drop(send);
    assert_eq!(Arc::strong_count(&flag), before);

    tasks.enter(|| {
        let recv = pin!(pair.left.recv());
        assert!(recv.poll(&mut Context::from_waker(&waker)).is_pending());
    });
    let (sender, receiver) = pair.left.split();
    drop(receiver);
    assert_eq!(Arc::strong_count(&flag), before);
    drop(sender);
}

#[test]
fn a_receive_that_is_dropped_does_not_stop_the_senders() {
    let _watchdog = watchdog();
    let pair: Strings = connections(16, Config::new());
    let (sender, mut receiver) = pair.left.split();
    let mut tasks = Tasks::new();
    tasks.spawn("sender", async move {
        for number in 0..100 {
            sender.send(&format!("message {number}")).await.unwrap();
        }
    });
    let mut right = pair.right;
    tasks.spawn("the other side", async move {
        let mut count = 0;
        while right.recv().await.unwrap().is_some() {
            // Polled with a waker of its own, and forgotten.
            if count % 3 == 0 {
                poll_once(&mut receiver);
            }
            count += 1;
        }
        assert_eq!(count, 100);
    });
    tasks.run();
}

fn poll_once(receiver: &mut Receiver<String, End>) {
    let recv = pin!(receiver.recv());
    assert!(
        recv.poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
}

#[test]
fn the_task_that_polled_last_is_the_one_that_is_woken() {
    let _watchdog = watchdog();
    let Joined {
        left,
        mut right,
        there,
        ..
    } = connections::<String, String, String, String>(1000, Config::new());
    let first = Flag::new();
    let second = Flag::new();
    let mut recv = pin!(right.recv());
    assert!(
        recv.as_mut()
            .poll(&mut Context::from_waker(&Waker::from(first.clone())))
            .is_pending()
    );
    // The task was moved, as a `FuturesUnordered` or a `select!` in another task does.
    assert!(
        recv.as_mut()
            .poll(&mut Context::from_waker(&Waker::from(second.clone())))
            .is_pending()
    );
    left.try_send(&"x".to_owned()).unwrap();
    assert!(second.taken());
    assert!(
        recv.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );

    there.freeze();
    let text = "y".to_owned();
    let mut send = pin!(left.send(&text));
    assert!(
        send.as_mut()
            .poll(&mut Context::from_waker(&Waker::from(first.clone())))
            .is_pending()
    );
    assert!(
        send.as_mut()
            .poll(&mut Context::from_waker(&Waker::from(second.clone())))
            .is_pending()
    );
    first.taken();
    there.thaw();
    assert!(second.taken());
    assert!(!first.taken(), "the old task has nothing to do any more");
}

/// Whether a task was woken.
struct Flag(Mutex<bool>);

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(false)))
    }

    fn taken(&self) -> bool {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap() = true;
    }
}

#[test]
fn a_forgotten_waker_may_take_a_whole_task_with_it() {
    let _watchdog = watchdog();
    let pair: Strings = connections(1000, Config::new());
    let (sender, mut receiver) = pair.left.split();
    pair.there.freeze();
    let text = "x".to_owned();
    let noop = &mut Context::from_waker(Waker::noop());

    // Dropped with the send that it would wake.
    let mut send = Box::pin(sender.send(&text));
    poll_as(send.as_mut(), Owned::new(sender.clone()));
    drop(send);

    // Replaced by that of another task.
    let mut send = Box::pin(sender.send(&text));
    poll_as(send.as_mut(), Owned::new(sender.clone()));
    assert!(send.as_mut().poll(noop).is_pending());

    // The same for a receive, and for the whole receiver.
    let tasks = Tasks::new();
    tasks.enter(|| {
        poll_as(
            Box::pin(receiver.recv()).as_mut(),
            Owned::new(sender.clone()),
        );
        poll_as(
            Box::pin(receiver.recv()).as_mut(),
            Owned::new(sender.clone()),
        );
    });
    drop(receiver);
    pair.there.thaw();
}

/// Polls with a waker that is the last owner of its task.
fn poll_as<F: Future>(future: Pin<&mut F>, task: Arc<Owned>) {
    let waker = Waker::from(task);
    assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
}

/// A task that waits for room on a connection, and whose future belongs to its wakers.
struct Owned(#[expect(dead_code, reason = "it is there to be dropped")] Mutex<Waits>);

type Waits = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Owned {
    fn new(sender: Sender<String, End>) -> Arc<Self> {
        let mut waits: Waits = Box::pin(async move {
            let _ = sender.send(&"y".to_owned()).await;
        });
        assert!(
            waits
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        Arc::new(Self(Mutex::new(waits)))
    }
}

impl Wake for Owned {
    fn wake(self: Arc<Self>) {
        // The last owner may go here, and the future with it.
        drop(self);
    }
}

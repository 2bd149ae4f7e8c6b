//! Whoever waits is woken when it can go on: all run where a lost wake-up is a dead end.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Wake, Waker};

use offspring::{Config, Connection, ErrorKind, Receiver, Sender};

use crate::support::{End, Joined, Random, Script, Tasks, connections, frame, kind, watchdog};

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
    let Blocked {
        tasks, mut pair, ..
    } = blocked(1, Config::new());
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

/// A left side whose senders wait because nothing leaves.
struct Blocked {
    tasks: Tasks,
    pair: Strings,
    results: Rc<RefCell<Vec<offspring::Result<()>>>>,
}

fn blocked(senders: u32, config: Config) -> Blocked {
    let pair: Strings = connections(usize::MAX, config);
    pair.there.freeze();
    let mut tasks = Tasks::new();
    let results = Rc::new(RefCell::new(Vec::new()));
    for number in 0..senders {
        let (sender, results) = (pair.left.sender(), Rc::clone(&results));
        tasks.spawn(format!("sender {number}"), async move {
            let result = sender.send(&"x".repeat(50)).await;
            results.borrow_mut().push(result);
        });
    }
    tasks.run_until_idle();
    assert_eq!(tasks.left().len(), senders as usize);
    Blocked {
        tasks,
        pair,
        results,
    }
}

#[test]
fn who_writes_for_others_wakes_them() {
    let _watchdog = watchdog();
    let Blocked {
        mut tasks,
        mut pair,
        results,
    } = blocked(3, Config::new());
    // The transport has room but has not said so yet when another sender comes along.
    pair.there.thaw_silently();
    pair.left.try_send(&"y".to_owned()).unwrap();
    tasks.run_until_idle();
    assert_eq!(tasks.left(), [""; 0]);
    assert!(results.borrow().iter().all(Result::is_ok));
    for _ in 0..4 {
        pair.right.try_recv().unwrap();
    }
}

#[test]
fn who_receives_writes_for_others_and_wakes_them() {
    let _watchdog = watchdog();
    let Blocked {
        mut tasks,
        mut pair,
        ..
    } = blocked(3, Config::new());
    pair.there.thaw_silently();
    assert_eq!(kind(pair.left.try_recv()), ErrorKind::Empty);
    tasks.run_until_idle();
    assert_eq!(tasks.left(), [""; 0]);
}

#[test]
fn who_makes_room_wakes_those_that_wait_for_it() {
    let _watchdog = watchdog();
    // The first fills the buffer, so that the others cannot even encode.
    let Blocked {
        mut tasks, pair, ..
    } = blocked(3, Config::new().send_buffer(40));
    assert_eq!(kind(pair.left.try_send(&String::new())), ErrorKind::Full);
    pair.there.thaw_silently();
    assert!(flushes(&pair.left.sender()));
    tasks.run_until_idle();
    assert_eq!(tasks.left(), [""; 0]);
}

/// Whether one poll writes everything.
fn flushes(sender: &Sender<String, End>) -> bool {
    let flush = pin!(sender.flush());
    flush
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[test]
fn who_meets_a_failure_wakes_all_that_wait() {
    let _watchdog = watchdog();
    for config in [Config::new(), Config::new().send_buffer(40)] {
        let Blocked {
            mut tasks,
            pair,
            results,
        } = blocked(3, config);
        pair.there.fail_writes_silently(io::ErrorKind::BrokenPipe);
        assert_eq!(
            kind(pair.left.try_send(&String::new())),
            ErrorKind::Disconnected
        );
        tasks.run_until_idle();
        assert_eq!(tasks.left(), [""; 0]);
        assert_eq!(results.borrow().len(), 3);
        for result in results.take() {
            assert_eq!(kind(result), ErrorKind::Disconnected);
        }
    }
}

#[test]
fn a_sender_that_reads_aside_wakes_the_receiver() {
    let _watchdog = watchdog();
    let pair: Strings = connections(usize::MAX, Config::new());
    let (sender, mut receiver) = pair.left.split();
    let mut tasks = Tasks::new();
    tasks.spawn("receiver", async move {
        assert_eq!(receiver.recv().await.unwrap().as_deref(), Some("a"));
        assert_eq!(kind(receiver.recv().await), ErrorKind::Disconnected);
    });
    tasks.run_until_idle();

    pair.there.freeze();
    pair.back.put_silently(&frame(0, b"\xa1a"));
    assert!(!sends(&sender, "b"));
    tasks.run_until_idle();
    assert_eq!(tasks.left(), ["receiver"]);

    // Nor is the end of the stream kept from it.
    pair.back.close_silently();
    assert!(!sends(&sender, "c"));
    tasks.run_until_idle();
    assert_eq!(tasks.left(), [""; 0]);
    drop(pair.right);
}

fn sends(sender: &Sender<String, End>, text: &str) -> bool {
    sender.try_send(&text.to_owned()).unwrap();
    flushes(sender)
}

#[test]
fn room_in_the_read_ahead_lets_blocked_senders_go_on() {
    let _watchdog = watchdog();
    let config = Config::new().read_ahead(100);
    let Blocked {
        mut tasks,
        mut pair,
        ..
    } = blocked(1, config);
    // More than the sender may put aside.
    let mut script = Script::new();
    for number in 0..100 {
        script = script.message(format!("message {number}"));
    }
    let hello = Script::new().bytes().len();
    pair.back.step(10);
    pair.back.put(&script.bytes()[hello..]);
    tasks.run_until_idle();
    let left = pair.back.len();
    assert!(left > 0);
    assert_eq!(pair.left.try_recv().unwrap().as_deref(), Some("message 0"));
    tasks.run_until_idle();
    assert!(
        pair.back.len() < left,
        "the sender has not been woken to read on"
    );
}

#[test]
fn a_sender_that_is_never_polled_again_holds_up_nobody() {
    let _watchdog = watchdog();
    let pair: Strings = connections(16, Config::new());
    let sender = pair.left.sender();
    let text = "z".repeat(1000);
    let mut forgotten = Box::pin(async move { sender.send(&text).await });
    assert!(
        forgotten
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );

    let mut tasks = Tasks::new();
    let (sender, mut receiver) = pair.left.split();
    tasks.spawn("another sender", async move {
        sender.send(&"after it".to_owned()).await.unwrap();
    });
    let mut right = pair.right;
    tasks.spawn("the other side", async move {
        assert_eq!(
            right.recv().await.unwrap().map(|text| text.len()),
            Some(1000)
        );
        assert_eq!(right.recv().await.unwrap().as_deref(), Some("after it"));
        right.send(&"answer".to_owned()).await.unwrap();
    });
    tasks.spawn("receiver", async move {
        assert_eq!(receiver.recv().await.unwrap().as_deref(), Some("answer"));
    });
    tasks.run();
    drop(forgotten);
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
fn a_task_that_only_its_waker_keeps_alive_may_end_at_any_time() {
    let _watchdog = watchdog();
    // An executor whose tasks are owned by their wakers: forgetting a waker drops what the task holds, here another
    // waiting send of the same connection.
    let Joined {
        left,
        right: _right,
        there,
        ..
    } = connections::<String, String, String, String>(1000, Config::new());
    there.freeze();
    let task = |sender: Sender<String, End>| {
        Arc::new(Owned(Mutex::new(Some(Box::pin(async move {
            let _ = sender.send(&"x".to_owned()).await;
        })))))
    };
    let (first, second) = (task(left.sender()), task(left.sender()));
    first.poll(&first.clone().into());
    // The second is polled by the waker of the first, which thereby owns it through the connection alone.
    second.poll(&first.clone().into());
    drop(first);
    second.poll(Waker::noop());
    drop(second);

    let third = task(left.sender());
    third.poll(&third.clone().into());
    drop(third);
    there.thaw();
}

struct Owned(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Owned {
    fn poll(&self, waker: &Waker) {
        let mut task = self.0.lock().unwrap();
        let future = task.as_mut().unwrap().as_mut();
        assert!(future.poll(&mut Context::from_waker(waker)).is_pending());
    }
}

impl Wake for Owned {
    fn wake(self: Arc<Self>) {}
}

//! Whoever gets something done for others wakes them, although the transport does not.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use offspring::{Config, ErrorKind, Sender};

use crate::support::{End, Joined, Script, Tasks, connections, frame, kind, watchdog};

type Strings = Joined<String, String, String, String>;

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

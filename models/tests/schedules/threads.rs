//! The driver for threads: the pilot and those who wait for it, the receiver that holds the lock while it waits, the bell.

use std::time::Duration;

use offspring::blocking::{Connection, Sender};
use offspring::{Config, ErrorKind};
use shuttle::thread;

use crate::hand_over::Message;
use crate::try_schedules;

/// Longer than any model runs: who waits for it to pass has lost.
const NEVER: Duration = Duration::from_secs(100_000);

/// Waits for nobody longer than a model may.
fn patient() -> Config {
    Config::new()
        .close_timeout(NEVER)
        .stall_timeout(NEVER)
        .handshake_timeout(NEVER)
}

fn send(sender: &Sender<Message>, number: u8) {
    match number {
        0 => {
            sender.send(&(0, 0)).unwrap();
            sender.send(&(0, 1)).unwrap();
        }
        1 => {
            sender.feed(&(1, 0)).unwrap();
            sender.feed(&(1, 1)).unwrap();
            sender.flush().unwrap();
        }
        _ => {
            for message in [(number, 0), (number, 1)] {
                if sender.try_send(&message).is_err() {
                    sender.send(&message).unwrap();
                }
            }
            sender.flush().unwrap();
        }
    }
}

#[track_caller]
fn check(messages: &[Message], senders: u8) {
    assert_eq!(messages.len(), 2 * usize::from(senders), "{messages:?}");
    for number in 0..senders {
        let of_one: Vec<_> = messages.iter().filter(|of| of.0 == number).collect();
        assert_eq!(of_one, [&(number, 0), &(number, 1)]);
    }
}

fn receive_all(mut connection: Connection<(), Message>, timed: bool) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut receive = || match timed {
        true => connection.recv_timeout(NEVER),
        false => connection.recv(),
    };
    while let Some(message) = receive().unwrap() {
        messages.push(message);
    }
    connection.close().unwrap();
    messages
}

#[test]
fn what_threads_send_arrives_once_and_in_order() {
    for timed in [false, true] {
        try_schedules(move || {
            let (mut left, right) =
                Connection::<Message, ()>::pair_with::<(), Message>(patient(), patient()).unwrap();
            let receiver = thread::spawn(move || receive_all(right, timed));
            let senders: Vec<_> = (0..3)
                .map(|number| {
                    let sender = left.sender();
                    thread::spawn(move || send(&sender, number))
                })
                .collect();
            for sender in senders {
                sender.join().unwrap();
            }
            // The other program has taken all of it.
            left.close().unwrap();
            check(&receiver.join().unwrap(), 3);
        });
    }
}

#[test]
fn both_sides_may_send_more_than_fits_before_they_receive() {
    try_schedules(|| {
        let (left, right) =
            Connection::<Message, Message>::pair_with::<Message, Message>(patient(), patient())
                .unwrap();
        let side = |mut connection: Connection<Message, Message>| {
            thread::spawn(move || {
                for number in 0..20 {
                    connection.send(&(0, number)).unwrap();
                }
                for number in 0..20 {
                    assert_eq!(connection.recv().unwrap(), Some((0, number)));
                }
                connection.close().unwrap();
            })
        };
        let sides = [side(left), side(right)];
        for side in sides {
            side.join().unwrap();
        }
    });
}

#[test]
fn a_receiver_that_waits_sends_what_others_leave_behind() {
    try_schedules(|| {
        let (left, right) =
            Connection::<Message, Message>::pair_with::<Message, Message>(patient(), patient())
                .unwrap();
        let (sender, mut receiver) = left.split();
        let far = thread::spawn(move || {
            let mut right = right;
            for number in 0..20 {
                assert_eq!(right.recv().unwrap(), Some((0, number)));
            }
            // Only now does the receiver get what it waits for.
            right.send(&(9, 9)).unwrap();
            assert_eq!(right.recv().unwrap(), None);
            right.close().unwrap();
        });
        let receiving = thread::spawn(move || {
            assert_eq!(receiver.recv().unwrap(), Some((9, 9)));
            assert_eq!(receiver.recv().unwrap(), None);
        });
        for number in 0..20 {
            // Leaves behind what does not fit in, for the thread that receives.
            sender.try_send(&(0, number)).unwrap();
        }
        drop(sender);
        receiving.join().unwrap();
        far.join().unwrap();
    });
}

#[test]
fn a_sender_that_waits_reads_when_the_receiver_does_not_any_more() {
    try_schedules(|| {
        // The other side reads nothing aside, and so waits for this one.
        let deaf = patient().read_ahead(0);
        let (left, right) =
            Connection::<Message, Message>::pair_with::<Message, Message>(patient(), deaf).unwrap();
        let (sender, mut receiver) = left.split();
        let mut right = right;
        let far = thread::spawn(move || {
            // More than fits, before it takes anything.
            for number in 0..20 {
                right.send(&(1, number)).unwrap();
            }
            for number in 0..20 {
                assert_eq!(right.recv().unwrap(), Some((0, number)));
            }
        });
        let sending = thread::spawn(move || {
            for number in 0..20 {
                sender.send(&(0, number)).unwrap();
            }
        });
        assert_eq!(receiver.recv().unwrap(), Some((1, 0)));
        sending.join().unwrap();
        for number in 1..20 {
            assert_eq!(receiver.recv().unwrap(), Some((1, number)));
        }
        far.join().unwrap();
    });
}

#[test]
fn two_that_close_at_once_both_get_an_answer() {
    try_schedules(|| {
        let (left, right) =
            Connection::<Message, Message>::pair_with::<Message, Message>(patient(), patient())
                .unwrap();
        left.send(&(0, 0)).unwrap();
        let close = |mut connection: Connection<Message, Message>| {
            thread::spawn(move || match connection.close() {
                Ok(()) => true,
                Err(error) => {
                    // It ended with a message unread, and said so.
                    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
                    false
                }
            })
        };
        let (left, right) = (close(left), close(right));
        // Nobody has taken the message.
        assert!(!left.join().unwrap());
        assert!(right.join().unwrap());
    });
}

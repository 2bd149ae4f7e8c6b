//! From many senders to one writer: who writes, and who is woken for it.

use std::pin::pin;
use std::task::{Context, Waker};

use offspring::transport::Transport as _;
use offspring::wire::{Envelope, Hello, Inbox, Limits};
use offspring::{Config, Sender};

use crate::pipe::{End, Kind, Reader, Watch, pair};
use crate::{Connection, spawn, try_schedules};

/// Who sent it, and the how-manieth it is.
pub(crate) type Message = (u8, u8);

/// The bytes of a message on the wire.
pub(crate) fn frame((sender, number): Message) -> [u8; 8] {
    [0, 0, 0, 4, 0, 0x92, sender, number]
}

#[test]
fn everything_leaves_whole_once_and_in_order() {
    for (capacity, buffers) in [
        (usize::MAX, false),
        (10, false),
        (usize::MAX, true),
        (25, true),
    ] {
        let kind = Kind {
            buffers,
            ..Kind::holding(capacity)
        };
        for send_buffer in [1 << 20, 1] {
            try_schedules(move || {
                let (end, far) = pair(kind);
                let watch = end.watch();
                let config = Config::new().send_buffer(send_buffer);
                let connection = Connection::<Message, ()>::with_config(end, config);
                let arriving = spawn(arriving(far.into_split().0));
                let senders: Vec<_> = (0..3)
                    .map(|number| spawn(send(connection.sender(), watch.clone(), number)))
                    .collect();
                // Nobody else is there to write what they leave behind.
                drop(connection);
                for sender in senders {
                    sender.join().unwrap();
                }
                let messages = arriving.join().unwrap();
                assert_eq!(messages.len(), 6, "{messages:?}");
                for number in 0..3 {
                    let of_one: Vec<_> = messages.iter().filter(|of| of.0 == number).collect();
                    assert_eq!(of_one, [&(number, 0), &(number, 1)]);
                }
            });
        }
    }
}

/// Sends two messages in one of three ways, and checks that they have left when it says so.
async fn send(sender: Sender<Message, End>, watch: Watch, number: u8) {
    let messages = [(number, 0), (number, 1)];
    match number {
        0 => {
            for message in messages {
                sender.send(&message).await.unwrap();
                assert!(watch.has_seen(&frame(message)));
            }
            return;
        }
        1 => {
            for message in messages {
                sender.feed(&message).await.unwrap();
            }
            sender.flush().await.unwrap();
        }
        _ => {
            for message in messages {
                if sender.try_send(&message).is_err() {
                    sender.send(&message).await.unwrap();
                }
            }
            sender.flush().await.unwrap();
        }
    }
    for message in messages {
        assert!(watch.has_seen(&frame(message)));
    }
}

/// All messages that arrive until the end, behind which there is a goodbye.
async fn arriving(mut reader: Reader) -> Vec<Message> {
    let mut inbox = Inbox::new(Limits::new(), Hello::new());
    let mut messages = Vec::new();
    let mut goodbye = false;
    loop {
        let mut bytes = reader.read().await;
        if bytes.is_empty() {
            inbox.end().unwrap();
            assert!(goodbye);
            return messages;
        }
        inbox.absorb(&mut bytes);
        while let Some(envelope) = inbox.next().unwrap() {
            match envelope {
                Envelope::Message(body) => messages.push(body.decode().unwrap()),
                Envelope::Goodbye { .. } => goodbye = true,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_send_that_is_given_up_holds_nobody_up() {
    try_schedules(|| {
        let (end, far) = pair(Kind::holding(10));
        let connection = Connection::<Message, ()>::new(end);
        let arriving = spawn(arriving(far.into_split().0));
        let (gives_up, goes_on) = (connection.sender(), connection.sender());
        drop(connection);
        let gives_up = spawn(async move {
            let mut taken = 0;
            for number in 0..2 {
                let message = (0, number);
                let send = pin!(gives_up.send(&message));
                // With a waker that wakes nobody.
                let polled = send.poll(&mut Context::from_waker(Waker::noop()));
                taken += usize::from(polled.is_ready());
            }
            taken
        });
        let goes_on = spawn(async move {
            for number in 0..2 {
                goes_on.send(&(1, number)).await.unwrap();
            }
        });
        let taken = gives_up.join().unwrap();
        goes_on.join().unwrap();
        let messages = arriving.join().unwrap();
        let of = |sender| messages.iter().filter(move |of| of.0 == sender);
        assert!(of(1).eq(&[(1, 0), (1, 1)]));
        // Begun and dropped, it is there whole or not at all.
        assert!(of(0).count() >= taken);
        assert!(of(0).is_sorted() && of(0).count() <= 2);
    });
}

#[test]
fn both_sides_may_send_before_they_receive() {
    for read_ahead in [1 << 20, 20, 1] {
        try_schedules(move || {
            let (left, right) = pair(Kind::holding(10));
            let config = Config::new().read_ahead(read_ahead);
            let mut threads = Vec::new();
            for end in [left, right] {
                let connection = Connection::<Message, Message>::with_config(end, config.clone());
                let (sender, mut receiver) = connection.split();
                threads.push(spawn(async move {
                    for number in 0..3 {
                        sender.send(&(0, number)).await.unwrap();
                    }
                    sender.disconnect();
                    sender.flush().await.unwrap();
                }));
                threads.push(spawn(async move {
                    for number in 0..3 {
                        assert_eq!(receiver.recv().await.unwrap(), Some((0, number)));
                    }
                    assert_eq!(receiver.recv().await.unwrap(), None);
                }));
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}

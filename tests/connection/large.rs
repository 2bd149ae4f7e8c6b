//! Messages with large bytes, which are written from where the program has them, as far as there is room.

use std::cell::Cell;
use std::future::Future as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use offspring::transport::Memory;
use offspring::{Config, Connection, ErrorKind, Result, Sender};
use serde::{Deserialize, Serialize, Serializer};
use serde_bytes::{ByteBuf, Bytes};
use tokio::task::JoinSet;

use crate::changing::Changing;
use crate::support::{Joined, connections, watchdog};

/// Not copied, as far as there is room.
const LARGE: usize = 200_000;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Part {
    sender: u8,
    number: u32,
    bytes: ByteBuf,
    text: String,
}

impl Part {
    fn new(sender: u8, number: u32) -> Self {
        let size = match (number + u32::from(sender)) % 4 {
            0 => 10,
            1 => LARGE,
            2 => 100_000,
            _ => return Self::of(sender, number, 10, 10),
        };
        Self::of(sender, number, size, LARGE - size)
    }

    fn of(sender: u8, number: u32, bytes: usize, text: usize) -> Self {
        Self {
            sender,
            number,
            bytes: ByteBuf::from(vec![sender ^ number as u8; bytes]),
            text: "x".repeat(text),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_of_many_senders_arrive_whole_and_in_order() -> Result<()> {
    const SENDERS: u8 = 4;
    const COUNT: u32 = 40;
    let _watchdog = watchdog();
    let (left, mut right) = Connection::<Part, (), _>::memory::<(), Part>();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let left = left.sender();
        senders.spawn(async move {
            for number in 0..COUNT {
                let part = Part::new(sender, number);
                match number % 4 {
                    0 => left.feed(&part).await?,
                    1 => match left.try_send(&part) {
                        Err(error) if error.kind() == ErrorKind::Full => left.send(&part).await?,
                        tried => tried?,
                    },
                    _ => left.send(&part).await?,
                }
            }
            left.flush().await
        });
    }
    let mut next = [0; SENDERS as usize];
    for _ in 0..u32::from(SENDERS) * COUNT {
        let part = right.recv().await?.unwrap();
        let number = &mut next[usize::from(part.sender)];
        assert_eq!(part, Part::new(part.sender, *number));
        *number += 1;
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap()?;
    }
    drop(left);
    assert_eq!(right.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_large_message_whose_send_is_dropped_half_way_arrives_whole() -> Result<()> {
    let _watchdog = watchdog();
    let Joined {
        left,
        mut right,
        there,
        ..
    } = connections::<Part, (), (), Part>(LARGE / 2, Config::new());
    for number in 0..12 {
        let part = Part::new(0, number);
        {
            let mut sending = pin!(left.send(&part));
            let polled = sending
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled.is_ready(), number % 4 == 3);
            assert!(there.len() > 0);
        }
        // Nothing is borrowed from the message any more.
        drop(part);
        let (received, flushed) = tokio::join!(right.recv(), left.flush());
        flushed?;
        assert_eq!(received?, Some(Part::new(0, number)));
    }
    Ok(())
}

#[tokio::test]
async fn a_large_message_that_cannot_be_written_is_an_error() -> Result<()> {
    let _watchdog = watchdog();
    let Joined {
        left,
        right: _right,
        there,
        ..
    } = connections::<Bytes, (), (), ()>(LARGE, Config::new());
    let blob = vec![0; LARGE / 2];
    left.send(Bytes::new(&blob)).await?;
    there.fail_writes(io::ErrorKind::BrokenPipe);
    for _ in 0..2 {
        let error = left.send(Bytes::new(&blob)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_changes_while_it_is_written_ends_the_connection() -> Result<()> {
    let _watchdog = watchdog();
    for panics in [false, true] {
        for capacity in [LARGE / 2, usize::MAX] {
            let Joined {
                left, mut right, ..
            } = connections::<Changing, (), (), ByteBuf>(capacity, Config::new());
            let changing = |panics| Changing::new(LARGE, panics);
            match catch_unwind(AssertUnwindSafe(|| left.try_send(&changing(panics)))) {
                Ok(result) => assert_eq!(result.unwrap_err().kind(), ErrorKind::Encode),
                Err(_) => assert!(panics),
            }
            // Half a message is not taken for a whole one, and nobody waits for the rest.
            assert!(right.recv().await.is_err());
            let error = left.send(&changing(false)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_uses_its_own_connection_while_it_is_written_panics() -> Result<()> {
    let _watchdog = watchdog();
    struct Selfish(Sender<Self, Memory>, Cell<bool>);
    impl Serialize for Selfish {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.1.replace(true) {
                self.0.disconnect();
            }
            Bytes::new(&[0; LARGE]).serialize(serializer)
        }
    }
    let (left, right) = Memory::pair();
    let left = Connection::<Selfish, (), _>::new(left);
    let mut right = Connection::<(), (), _>::new(right);
    let message = Selfish(left.sender(), Cell::new(false));
    let panicked = catch_unwind(AssertUnwindSafe(|| left.try_send(&message)));
    let text = panicked.unwrap_err();
    assert!(text.downcast_ref::<&str>().unwrap().contains("Serialize"));
    assert!(right.recv().await.is_err());
    Ok(())
}

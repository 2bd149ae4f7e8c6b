//! Messages with large bytes, which are written from where the program has them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use offspring::blocking::Connection;
use offspring::{Config, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use crate::changing::Changing;
use crate::within;

/// Not copied; a little more than sockets and pipes hold.
const LARGE: usize = 1_200_000;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Part {
    sender: u8,
    number: u32,
    bytes: ByteBuf,
    text: String,
}

impl Part {
    fn new(sender: u8, number: u32) -> Self {
        let size = match (number + u32::from(sender)) % 3 {
            0 => 10,
            1 => LARGE,
            _ => 100_000,
        };
        Self {
            sender,
            number,
            bytes: ByteBuf::from(vec![sender ^ number as u8; size]),
            text: "x".repeat(LARGE - size),
        }
    }
}

#[test]
fn large_messages_of_many_senders_arrive_whole_and_in_order() -> Result<()> {
    const SENDERS: u8 = 4;
    const COUNT: u32 = 30;
    within(|| {
        let (left, mut right) = Connection::<Part, Part>::pair::<Part, Part>()?;
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let left = left.sender();
                thread::spawn(move || -> Result<()> {
                    for number in 0..COUNT {
                        let part = Part::new(sender, number);
                        match number % 4 {
                            0 => left.feed(&part)?,
                            1 => left.send_timeout(&part, Duration::from_secs(60))?,
                            _ => left.send(&part)?,
                        }
                    }
                    left.flush()
                })
            })
            .collect();
        let mut next = [0; SENDERS as usize];
        for _ in 0..u32::from(SENDERS) * COUNT {
            let part = right.recv()?.unwrap();
            let number = &mut next[usize::from(part.sender)];
            assert_eq!(part, Part::new(part.sender, *number));
            *number += 1;
        }
        for sender in senders {
            sender.join().unwrap()?;
        }
        drop(left);
        assert_eq!(right.recv()?, None);
        Ok(())
    })
}

#[test]
fn two_sides_that_both_send_large_messages_first_do_not_wait_for_each_other() -> Result<()> {
    within(|| {
        let (mut left, mut right) = Connection::<Bytes, ByteBuf>::pair::<Bytes, ByteBuf>()?;
        let bytes = vec![7; 8 * LARGE];
        thread::scope(|scope| -> Result<()> {
            let other = scope.spawn(|| -> Result<_> {
                right.send(Bytes::new(&bytes))?;
                right.recv()
            });
            left.send(Bytes::new(&bytes))?;
            assert!(left.recv()?.is_some_and(|received| received == bytes));
            assert!(
                other
                    .join()
                    .unwrap()?
                    .is_some_and(|received| received == bytes)
            );
            Ok(())
        })
    })
}

#[test]
fn a_large_message_above_the_limit_leaves_nothing_behind() -> Result<()> {
    within(|| {
        let config = Config::new().max_message(LARGE);
        let (left, mut right) =
            Connection::<Bytes, ()>::pair_with::<(), ByteBuf>(config, Config::new())?;
        let error = left.send(Bytes::new(&vec![0; LARGE])).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::TooLarge { .. }),
            "{error}"
        );
        let reader = thread::spawn(move || right.recv());
        left.send(Bytes::new(&vec![1; LARGE - 5]))?;
        let received = reader.join().unwrap()?;
        assert_eq!(received.map(|bytes| bytes.len()), Some(LARGE - 5));
        Ok(())
    })
}

#[test]
fn a_message_that_changes_while_it_is_written_ends_the_connection() -> Result<()> {
    for panics in [false, true] {
        within(move || {
            let (left, mut right) = Connection::<Changing, ()>::pair::<(), ByteBuf>()?;
            let reader = thread::spawn(move || right.recv());
            let message = Changing::new(LARGE, panics);
            match catch_unwind(AssertUnwindSafe(|| left.send(&message))) {
                Ok(result) => assert_eq!(result.unwrap_err().kind(), ErrorKind::Encode),
                Err(_) => assert!(panics),
            }
            // Half a message is not taken for a whole one, and nobody waits for the rest.
            assert!(reader.join().unwrap().is_err());
            let again = Changing::new(LARGE, false);
            let error = left.send(&again).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
            Ok(())
        })?;
    }
    Ok(())
}

//! What `recv` and its relatives promise.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;
use offspring::{Config, Connection, ErrorKind, Result};

use crate::support::{Played, Script, connections, frame, kind, played, watchdog};

/// What is received and what is given in return, until the end.
async fn all(
    connection: &mut Connection<str, u32, crate::support::End>,
) -> (Vec<Result<u32>>, ErrorKind) {
    let mut seen = Vec::new();
    loop {
        match connection.recv().await {
            Ok(Some(number)) => seen.push(Ok(number)),
            Ok(None) => unreachable!("nobody says goodbye here"),
            Err(error) if error.kind() == ErrorKind::Disconnected => return (seen, error.kind()),
            Err(error) => {
                seen.push(Err(error));
                assert!(seen.len() < 100);
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_skipped_alone() {
    let _watchdog = watchdog();
    let mut many = vec![0xdc, 0x01, 0x01];
    many.extend([0; 0x101]);
    let bad: [(Vec<u8>, ErrorKind); 8] = [
        (b"\xa3abc".to_vec(), ErrorKind::Decode),
        (b"\xcb\x3f\xf0\0\0\0\0\0\0".to_vec(), ErrorKind::Decode),
        (b"".to_vec(), ErrorKind::Malformed),
        (b"\xc1".to_vec(), ErrorKind::Malformed),
        (b"\x01\x01".to_vec(), ErrorKind::Malformed),
        (b"\xdd\xff\xff\xff\xff".to_vec(), ErrorKind::Malformed),
        (vec![0x91; 200], ErrorKind::TooDeep { limit: 128 }),
        (many, ErrorKind::TooManyItems { limit: 256 }),
    ];
    for (body, expected) in bad {
        for step in [1, usize::MAX] {
            let Played {
                mut connection, to, ..
            } = played::<str, u32>(Config::new().max_items(256));
            to.step(step);
            to.put(&Script::new().message(1).bytes());
            to.put(&frame(0, &body));
            to.put(&frame(0, b"\x02"));
            to.close();
            let (seen, _) = all(&mut connection).await;
            assert!(matches!(seen[..], [Ok(1), Err(_), Ok(2)]), "{seen:?}");
            let kind = seen[1].as_ref().map_err(offspring::Error::kind);
            assert_eq!(kind, Err(expected), "{body:x?}");
        }
    }
}

#[tokio::test]
async fn frames_of_tomorrow_are_ignored_and_others_refused() {
    let _watchdog = watchdog();
    for frame_kind in [3, 0x7f, 0x80, 0xff] {
        let Played {
            mut connection, to, ..
        } = played::<str, u32>(Config::new());
        to.put(&Script::new().message(1).bytes());
        to.put(&frame(frame_kind, b"whatever it is"));
        to.put(&frame(0, b"\x02"));
        assert_eq!(connection.recv().await.unwrap(), Some(1));
        if frame_kind >= 0x80 {
            assert_eq!(connection.recv().await.unwrap(), Some(2));
        } else {
            for _ in 0..3 {
                assert_eq!(kind(connection.recv().await), ErrorKind::Protocol);
            }
        }
    }
}

#[tokio::test]
async fn rules_that_the_other_side_breaks_end_the_connection() {
    let _watchdog = watchdog();
    let goodbye = |taken: u64| frame(1, &taken.to_be_bytes());
    let taken = |count: u64| frame(2, &count.to_be_bytes());
    let cases = [
        frame(1, b"\0"),
        frame(2, b""),
        [taken(3), taken(2)].concat(),
        [taken(3), goodbye(2)].concat(),
        0u32.to_be_bytes().to_vec(),
    ];
    for bytes in cases {
        let Played {
            mut connection, to, ..
        } = played::<str, u32>(Config::new());
        to.put(&Script::new().message(1).bytes());
        to.put(&bytes);
        assert_eq!(connection.recv().await.unwrap(), Some(1));
        for _ in 0..3 {
            assert_eq!(
                kind(connection.recv().await),
                ErrorKind::Protocol,
                "{bytes:x?}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_its_first_bytes() {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, u32>(Config::new().max_message(1000));
    to.put(&Script::new().message(1).bytes());
    to.put(&1002u32.to_be_bytes());
    assert_eq!(connection.recv().await.unwrap(), Some(1));
    for _ in 0..3 {
        let error = connection.recv().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::TooLarge {
                size: 1001,
                limit: 1000
            }
        );
        assert!(
            error.to_string().contains("1001") && error.to_string().contains("1000"),
            "{error}"
        );
    }
    connection.send("the way back is open").await.unwrap();
}

#[tokio::test]
async fn try_recv_tells_nothing_yet_from_the_end() -> Result<()> {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, u32>(Config::new());
    assert_eq!(kind(connection.try_recv()), ErrorKind::Empty);
    let script = Script::new().message(1).message(2).goodbye().bytes();
    for byte in &script[..script.len() - 1] {
        to.put(&[*byte]);
        match connection.try_recv() {
            Ok(number) => assert!(number.is_some()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Empty),
        }
    }
    to.put(&script[script.len() - 1..]);
    assert_eq!(connection.try_recv()?, None);
    Ok(())
}

#[tokio::test]
async fn recv_with_borrows_from_where_the_message_arrived() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair = connections::<str, (), (), String>(1000, Config::new());
    pair.left.send("borrowed").await?;
    pair.left.send("owned").await?;
    let found = pair.right.recv_with(|body| {
        let bytes = body.bytes().as_ptr_range();
        let text: &str = body.decode().unwrap();
        (bytes.contains(&text.as_ptr()), text.to_owned())
    });
    assert_eq!(found.await?, Some((true, "borrowed".to_owned())));
    assert_eq!(pair.right.recv().await?.as_deref(), Some("owned"));
    drop(pair.left);
    assert_eq!(pair.right.recv_with(|_| unreachable!()).await?, None::<()>);
    Ok(())
}

#[tokio::test]
async fn a_stream_ends_after_the_first_failure_but_not_at_a_bad_message() {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, u32>(Config::new());
    to.put(
        &Script::new()
            .message(1)
            .message("not a number")
            .message(3)
            .bytes(),
    );
    to.close();
    let mut seen = Vec::new();
    while let Some(item) = poll_fn(|cx| Pin::new(&mut connection).poll_next(cx)).await {
        seen.push(item.map_err(|error| error.kind()));
    }
    let expected = [
        Ok(1),
        Err(ErrorKind::Decode),
        Ok(3),
        Err(ErrorKind::Disconnected),
    ];
    assert_eq!(seen, expected);
    for _ in 0..3 {
        assert!(
            poll_fn(|cx| Pin::new(&mut connection).poll_next(cx))
                .await
                .is_none()
        );
    }
    assert_eq!(kind(connection.recv().await), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_stream_ends_with_the_goodbye() {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, u32>(Config::new());
    to.put(&Script::new().message(1).goodbye().bytes());
    let next = poll_fn(|cx| Pin::new(&mut connection).poll_next(cx)).await;
    assert_eq!(next.unwrap().unwrap(), 1);
    for _ in 0..3 {
        assert!(
            poll_fn(|cx| Pin::new(&mut connection).poll_next(cx))
                .await
                .is_none()
        );
    }
}

#[tokio::test]
async fn a_look_without_waiting_does_not_silence_a_waiting_task() {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, u32>(Config::new());
    to.put(&Script::new().bytes());
    let waker = Arc::new(Counter::default());
    let woken = Waker::from(Arc::clone(&waker));
    let context = &mut Context::from_waker(&woken);
    assert!(Pin::new(&mut connection).poll_next(context).is_pending());
    assert_eq!(kind(connection.try_recv()), ErrorKind::Empty);
    assert_eq!(waker.0.load(Ordering::Relaxed), 0);
    to.put(&frame(0, b"\x05"));
    assert_ne!(waker.0.load(Ordering::Relaxed), 0);
    let next = Pin::new(&mut connection).poll_next(context);
    assert!(matches!(next, Poll::Ready(Some(Ok(5)))));
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_flood_of_messages_leaves_other_tasks_their_turn() -> Result<()> {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, u32>(Config::new());
    let mut script = Script::new();
    for number in 0..100_000 {
        script = script.message(number);
    }
    to.put(&script.goodbye().bytes());
    let turns = Arc::new(AtomicUsize::new(0));
    let other = {
        let turns = Arc::clone(&turns);
        tokio::spawn(async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        })
    };
    let flood = tokio::spawn(async move { while connection.recv().await.unwrap().is_some() {} });
    flood.await.unwrap();
    other.abort();
    let turns = turns.load(Ordering::Relaxed);
    assert!(
        turns > 100,
        "another task had {turns} turns during 100,000 messages"
    );
    Ok(())
}

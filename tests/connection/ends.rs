//! How a connection ends, and what the other side sees of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;

use offspring::{Config, Connection, ErrorKind, Result};
use tokio::task::coop;

use crate::support::{Item, Joined, Played, Script, connections, kind, played, watchdog};

type Text = Connection<str, String, offspring::transport::Memory>;

fn texts() -> (Text, Text) {
    Connection::memory::<str, String>()
}

#[tokio::test]
async fn recv_tells_a_goodbye_from_a_crash() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    drop(left);
    assert_eq!(right.recv().await?, None);

    let (left, mut right) = texts();
    left.abort();
    assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
    Ok(())
}

#[tokio::test]
async fn an_abort_ends_the_connection_for_all_its_senders() {
    let _watchdog = watchdog();
    let pair = connections::<str, String, str, String>(100, Config::new());
    let (left, mut right) = (pair.left, pair.right);
    let (idle, blocked) = (left.sender(), left.sender());
    let long = "x".repeat(1000);
    let waiting = async { kind(blocked.send(&long).await) };
    let aborting = async {
        tokio::task::yield_now().await;
        left.abort();
    };
    let (waiting, ()) = tokio::join!(waiting, aborting);
    assert_eq!(waiting, ErrorKind::Disconnected);
    assert_eq!(kind(right.recv().await), ErrorKind::Truncated);
    assert_eq!(kind(idle.send("more").await), ErrorKind::Disconnected);
    assert_eq!(kind(right.send("more").await), ErrorKind::Disconnected);
}

#[tokio::test]
async fn the_answer_to_recv_stays_the_same_after_the_end() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    drop(left);
    for _ in 0..3 {
        assert_eq!(right.recv().await?, None);
        assert_eq!(right.try_recv()?, None);
    }

    let (left, mut right) = texts();
    left.abort();
    for _ in 0..3 {
        assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
        assert_eq!(kind(right.try_recv()), ErrorKind::Disconnected);
    }
    Ok(())
}

#[tokio::test]
async fn a_late_listener_loses_nothing() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = Connection::<u32, (), _>::memory::<(), u32>();
    for number in 0..1000 {
        left.send(&number).await?;
    }
    drop(left);
    for number in 0..1000 {
        assert_eq!(right.recv().await?, Some(number));
    }
    assert_eq!(right.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn only_the_last_of_several_senders_says_goodbye() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    let (first, receiver) = left.split();
    let second = first.clone();
    drop(first);
    drop(receiver);
    assert_eq!(kind(right.try_recv()), ErrorKind::Empty);
    second.send("still here").await?;
    assert_eq!(right.recv().await?.as_deref(), Some("still here"));
    drop(second);
    assert_eq!(right.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_thread_that_panics_says_no_goodbye() {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    let panicked = thread::spawn(move || {
        let _left = left;
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_task_that_panics_says_no_goodbye() {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    let task = tokio::spawn(async move {
        left.send("before").await.unwrap();
        panic!("on purpose");
    });
    assert!(task.await.is_err());
    assert_eq!(right.recv().await.unwrap().as_deref(), Some("before"));
    assert_eq!(kind(right.recv().await), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_goodbye_needs_no_budget_of_the_task() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    tokio::spawn(async move {
        use_up_the_budget();
        left.try_send("the last words").unwrap();
    })
    .await
    .unwrap();
    assert_eq!(right.recv().await?.as_deref(), Some("the last words"));
    assert_eq!(right.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn what_does_not_wait_needs_no_budget_of_the_task() {
    let _watchdog = watchdog();
    tokio::spawn(async {
        use_up_the_budget();
        let (left, mut right) = texts();
        left.try_send("taken at once").unwrap();
        assert_eq!(right.try_recv().unwrap().as_deref(), Some("taken at once"));
        left.disconnect();
        assert_eq!(right.try_recv().unwrap(), None);
    })
    .await
    .unwrap();
}

/// Leaves this task nothing of what tokio lets it do before it has to yield.
fn use_up_the_budget() {
    let mut context = Context::from_waker(Waker::noop());
    while coop::has_budget_remaining() {
        if let std::task::Poll::Ready(spent) = coop::poll_proceed(&mut context) {
            spent.made_progress();
        }
    }
}

#[tokio::test]
async fn this_side_can_receive_after_its_own_goodbye() -> Result<()> {
    let _watchdog = watchdog();
    let (mut left, mut right) = texts();
    left.send("question").await?;
    left.disconnect();
    assert_eq!(right.recv().await?.as_deref(), Some("question"));
    assert_eq!(right.recv().await?, None);
    for number in 0..100 {
        right.send(&format!("answer {number}")).await?;
        assert_eq!(left.recv().await?, Some(format!("answer {number}")));
    }
    drop(right);
    assert_eq!(left.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_send_after_the_goodbye_is_refused() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    let clone = left.sender();
    left.disconnect();
    left.disconnect();
    assert_eq!(kind(left.send("more").await), ErrorKind::Closed);
    assert_eq!(kind(clone.feed("more").await), ErrorKind::Closed);
    assert_eq!(kind(clone.try_send("more")), ErrorKind::Closed);
    clone.flush().await?;
    assert_eq!(right.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_send_after_the_goodbye_is_refused_while_nothing_can_leave() {
    let _watchdog = watchdog();
    let config = Config::new().send_buffer(100);
    let Joined {
        left,
        right: _right,
        there,
        ..
    } = connections::<Item, (), (), ()>(1000, config);
    there.freeze();
    left.try_send(&Item::Bytes(200)).unwrap();
    assert_eq!(kind(left.try_send(&Item::Number(1))), ErrorKind::Full);
    left.disconnect();
    assert_eq!(kind(left.try_send(&Item::Number(1))), ErrorKind::Closed);
    assert_eq!(kind(left.send(&Item::Number(1)).await), ErrorKind::Closed);
}

#[tokio::test]
async fn sending_to_the_dead_is_an_error_every_time() {
    let _watchdog = watchdog();
    let config = Config::new().send_buffer(1000);
    let Joined { left, right, .. } = connections::<str, String, str, String>(1000, config);
    right.abort();
    let long = "x".repeat(400);
    for _ in 0..10 {
        assert_eq!(kind(left.send(&long).await), ErrorKind::Disconnected);
        assert_eq!(kind(left.try_send(&long)), ErrorKind::Disconnected);
        assert_eq!(kind(left.feed(&long).await), ErrorKind::Disconnected);
        assert_eq!(kind(left.flush().await), ErrorKind::Disconnected);
    }
}

#[tokio::test]
async fn a_failed_transport_is_named_as_the_cause() {
    let _watchdog = watchdog();
    let Played {
        mut connection,
        to,
        from,
        ..
    } = played::<str, String>(Config::new());
    from.fail_writes(io::ErrorKind::ConnectionReset);
    to.put(&Script::new().message("before").bytes());
    to.fail_reads(io::ErrorKind::ConnectionAborted);

    let error = connection.send("x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(cause(&error), Some(io::ErrorKind::ConnectionReset));

    assert_eq!(connection.recv().await.unwrap().as_deref(), Some("before"));
    let error = connection.recv().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert_eq!(cause(&error), Some(io::ErrorKind::ConnectionAborted));
}

fn cause(error: &offspring::Error) -> Option<io::ErrorKind> {
    let source = std::error::Error::source(error)?.downcast_ref::<io::Error>()?;
    Some(source.kind())
}

#[tokio::test]
async fn a_cut_inside_a_frame_is_told_from_one_between_frames() {
    let _watchdog = watchdog();
    let hello = Script::new().bytes().len();
    let stream = Script::new()
        .message("one")
        .message([1, 2, 3])
        .message("three")
        .bytes();
    let mut boundaries = vec![hello];
    for body in [4, 4, 6] {
        boundaries.push(boundaries.last().unwrap() + 5 + body);
    }
    assert_eq!(boundaries.last(), Some(&stream.len()));

    for cut in 0..=stream.len() {
        for step in [1, usize::MAX] {
            let Played {
                mut connection, to, ..
            } = played::<str, serde::de::IgnoredAny>(Config::new());
            to.step(step);
            to.put(&stream[..cut]);
            to.close();
            let mut count = 0;
            let error = loop {
                match connection.recv().await {
                    Ok(message) => assert!(message.is_some(), "cut at {cut}"),
                    Err(error) => break error,
                }
                count += 1;
            };
            let whole = boundaries.iter().filter(|end| **end <= cut).count();
            assert_eq!(count, whole.saturating_sub(1), "cut at {cut}");
            let expected = if cut == 0 || boundaries.contains(&cut) {
                ErrorKind::Disconnected
            } else {
                ErrorKind::Truncated
            };
            assert_eq!(error.kind(), expected, "cut at {cut}: {error}");
            assert_eq!(
                kind(connection.recv().await),
                expected,
                "again, cut at {cut}"
            );
        }
    }
}

#[test]
fn halves_may_be_dropped_in_any_order_and_without_a_runtime() {
    let _watchdog = watchdog();
    for order in 0..6 {
        let (left, mut right) = texts();
        let (sender, receiver) = left.split();
        let clone = sender.clone();
        sender.try_send("no runtime is needed").unwrap();
        match order {
            0 => drop((sender, clone, receiver)),
            1 => drop((receiver, clone, sender)),
            2 => drop((clone, receiver, sender)),
            3 => drop((sender, receiver, clone)),
            4 => drop((receiver, sender, clone)),
            _ => drop((clone, sender, receiver)),
        }
        assert_eq!(
            right.try_recv().unwrap().as_deref(),
            Some("no runtime is needed")
        );
        assert_eq!(right.try_recv().unwrap(), None);
    }
}

#[test]
fn what_does_not_wait_needs_no_runtime() {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    assert_eq!(kind(right.try_recv()), ErrorKind::Empty);
    left.try_send("Hello").unwrap();
    assert_eq!(right.try_recv().unwrap().as_deref(), Some("Hello"));
    assert_eq!(kind(right.try_recv()), ErrorKind::Empty);

    // The other side may say nothing at all, and then there is no hello either.
    let Played { mut connection, .. } = played::<str, String>(Config::new());
    assert_eq!(kind(connection.try_recv()), ErrorKind::Empty);
    left.disconnect();
    left.abort();
}

#[test]
fn a_connection_outlives_the_runtime_that_used_it() {
    let _watchdog = watchdog();
    let (mut left, mut right) = texts();
    for number in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        // Dropped in the middle of a wait, with a message in flight.
        runtime.block_on(async {
            left.send(&number.to_string()).await.unwrap();
            tokio::select! {
                biased;
                _ = left.recv() => unreachable!(),
                () = tokio::task::yield_now() => {}
            }
        });
        runtime.shutdown_background();
        assert_eq!(right.try_recv().unwrap(), Some(number.to_string()));
    }
}

#[test]
fn a_panic_while_a_message_is_read_loses_only_that_message() {
    let _watchdog = watchdog();
    let (left, mut right) = texts();
    left.try_send("first").unwrap();
    left.try_send("second").unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let reading = pin!(right.recv_with(|_| panic!("on purpose")));
        let _ = reading.poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(panicked.is_err());
    assert_eq!(right.try_recv().unwrap().as_deref(), Some("second"));
}

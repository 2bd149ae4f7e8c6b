//! What `send` and its relatives promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use offspring::transport::{Halves, Memory};
use offspring::{Config, Connection, ErrorKind, Result, Sender};
use serde::{Serialize, Serializer};
use tokio::task::{JoinSet, yield_now};

use crate::support::{
    Item, Joined, Played, Random, Script, Tasks, connections, kind, played, watchdog,
};

type Items = Joined<Item, (), (), Vec<u32>>;

/// Shows that the connection is as good as new.
async fn assert_good(pair: &mut Items) -> Result<()> {
    for number in [7, 8] {
        pair.left.send(&Item::Number(number)).await?;
        assert_eq!(pair.right.recv().await?, Some(vec![number]));
    }
    Ok(())
}

#[tokio::test]
async fn a_message_needs_one_write_and_one_read() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(usize::MAX, Config::new());
    assert_good(&mut pair).await?;
    let before = (pair.there.writes(), pair.there.reads());
    for number in 0..100 {
        pair.left.send(&Item::Number(number)).await?;
        assert_eq!(pair.right.recv().await?, Some(vec![number]));
    }
    let after = (pair.there.writes(), pair.there.reads());
    assert_eq!((after.0 - before.0, after.1 - before.1), (100, 100));
    Ok(())
}

#[tokio::test]
async fn what_was_fed_leaves_in_one_write() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(usize::MAX, Config::new());
    let before = pair.there.writes();
    for number in 0..1000 {
        pair.left.feed(&Item::Number(number)).await?;
    }
    assert_eq!(pair.there.writes(), before);
    pair.left.flush().await?;
    assert_eq!(pair.there.writes(), before + 1);
    for number in 0..1000 {
        assert_eq!(pair.right.recv().await?, Some(vec![number]));
    }
    Ok(())
}

#[tokio::test]
async fn the_hello_and_the_first_messages_share_a_write() {
    let _watchdog = watchdog();
    let Joined {
        left,
        right: _right,
        there,
        ..
    } = connections::<Item, (), (), Vec<u32>>(usize::MAX, Config::new());
    // The hello left at once, being alone.
    assert_eq!(there.writes(), 1);
    left.flush().await.unwrap();
    assert_eq!(there.writes(), 1, "there is nothing to write");
}

#[test]
fn several_senders_share_a_write() {
    let _watchdog = watchdog();
    let mut tasks = Tasks::new();
    let Joined {
        left,
        mut right,
        there,
        ..
    } = connections::<Item, (), (), Vec<u32>>(usize::MAX, Config::new());
    there.freeze();
    for number in 0..64 {
        let sender = left.sender();
        tasks.spawn(format!("sender {number}"), async move {
            sender.send(&Item::Number(number)).await.unwrap();
        });
    }
    tasks.run_until_idle();
    assert_eq!(tasks.left().len(), 64);
    let before = there.writes();
    there.thaw();
    tasks.run();
    // One for the batch that was begun when all stood still, one for all that came together meanwhile.
    assert_eq!(there.writes() - before, 2);
    for _ in 0..64 {
        assert!(right.try_recv().unwrap().is_some());
    }
}

#[tokio::test]
async fn senders_that_are_ready_share_a_write() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(usize::MAX, Config::new());
    let before = pair.there.writes();
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let sender = pair.left.sender();
        tasks.spawn(async move {
            for round in 0..10 {
                sender.send(&Item::Number(64 * round + task)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    // The first task is alone until it has to wait, which it never has. The others go through ten rounds.
    assert_eq!(pair.there.writes() - before, 10 + 10);
    let mut rounds = [0; 64];
    for _ in 0..640 {
        let number = pair.right.try_recv()?.unwrap()[0];
        let (round, task) = (number / 64, (number % 64) as usize);
        assert_eq!(round, rounds[task]);
        rounds[task] += 1;
    }
    Ok(())
}

/// A task of its own, which only says how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_sender_lets_others_go_first_only_if_another_task_sent_last() -> Result<()> {
    let _watchdog = watchdog();
    let pair: Items = connections(usize::MAX, Config::new());
    let tasks = [Arc::new(Count::default()), Arc::new(Count::default())];
    for (task, polls) in [(0, 1), (0, 1), (1, 2), (1, 1), (0, 2)] {
        let (before, waker) = (pair.there.writes(), Waker::from(Arc::clone(&tasks[task])));
        let mut context = Context::from_waker(&waker);
        let mut send = pin!(pair.left.send(&Item::Number(0)));
        for _ in 1..polls {
            let woken = tasks[task].0.load(Ordering::Relaxed);
            assert!(send.as_mut().poll(&mut context).is_pending());
            assert_eq!(tasks[task].0.load(Ordering::Relaxed), woken + 1);
            assert_eq!(pair.there.writes(), before);
        }
        assert!(matches!(send.poll(&mut context), Poll::Ready(Ok(()))));
        assert_eq!(pair.there.writes(), before + 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_message_leaves_although_its_sender_is_dropped_while_it_lets_others_go() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(usize::MAX, Config::new());
    let tasks = [(); 2].map(|()| Waker::from(Arc::new(Count::default())));
    for (number, waker) in (0..).zip(&tasks) {
        let item = Item::Number(number);
        let mut send = Box::pin(pair.left.send(&item));
        let polled = send.as_mut().poll(&mut Context::from_waker(waker));
        assert_eq!(polled.is_pending(), number == 1);
        drop(send);
        assert_eq!(pair.right.try_recv()?, Some(vec![number]));
    }
    Ok(())
}

#[tokio::test]
async fn each_of_many_senders_keeps_its_order() -> Result<()> {
    let _watchdog = watchdog();
    for (capacity, messages) in [(64, 20), (64 * 1024, 300)] {
        let (near, far) = tokio::io::duplex(capacity);
        let (read, write) = tokio::io::split(near);
        let left = Connection::<(u8, u32, String), (), _>::new(Halves(read, write));
        let (read, write) = tokio::io::split(far);
        let mut right = Connection::<(), (u8, u32, String), _>::new(Halves(read, write));
        for task in 0..64u8 {
            let sender = left.sender();
            tokio::spawn(async move {
                let mut random = Random::new(task.into());
                for number in 0..messages {
                    let text = random.text(number.into(), 100);
                    let message = (task, number, text);
                    match random.below(3) {
                        0 => sender.feed(&message).await.unwrap(),
                        1 => sender.send(&message).await.unwrap(),
                        _ => match sender.try_send(&message) {
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Full);
                                sender.send(&message).await.unwrap();
                            }
                            Ok(()) => yield_now().await,
                        },
                    }
                }
                sender.flush().await.unwrap();
            });
        }
        drop(left);
        let mut next: [u32; 64] = [0; 64];
        let mut random: Vec<_> = (0..64).map(Random::new).collect();
        while let Some((task, number, text)) = right.recv().await? {
            let task = usize::from(task);
            assert_eq!(number, next[task]);
            next[task] += 1;
            assert_eq!(text, random[task].text(number.into(), 100));
            random[task].below(3);
        }
        assert_eq!(next, [messages; 64]);
    }
    Ok(())
}

#[tokio::test]
async fn try_send_is_full_only_while_the_buffer_is() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(0, Config::new().send_buffer(1000));
    let mut taken = 0;
    while pair.left.try_send(&Item::Bytes(100)).is_ok() {
        taken += 1;
        assert!(taken < 20);
    }
    assert_eq!(kind(pair.left.try_send(&Item::Bytes(100))), ErrorKind::Full);
    assert!(
        (8..=10).contains(&taken),
        "{taken} messages of 100 bytes fit into 1000 bytes"
    );

    assert_eq!(pair.there.len(), 0);

    // Room for the hello and one message.
    pair.there.widen(Script::new().bytes().len() + 105);
    pair.left.try_send(&Item::Number(3))?;
    pair.there.widen(usize::MAX);
    pair.left.flush().await?;
    for _ in 0..taken {
        pair.right.recv_with(|_| ()).await?;
    }
    assert_eq!(pair.right.recv().await?, Some(vec![3]));
    Ok(())
}

#[tokio::test]
async fn a_buffer_of_no_size_still_takes_one_message() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(7, Config::new().send_buffer(0).read_ahead(0));
    let sender = pair.left.sender();
    tokio::spawn(async move {
        for number in 0..100 {
            sender.send(&Item::Number(number)).await.unwrap();
        }
    });
    for number in 0..100 {
        assert_eq!(pair.right.recv().await?, Some(vec![number]));
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_cannot_be_serialised_leaves_no_trace() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(usize::MAX, Config::new());
    assert_good(&mut pair).await?;
    let (left, before) = (&pair.left, pair.there.writes());
    assert_eq!(kind(left.send(&Item::Fails).await), ErrorKind::Encode);
    assert_eq!(kind(left.feed(&Item::Fails).await), ErrorKind::Encode);
    assert_eq!(kind(left.try_send(&Item::Fails)), ErrorKind::Encode);
    left.flush().await?;
    assert_eq!(pair.there.writes(), before);
    assert_good(&mut pair).await
}

#[tokio::test]
async fn a_panic_in_serialize_leaves_no_trace() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(usize::MAX, Config::new());
    let panicked = catch_unwind(AssertUnwindSafe(|| pair.left.try_send(&Item::Panics)));
    assert!(panicked.is_err());
    let sender = pair.left.sender();
    let task = tokio::spawn(async move { sender.send(&Item::Panics).await });
    assert!(task.await.is_err());
    assert_good(&mut pair).await
}

#[tokio::test]
async fn limits_are_checked_before_anything_is_sent() -> Result<()> {
    let _watchdog = watchdog();
    let config = Config::new().max_message(1000).max_depth(10).max_items(50);
    let mut pair: Items = connections(usize::MAX, config);
    assert_good(&mut pair).await?;
    let before = pair.there.writes();
    let cases = [
        (
            Item::Bytes(1001),
            ErrorKind::TooLarge {
                size: 1001,
                limit: 1000,
            },
        ),
        (Item::Deep(11), ErrorKind::TooDeep { limit: 10 }),
        (Item::Wide(51), ErrorKind::TooManyItems { limit: 50 }),
    ];
    for (item, expected) in cases {
        assert_eq!(kind(pair.left.send(&item).await), expected);
        assert_eq!(kind(pair.left.try_send(&item)), expected);
    }
    assert_eq!(pair.there.writes(), before);
    for item in [Item::Bytes(1000), Item::Deep(9), Item::Wide(50)] {
        pair.left.send(&item).await?;
        pair.right.recv_with(|_| ()).await?;
    }
    assert_good(&mut pair).await
}

#[tokio::test]
async fn the_limit_of_the_other_side_holds_once_it_is_known() -> Result<()> {
    let _watchdog = watchdog();
    let hello = offspring::wire::Hello::new().with_max_message(100);
    let Played {
        mut connection, to, ..
    } = played::<Item, ()>(Config::new());
    connection.send(&Item::Bytes(101)).await?;
    to.put(&Script::with_hello(&hello).bytes());
    connection.ready().await?;
    let error = connection.send(&Item::Bytes(101)).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::TooLarge {
            size: 101,
            limit: 100
        }
    );
    assert!(
        error.to_string().contains("101") && error.to_string().contains("100"),
        "{error}"
    );
    connection.send(&Item::Bytes(100)).await
}

#[tokio::test]
async fn a_transport_that_buffers_is_flushed_by_whoever_comes_next() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair = connections::<str, String, str, String>(usize::MAX, Config::new());
    let hello = pair.there.len();
    pair.there.buffer();
    pair.left.try_send("sent, but not out")?;
    assert_eq!(pair.there.len(), hello);
    pair.there.let_flush();
    // It asks for an answer, and so for the question to leave.
    let answer = tokio::spawn(async move { pair.left.recv().await });
    assert_eq!(
        pair.right.recv().await?.as_deref(),
        Some("sent, but not out")
    );
    pair.right.send("answer").await?;
    assert_eq!(answer.await.unwrap()?.as_deref(), Some("answer"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_send_at_once_mix_nothing() -> Result<()> {
    let _watchdog = watchdog();
    let (left, mut right) = Connection::<(u64, String), (), _>::memory::<(), (u64, String)>();
    for task in 0..4 {
        let sender = left.sender();
        tokio::spawn(async move {
            let mut random = Random::new(task);
            for number in 0..500 {
                sender
                    .send(&(task, random.text(number, 2000)))
                    .await
                    .unwrap();
            }
        });
    }
    drop(left);
    let mut random: Vec<_> = (0..4).map(Random::new).collect();
    let mut next = [0; 4];
    while let Some((task, text)) = right.recv().await? {
        let task = task as usize;
        assert_eq!(text, random[task].text(next[task], 2000));
        next[task] += 1;
    }
    assert_eq!(next, [500; 4]);
    Ok(())
}

#[tokio::test]
async fn a_message_that_uses_its_own_connection_panics_instead_of_waiting_for_itself() -> Result<()>
{
    let _watchdog = watchdog();
    struct Selfish(Sender<Self, Memory>);
    impl Serialize for Selfish {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            self.0.disconnect();
            unreachable!()
        }
    }
    let (left, right) = Memory::pair();
    let left = Connection::<Selfish, (), _>::new(left);
    let right = Connection::<(), (), _>::new(right);
    let message = Selfish(left.sender());
    let panicked = catch_unwind(AssertUnwindSafe(|| left.try_send(&message)));
    let text = panicked.unwrap_err();
    assert!(text.downcast_ref::<&str>().unwrap().contains("Serialize"));
    drop((left, right));
    Ok(())
}

#[tokio::test]
async fn a_program_that_only_tries_to_send_gets_everything_out() -> Result<()> {
    let _watchdog = watchdog();
    let mut pair: Items = connections(0, Config::new().send_buffer(100));
    while pair.left.try_send(&Item::Bytes(50)).is_ok() {}
    pair.there.widen(usize::MAX);
    pair.left.try_send(&Item::Number(9))?;
    while pair.right.recv_with(|body| body.bytes().len()).await? != Some(2) {}
    Ok(())
}

//! The overlapped I/O under a stream.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use offspring_platform::{Listener, Name, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    Pair, alone, fill, pair, pair_of, poll_read, poll_write, soon, under_wine, within,
};
use crate::system::{handle_count, thread_count, write_nothing};

/// Bytes that show when one is lost, doubled or out of place.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at % 251) as u8).collect()
}

/// How often a waker was woken.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

pub(crate) fn count() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), count.into())
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_write_is_done_when_the_pipe_has_taken_it() {
    within(async {
        let mut pair = pair().await;
        let bytes = pattern(1 << 20);
        // Nobody reads: the pipe takes some, and then a write waits.
        let taken = fill(&mut pair.client.1, &bytes[..]);
        assert!(
            taken < bytes.len() / 2,
            "{taken} bytes were taken, and nobody read them"
        );
        // What was reported is there, whatever happens to the writer.
        let Pair { client, mut server } = pair;
        drop(client);
        let mut found = Vec::new();
        server.0.read_to_end(&mut found).await.unwrap();
        assert!(
            found.len() >= taken,
            "{} of {taken} bytes arrived",
            found.len()
        );
    })
    .await;
}

#[tokio::test]
async fn large_writes_arrive_whole_while_the_reader_is_slow() {
    within(async {
        let mut pair = pair().await;
        let bytes = pattern(3 << 20);
        let expected = bytes.clone();
        let writer = tokio::spawn(async move {
            pair.client.1.write_all(&bytes).await.unwrap();
        });
        let mut found = Vec::new();
        let mut chunk = 1;
        while found.len() < expected.len() {
            let mut buf = vec![0; chunk];
            let size = pair.server.0.read(&mut buf).await.unwrap();
            assert_ne!(size, 0);
            found.extend_from_slice(&buf[..size]);
            chunk = chunk % 70_000 * 3 + 1;
            tokio::task::yield_now().await;
        }
        assert!(found == expected);
        writer.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn both_sides_can_write_first_if_both_also_read() {
    within(async {
        let Pair { client, server } = pair().await;
        let bytes = pattern(2 << 20);
        let side = |(mut read, mut write): (
            offspring_platform::ReadHalf,
            offspring_platform::WriteHalf,
        )| {
            let bytes = bytes.clone();
            async move {
                let mut found = vec![0; bytes.len()];
                let (written, filled) =
                    tokio::join!(write.write_all(&bytes), read.read_exact(&mut found));
                written.unwrap();
                filled.unwrap();
                assert!(found == bytes);
            }
        };
        tokio::join!(side(client), side(server));
    })
    .await;
}

#[tokio::test]
async fn a_write_that_waits_counts_once_however_it_is_offered_again() {
    within(async {
        let mut pair = pair().await;
        let bytes = pattern(400_000);
        let mut sent = fill(&mut pair.client.1, &bytes);
        let expected = bytes.clone();
        let reader = tokio::spawn(async move {
            let mut found = vec![0; expected.len()];
            pair.server.0.read_exact(&mut found).await.unwrap();
            assert!(found == expected);
            assert_eq!(pair.server.0.read(&mut [0]).await.unwrap(), 0);
        });
        // `fill` has offered everything; now the same bytes come in small pieces.
        let mut rest = &bytes[sent..];
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(1000)];
            let size = pair.client.1.write(piece).await.unwrap();
            rest = &rest[size..];
            sent += size;
        }
        assert_eq!(sent, bytes.len());
        drop(pair.client);
        reader.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_cancelled_reads_and_writes_loses_nothing() {
    within(async {
        let Pair {
            client: (_keep, mut write),
            server: (mut read, _also),
        } = pair().await;
        let expected = pattern(500_000);
        let bytes = expected.clone();
        let writer = tokio::spawn(async move {
            let (mut sent, mut cancelled) = (0, 0);
            while sent < bytes.len() {
                let piece = &bytes[sent..bytes.len().min(sent + 10_007)];
                tokio::select! {
                    biased;
                    size = write.write(piece) => sent += size.unwrap(),
                    () = std::future::ready(()) => cancelled += 1,
                }
                tokio::task::yield_now().await;
            }
            cancelled
        });
        let (mut found, mut cancelled) = (Vec::new(), 0);
        let mut buf = vec![0; 777];
        while found.len() < expected.len() {
            tokio::select! {
                biased;
                size = read.read(&mut buf) => found.extend_from_slice(&buf[..size.unwrap()]),
                () = std::future::ready(()) => cancelled += 1,
            }
            tokio::task::yield_now().await;
        }
        assert!(found == expected);
        assert!(
            cancelled + writer.await.unwrap() > 0,
            "nothing was ever cancelled"
        );
    })
    .await;
}

#[tokio::test]
async fn try_read_takes_over_from_a_read_that_waits() {
    within(async {
        let mut pair = pair().await;
        for round in 0..200 {
            assert!(poll_read(&mut pair.server.0, Waker::noop()).is_pending());
            let mut buf = [0; 4];
            let error = pair.server.0.try_read(&mut buf).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            // With a read under way and without one.
            if round % 2 == 0 {
                assert!(poll_read(&mut pair.server.0, Waker::noop()).is_pending());
            }
            pair.client.1.write_all(b"message").await.unwrap();
            // It was written, so it is there: at the first question, and all of it.
            assert_eq!(pair.server.0.try_read(&mut buf).unwrap(), 4);
            assert_eq!(&buf, b"mess");
            assert_eq!(pair.server.0.try_read(&mut buf).unwrap(), 3);
            assert_eq!(&buf[..3], b"age");
        }
        drop(pair.client);
        let mut buf = [0; 4];
        assert_eq!(pair.server.0.try_read(&mut buf).unwrap(), 0);
        assert_eq!(pair.server.0.read(&mut buf).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_last_waker_is_woken_and_no_earlier_one() {
    within(async {
        let mut pair = pair().await;
        let (early, late) = (Arc::new(Count::default()), Arc::new(Count::default()));
        assert!(poll_read(&mut pair.server.0, &early.clone().into()).is_pending());
        assert!(poll_read(&mut pair.server.0, &late.clone().into()).is_pending());
        assert_eq!(
            Arc::strong_count(&early),
            1,
            "a waker that nobody needs is kept"
        );
        pair.client.1.write_all(b"x").await.unwrap();
        while late.0.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(early.0.load(Ordering::SeqCst), 0);
        // A half that goes away lets go of its waker at once, not when the system gets round to it.
        assert!(poll_read(&mut pair.client.0, &early.clone().into()).is_pending());
        drop(pair.client);
        assert_eq!(Arc::strong_count(&early), 1);
    })
    .await;
}

#[tokio::test]
async fn a_read_outlives_the_thread_that_began_it() {
    within(async {
        let mut pair = pair().await;
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(poll_read(&mut pair.server.0, &waker).is_pending()));
            scope.spawn(|| fill(&mut pair.server.1, &[7; 300_000]));
        });
        assert_eq!(
            woken.0.load(Ordering::SeqCst),
            0,
            "the read ended with its thread"
        );
        pair.client.1.write_all(b"x").await.unwrap();
        while woken.0.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // Wine needs a thread of the process to put the byte into the buffer, and gives up if all are busy.
        if !under_wine("that the byte reaches the buffer, however busy the process is") {
            let read = poll_read(&mut pair.server.0, &waker);
            assert!(matches!(read, Poll::Ready(Ok(byte)) if byte == b"x"));
        }
        // And the write that waited goes on.
        let mut found = vec![0; 300_000];
        pair.client
            .0
            .read_exact(&mut found[..100_000])
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_write_of_nothing_is_not_the_end() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let path = name.path().unwrap();
        let client = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path);
        let mut client = client.unwrap();
        let (mut read, _write) = listener.accept().await.unwrap().into_split();
        assert!(poll_read(&mut read, Waker::noop()).is_pending());
        under_wine("that a write of nothing ends a read");
        for _ in 0..10 {
            write_nothing(&client);
        }
        assert!(poll_read(&mut read, Waker::noop()).is_pending());
        client.write_all(b"something").unwrap();
        let mut found = [0; 9];
        read.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"something");
    })
    .await;
}

#[tokio::test]
async fn writing_to_nobody_is_a_broken_pipe() {
    within(async {
        let mut pair = pair().await;
        drop(pair.server);
        let error = loop {
            match pair.client.1.write(b"hello?").await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
        assert_eq!(pair.client.0.read(&mut [0]).await.unwrap(), 0);

        // And a write that waits is told.
        let mut pair = crate::support::pair().await;
        fill(&mut pair.client.1, &[0; 300_000]);
        drop(pair.server);
        let error = pair.client.1.write_all(&[0; 300_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_peer_of_a_dropped_stream_is_told_at_once() {
    within(async {
        let mut pair = pair().await;
        // Operations under way must not hold the pipe.
        assert!(poll_read(&mut pair.client.0, Waker::noop()).is_pending());
        fill(&mut pair.client.1, &[0; 300_000]);
        drop(pair.client);
        let mut rest = Vec::new();
        pair.server.0.read_to_end(&mut rest).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_fast_peer_does_not_starve_other_tasks() {
    within(async {
        let Pair {
            client: (mut read, keep),
            server: (_also, mut write),
        } = pair().await;
        fill(&mut write, &pattern(300_000));
        // Reads that are always ready, on the one thread of this runtime.
        let reads = Arc::new(Count::default());
        let counted = reads.clone();
        let reader = tokio::spawn(async move {
            loop {
                read.read_exact(&mut [0]).await.unwrap();
                counted.0.fetch_add(1, Ordering::SeqCst);
            }
        });
        tokio::task::yield_now().await;
        let first = reads.0.load(Ordering::SeqCst);
        assert!((1..1000).contains(&first), "{first} reads in one turn");
        reader.abort();
        drop(keep);
    })
    .await;
}

#[test]
fn nothing_leaks_when_operations_are_dropped_under_way() {
    alone("pipes::child_drops_operations");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_drops_operations() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let mut before = 0;
        for round in 0..600 {
            let mut pair = pair_of(&name, &mut listener).await;
            assert!(poll_read(&mut pair.client.0, Waker::noop()).is_pending());
            assert!(poll_read(&mut pair.server.0, Waker::noop()).is_pending());
            fill(&mut pair.client.1, &[0; 300_000]);
            fill(&mut pair.server.1, &[0; 300_000]);
            // Every order of going away.
            match round % 3 {
                0 => drop(pair),
                1 => {
                    let Pair { client, server } = pair;
                    drop(server);
                    drop(client);
                }
                _ => {
                    let Pair {
                        client: (read, write),
                        server,
                    } = pair;
                    drop(write);
                    drop(server);
                    drop(read);
                }
            }
            if round == 100 {
                settle().await;
                before = handle_count();
            }
        }
        settle().await;
        let after = handle_count();
        assert!(
            after <= before + 5,
            "{before} handles before, {after} after"
        );
    })
    .await;
}

/// Until the thread pool has nothing left to do: an operation that is begun now is finished after the others.
async fn settle() {
    for _ in 0..20 {
        let mut pair = pair().await;
        assert!(poll_read(&mut pair.server.0, Waker::noop()).is_pending());
        pair.client.1.write_all(b"x").await.unwrap();
        pair.server.0.read_u8().await.unwrap();
    }
}

#[test]
fn idle_connections_need_no_threads() {
    alone("pipes::child_is_idle");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_idle() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let mut pairs = Vec::new();
        for _ in 0..200 {
            let mut pair = pair_of(&name, &mut listener).await;
            assert!(poll_read(&mut pair.client.0, Waker::noop()).is_pending());
            assert!(poll_read(&mut pair.server.0, Waker::noop()).is_pending());
            pairs.push(pair);
        }
        let threads = thread_count();
        assert!(threads < 20, "{threads} threads for 400 ends that wait");
    })
    .await;
}

#[test]
fn streams_work_without_the_reactor_of_a_runtime() {
    // No I/O and no timers: only the clock of `connect` would need them, and nobody is busy here.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let mut pair = pair_of(&name, &mut listener).await;
        pair.client.1.write_all(b"hello").await.unwrap();
        let mut found = [0; 5];
        pair.server.0.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"hello");
    });
}

#[tokio::test]
async fn empty_offers_are_answered_at_once() {
    within(async {
        let mut pair = pair().await;
        assert!(matches!(
            poll_write(&mut pair.client.1, b""),
            Poll::Ready(Ok(0))
        ));
        assert_eq!(pair.client.0.try_read(&mut []).unwrap(), 0);
        assert_eq!(pair.client.0.read(&mut []).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_blocking_peer_gets_everything_after_the_close() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let path = name.path().unwrap();
        let client = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path);
        let mut client = client.unwrap();
        let (read, mut write) = listener.accept().await.unwrap().into_split();
        let bytes = pattern(50_000);
        write.write_all(&bytes).await.unwrap();
        drop((read, write, listener));
        let found = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            client.read_to_end(&mut found).unwrap();
            found
        });
        assert!(found.await.unwrap() == bytes);
        // Nobody listens any more.
        Stream::connect(&name, soon()).await.unwrap_err();
    })
    .await;
}

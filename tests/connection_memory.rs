//! What a connection costs in memory: nothing for a message, little for waiting, and never without bounds.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::{AllocationInfo, measure};
use offspring::transport::Memory;
use offspring::{Config, Connection, ErrorKind, Listener, Name};
use serde_bytes::{ByteBuf, Bytes};
use tokio::runtime::{Builder, Runtime};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

type Small = (u32, f64, bool);

const SMALL: Small = (7, 0.5, true);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Polls once, with a task that nobody needs to wake.
fn poll<R>(future: impl Future<Output = R>) -> Poll<R> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<R>(future: impl Future<Output = R>) -> R {
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("this has to wait"),
    }
}

/// Does it often enough to know all sizes, and then again with an eye on memory.
fn settled(mut act: impl FnMut()) -> AllocationInfo {
    (0..50).for_each(|_| act());
    measure(|| (0..1000).for_each(|_| act()))
}

#[test]
fn a_small_message_allocates_nothing_on_either_side() {
    let runtime = runtime();
    let _context = runtime.enter();
    let (left, mut right) = Connection::<Small, (), _>::memory::<(), Small>();
    let info = settled(|| {
        ready(left.send(&SMALL)).unwrap();
        assert_eq!(ready(right.recv()).unwrap(), Some(SMALL));
    });
    assert_eq!(info.count_total, 0, "sent, then received: {info:?}");

    let info = settled(|| {
        let mut recv = pin!(right.recv());
        assert!(poll(recv.as_mut()).is_pending());
        ready(left.send(&SMALL)).unwrap();
        assert_eq!(ready(recv).unwrap(), Some(SMALL));
    });
    assert_eq!(info.count_total, 0, "waited for: {info:?}");

    let info = settled(|| {
        for _ in 0..100 {
            ready(left.feed(&SMALL)).unwrap();
        }
        ready(left.flush()).unwrap();
        for _ in 0..100 {
            assert_eq!(right.try_recv().unwrap(), Some(SMALL));
        }
    });
    assert_eq!(info.count_total, 0, "a hundred at once: {info:?}");
}

#[test]
fn a_small_message_to_another_program_allocates_nothing() {
    let runtime = runtime();
    let (left, mut right) = runtime.block_on(local::<Small, Small>());
    let _context = runtime.enter();
    let info = settled(|| {
        ready(left.send(&SMALL)).unwrap();
        // The system may take a moment to carry it over.
        let received = loop {
            match right.try_recv() {
                Err(error) if error.kind() == ErrorKind::Empty => std::hint::spin_loop(),
                received => break received,
            }
        };
        assert_eq!(received.unwrap(), Some(SMALL));
    });
    // On Windows the request is handed to the system with each operation, and has a place in memory of its own.
    assert!(cfg!(windows) || info.count_total == 0, "{info:?}");
}

async fn local<Tx: ?Sized, Rx>() -> (Connection<Tx, Rx>, Connection<Tx, Rx>) {
    let name = Name::unique().unwrap();
    let mut listener = Listener::bind(&name).unwrap();
    let (left, right) = tokio::join!(Connection::connect(&name), listener.accept());
    (left.unwrap(), right.unwrap())
}

#[test]
fn an_idle_connection_needs_a_few_kilobytes() {
    let runtime = runtime();
    let _context = runtime.enter();
    let transports: Vec<_> = (0..100).map(|_| Memory::pair()).collect();
    let mut connections = Vec::with_capacity(200);
    let info = measure(|| {
        for (left, right) in transports {
            connections.push(Connection::<Small, Small, _>::new(left));
            connections.push(Connection::new(right));
        }
        for connection in &mut connections {
            // It has said hello, has heard one, and waits for messages.
            assert!(poll(connection.recv()).is_pending());
        }
    });
    let each = info.bytes_current / 200;
    let all = each as usize + size_of_val(&connections[0]);
    println!("an idle connection takes {all} bytes");
    assert!(all < 7 * KIB as usize);
}

#[test]
fn a_connection_that_was_busy_gives_its_memory_back() {
    let runtime = runtime();
    let _context = runtime.enter();
    let (left, mut right) = Connection::<Bytes, (), _>::memory::<(), ByteBuf>();
    let blob = vec![1; 8 * MIB as usize];
    // The pipe in between grows only once.
    exchange(&left, &mut right, &blob[..MIB as usize]);
    (0..4).for_each(|_| exchange(&left, &mut right, &blob[..10]));
    let info = measure(|| {
        exchange(&left, &mut right, &blob[..8 * MIB as usize]);
        (0..4).for_each(|_| exchange(&left, &mut right, &blob[..10]));
    });
    assert!(info.bytes_max > 8 * MIB, "{info:?}");
    assert!(info.bytes_current < 4 * KIB as i64, "{info:?}");

    let info = measure(|| {
        exchange(&left, &mut right, &blob[..8 * MIB as usize]);
        // Nothing follows, and so it waits.
        assert!(poll(right.recv()).is_pending());
    });
    assert!(info.bytes_current < 4 * KIB as i64, "{info:?}");
}

#[test]
fn a_steady_run_of_large_messages_allocates_only_what_is_received() {
    let runtime = runtime();
    let _context = runtime.enter();
    let (left, mut right) = Connection::<Bytes, (), _>::memory::<(), ByteBuf>();
    let blob = vec![1; MIB as usize];
    (0..10).for_each(|_| exchange(&left, &mut right, &blob));
    let info = measure(|| (0..100).for_each(|_| exchange(&left, &mut right, &blob)));
    assert!(info.bytes_total < 100 * (MIB + KIB), "{info:?}");
}

#[cfg(unix)]
#[test]
fn a_large_message_that_the_socket_takes_is_not_copied_by_its_sender() {
    let runtime = runtime();
    let (left, mut right) = runtime.block_on(local::<Bytes, ByteBuf>());
    let blob = vec![1; 300 * KIB as usize];
    for _ in 0..3 {
        let info = measure(|| runtime.block_on(left.send(Bytes::new(&blob))).unwrap());
        assert!(info.bytes_total < 4 * KIB, "{info:?}");
        let received: Option<ByteBuf> = runtime.block_on(right.recv()).unwrap();
        assert_eq!(received.unwrap(), blob);
    }
}

fn exchange(
    left: &Connection<Bytes, (), Memory>,
    right: &mut Connection<(), ByteBuf, Memory>,
    blob: &[u8],
) {
    let mut sending = pin!(left.send(Bytes::new(blob)));
    let mut receiving = pin!(right.recv());
    loop {
        let sent = poll(sending.as_mut()).is_ready();
        if let Poll::Ready(received) = poll(receiving.as_mut()) {
            assert!(sent);
            assert_eq!(received.unwrap().unwrap().len(), blob.len());
            return;
        }
    }
}

#[test]
fn a_side_that_does_not_read_costs_no_more_than_the_buffer() {
    let runtime = runtime();
    let _context = runtime.enter();
    let (near, _far) = Memory::pair();
    let config = Config::new().send_buffer(MIB as usize);
    let left = Connection::<Bytes, (), _>::with_config(near, config);
    let blob = vec![1; 100 * KIB as usize];
    let mut waiting = Vec::with_capacity(1000);
    let info = measure(|| {
        for _ in 0..1000 {
            let mut sending = Box::pin(left.send(Bytes::new(&blob)));
            assert!(poll(sending.as_mut()).is_pending());
            waiting.push(sending);
        }
    });
    // 100 MB were offered. A buffer that grows doubles, and has a copy of itself while it does.
    assert!(info.bytes_max < 5 * MIB, "{info:?}");
}

#[test]
fn sending_to_the_dead_does_not_pile_up() {
    let runtime = runtime();
    let _context = runtime.enter();
    let (left, right) = Connection::<Bytes, (), _>::memory::<(), ()>();
    drop(right);
    let blob = vec![1; 10 * KIB as usize];
    assert!(ready(left.send(Bytes::new(&blob))).is_err());
    let info = measure(|| {
        for _ in 0..1000 {
            assert!(ready(left.send(Bytes::new(&blob))).is_err());
            assert!(left.try_send(Bytes::new(&blob)).is_err());
        }
    });
    assert!(info.bytes_max < 4 * KIB, "{info:?}");
    assert_eq!(info.bytes_current, 0, "{info:?}");
}

#[test]
fn a_burst_that_was_put_aside_leaves_no_memory_behind() {
    let runtime = runtime();
    let _context = runtime.enter();
    let (mut left, mut right) = Connection::<Bytes, ByteBuf, _>::memory::<Bytes, ByteBuf>();
    let blob = vec![1; 10 * MIB as usize];
    let info = measure(|| {
        let mut sides = [&mut left, &mut right].map(|side| Box::pin(burst(side, &blob)));
        let mut done = [false; 2];
        while done != [true; 2] {
            for (side, done) in sides.iter_mut().zip(&mut done) {
                *done = *done || poll(side.as_mut()).is_ready();
            }
        }
    });
    // What is left is the pipe's, which has been full.
    assert!(info.bytes_current < 200 * KIB as i64, "{info:?}");
}

/// Sends a lot before it receives anything, then a little, and then waits.
async fn burst(side: &mut Connection<Bytes, ByteBuf, Memory>, blob: &[u8]) {
    for blob in [blob, &blob[..10]] {
        for _ in 0..4 {
            side.send(Bytes::new(blob)).await.unwrap();
        }
        for _ in 0..4 {
            assert_eq!(side.recv().await.unwrap().unwrap().len(), blob.len());
        }
    }
    assert!(poll(side.recv()).is_pending());
}

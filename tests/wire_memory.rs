//! What the wire costs in memory, whatever bytes come.
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hint::black_box;

use allocation_counter::{AllocationInfo, measure};
use offspring::wire::{Body, Encoding, Envelope, Hello, Inbox, Limits, Outbox};
use offspring::{ErrorKind, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_bytes::{ByteBuf, Bytes};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Tree(Vec<Self>);

/// Decodes what cannot be decoded, and looks at the most memory that was in use at once.
#[track_caller]
fn refuses_cheaply<T: for<'a> Deserialize<'a>>(bytes: &[u8]) {
    let mut kind = None;
    let info = measure(|| {
        kind = Body::new(bytes, Limits::new())
            .decode::<T>()
            .err()
            .map(|error| error.kind());
    });
    assert_eq!(kind, Some(ErrorKind::Malformed));
    assert!(info.bytes_max < 64 * KIB as u64, "{info:?}");
}

#[test]
fn a_length_that_is_a_lie_costs_nothing() {
    for marker in [0xdd, 0xdf, 0xdb, 0xc6, 0xc9] {
        let bomb = [marker, 0xff, 0xff, 0xff, 0xff, 0x01];
        let inside = [&[0x93, 0x01][..], &bomb].concat();
        for bomb in [&bomb[..], &inside] {
            refuses_cheaply::<Vec<u64>>(bomb);
            refuses_cheaply::<VecDeque<String>>(bomb);
            refuses_cheaply::<HashMap<u64, u64>>(bomb);
            refuses_cheaply::<BTreeMap<u64, u64>>(bomb);
            refuses_cheaply::<HashSet<u64>>(bomb);
            refuses_cheaply::<String>(bomb);
            refuses_cheaply::<ByteBuf>(bomb);
            refuses_cheaply::<IgnoredAny>(bomb);
            refuses_cheaply::<Tree>(bomb);
        }
    }
    // Each of these could be true, but not all of them: as a `Tree`, serde would set memory aside for every one.
    let tree = [0xdc, 0x10, 0x00].repeat(2000);
    refuses_cheaply::<Tree>(&tree);
    let bombs = [0xdd, 0xff, 0xff, 0xff, 0xff].repeat(1000);
    refuses_cheaply::<Tree>(&bombs);
}

#[test]
fn a_header_that_is_a_lie_costs_no_more_than_has_come() {
    const PEERS: usize = 1000;
    let mut inboxes = Vec::with_capacity(PEERS);
    let info = measure(|| {
        for _ in 0..PEERS {
            let mut inbox = Inbox::new(Limits::new(), Hello::new());
            // The largest message, of which nothing comes.
            read(
                &mut inbox,
                &[&hello()[..], &[0x01, 0x00, 0x00, 0x01, 0x00]].concat(),
            );
            assert!(inbox.next().unwrap().is_none());
            black_box(inbox.space());
            inboxes.push(inbox);
        }
    });
    let each = info.bytes_current as usize / PEERS;
    assert!(each < 5 * KIB, "{each} bytes for each silent peer");
}

#[test]
fn room_grows_with_what_has_come() {
    let mut inbox = greeted();
    let body = 8 * MIB;
    let header = [&u32::try_from(body + 1).unwrap().to_be_bytes()[..], &[0]].concat();
    read(&mut inbox, &header);
    while inbox.buffered() < 5 + body {
        let unread = inbox.buffered();
        let room = inbox.space().len();
        assert!(room > 0);
        assert!(
            unread + room <= 2 * unread + 64 * KIB,
            "{room} bytes of room behind {unread}"
        );
        assert!(unread + room <= 5 + body, "more room than the frame needs");
        // Reads that fill half of it, as a socket with a small buffer gives.
        inbox.filled(room.div_ceil(2));
    }
    assert!(matches!(inbox.next(), Ok(Some(Envelope::Message(_)))));
}

#[test]
fn an_idle_connection_is_small() -> Result<()> {
    let (mut outbox, mut inbox, mut batch) = (outbox(), greeted(), Vec::new());
    let info = measure(|| {
        for _ in 0..10 {
            exchange(&mut outbox, &mut inbox, &mut batch, 100);
        }
        // One large message among small ones does not stay.
        exchange(&mut outbox, &mut inbox, &mut batch, 4 * MIB);
    });
    assert!(info.bytes_current < 10 * KIB as i64, "{info:?}");
    Ok(())
}

#[test]
fn after_many_large_messages_small_ones_or_a_trim_free_the_memory() {
    for trim in [false, true] {
        let (mut outbox, mut inbox, mut batch) = (outbox(), greeted(), Vec::new());
        let info = measure(|| {
            for _ in 0..10 {
                exchange(&mut outbox, &mut inbox, &mut batch, MIB);
            }
            if trim {
                outbox.trim();
                inbox.trim();
            } else {
                for _ in 0..4 {
                    exchange(&mut outbox, &mut inbox, &mut batch, 100);
                }
            }
        });
        assert!(info.bytes_current < 10 * KIB as i64, "{info:?}");
    }
}

#[test]
fn steady_messages_allocate_nothing() {
    for size in [10, 1000, 10 * KIB, 100 * KIB, MIB] {
        let (mut outbox, mut inbox, mut batch) = (outbox(), greeted(), Vec::new());
        for _ in 0..8 {
            exchange(&mut outbox, &mut inbox, &mut batch, size);
        }
        // The message to send is made outside.
        let message = vec![1; size];
        let info: AllocationInfo = measure(|| {
            for _ in 0..100 {
                transfer(&mut outbox, &mut inbox, &mut batch, &message);
            }
        });
        assert_eq!(info.count_total, 0, "{size} bytes: {info:?}");
    }
}

fn exchange(outbox: &mut Outbox, inbox: &mut Inbox, batch: &mut Vec<u8>, size: usize) {
    transfer(outbox, inbox, batch, &vec![1; size]);
}

/// One message from an outbox through a socket to an inbox, as a connection does it.
fn transfer(outbox: &mut Outbox, inbox: &mut Inbox, batch: &mut Vec<u8>, message: &[u8]) {
    outbox.push(Bytes::new(message)).unwrap();
    outbox.take(batch);
    let mut rest = &batch[..];
    let received = loop {
        match inbox.next().unwrap() {
            Some(Envelope::Message(body)) => break body.decode::<&[u8]>().unwrap().len(),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
        let space = inbox.space();
        let n = space.len().min(rest.len());
        assert!(n > 0, "nothing left to read");
        space[..n].copy_from_slice(&rest[..n]);
        inbox.filled(n);
        rest = &rest[n..];
    };
    assert_eq!((received, rest.len()), (message.len(), 0));
    batch.clear();
    // All is written, and the receiver waits for more.
    outbox.take(batch);
    assert!(inbox.next().unwrap().is_none());
    inbox.space();
}

fn outbox() -> Outbox {
    Outbox::new(Limits::new(), Encoding::Named)
}

fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    Hello::new().encode(&mut bytes);
    bytes
}

/// An inbox that has read a hello.
fn greeted() -> Inbox {
    let mut inbox = Inbox::new(Limits::new(), Hello::new());
    read(&mut inbox, &hello());
    assert!(inbox.next().unwrap().is_none());
    inbox
}

fn read(inbox: &mut Inbox, bytes: &[u8]) {
    inbox.space()[..bytes.len()].copy_from_slice(bytes);
    inbox.filled(bytes.len());
}

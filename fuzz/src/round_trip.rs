//! From an outbox to an inbox.

use offspring::ErrorKind;
use offspring::wire::{Body, Encoding, Envelope, Hello, Inbox, Limits, Outbox};
use serde::de::IgnoredAny;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::sample::Sample;
use super::tape::Tape;
use super::{Verdict, small_limits};

/// Makes messages of the bytes and sends them: each comes out as it went in, or is refused when it is sent.
pub fn round_trip(bytes: &[u8]) -> Verdict {
    let tape = &mut Tape::new(bytes);
    let limits = match tape.below(3) {
        0 => Limits::new(),
        1 => small_limits(),
        _ => Limits::new().with_max_message(1000),
    };
    let encoding = [Encoding::Named, Encoding::Compact][tape.below(2)];
    let hello = Hello::new().with_max_message(limits.max_message() as u64);

    let mut outbox = Outbox::new(
        Limits::new()
            .with_max_depth(limits.max_depth())
            .with_max_items(limits.max_items()),
        encoding,
    );
    let mut inbox = Inbox::new(limits, hello.clone());
    outbox.push_hello(&Hello::new());
    // Told by the peer's hello on a connection.
    outbox.set_peer_limit(hello.max_message());

    let (mut sent, mut batch, mut count) = (Vec::new(), Vec::new(), 0);
    for _ in 0..32 {
        let before = (outbox.len(), outbox.messages());
        match tape.below(8) {
            0 => {
                count += tape.number() as u64 % 1000;
                outbox.push_taken(count);
                sent.push(Sent::Taken(count));
            }
            1 => {
                let liar = Liar {
                    promised: tape.below(5),
                    given: tape.below(5),
                };
                match outbox.push(&liar) {
                    Ok(()) => sent.push(Sent::Liar),
                    Err(error) => refused(&outbox, before, error.kind()),
                }
            }
            2 => outbox.take(&mut batch),
            3 => carry(&mut outbox, &mut batch, &mut inbox, tape, &mut sent),
            4 if tape.byte() == 0xff => {
                if outbox.push_goodbye(count).is_ok() {
                    sent.push(Sent::Goodbye(count));
                }
            }
            _ => {
                let sample = Sample::read(tape, 3);
                match outbox.push(&sample) {
                    Ok(()) => sent.push(Sent::Sample(sample)),
                    Err(error) => refused(&outbox, before, error.kind()),
                }
            }
        }
        if tape.is_empty() {
            break;
        }
    }
    carry(&mut outbox, &mut batch, &mut inbox, tape, &mut sent);
    assert!(sent.is_empty(), "{sent:?} did not arrive");
    if let Err(error) = inbox.end() {
        panic!("{error:?}");
    }
    Ok(())
}

#[derive(Debug)]
enum Sent {
    Sample(Sample),
    Liar,
    Taken(u64),
    Goodbye(u64),
}

/// Whatever was refused has left no trace.
fn refused(outbox: &Outbox, before: (usize, u64), kind: ErrorKind) {
    assert_eq!((outbox.len(), outbox.messages()), before);
    let expected = matches!(
        kind,
        ErrorKind::TooLarge { .. }
            | ErrorKind::TooDeep { .. }
            | ErrorKind::TooManyItems { .. }
            | ErrorKind::Encode
            | ErrorKind::Closed
    );
    assert!(expected, "{kind:?}");
}

/// Moves everything to the inbox, in pieces, and compares.
fn carry(
    outbox: &mut Outbox,
    batch: &mut Vec<u8>,
    inbox: &mut Inbox,
    tape: &mut Tape<'_>,
    sent: &mut Vec<Sent>,
) {
    outbox.take(batch);
    let mut rest = &batch[..];
    let mut arrived = sent.drain(..);
    while !rest.is_empty() {
        let space = inbox.space();
        let n = (1 + 7 * tape.below(256)).min(space.len()).min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        inbox.filled(n);
        rest = &rest[n..];
        loop {
            match inbox.next() {
                Ok(Some(envelope)) => compare(arrived.next(), envelope),
                Ok(None) => break,
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    assert!(arrived.next().is_none(), "something is missing");
    drop(arrived);
    batch.clear();
}

fn compare(sent: Option<Sent>, arrived: Envelope<'_>) {
    match (sent, arrived) {
        (Some(Sent::Sample(sample)), Envelope::Message(body)) => {
            let back: Sample = decode(&body);
            assert!(back == sample, "{sample:?} became {back:?}");
        }
        (Some(Sent::Liar), Envelope::Message(body)) => drop::<IgnoredAny>(decode(&body)),
        (Some(Sent::Taken(sent)), Envelope::Taken { count }) => assert_eq!(sent, count),
        (Some(Sent::Goodbye(sent)), Envelope::Goodbye { taken }) => assert_eq!(sent, taken),
        other => panic!("{other:?}"),
    }
}

fn decode<T: for<'a> serde::Deserialize<'a>>(body: &Body<'_>) -> T {
    match body.decode() {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}

/// Does not keep its word about how many elements it has.
#[derive(Debug)]
struct Liar {
    promised: usize,
    given: usize,
}

impl Serialize for Liar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.promised))?;
        for n in 0..self.given {
            seq.serialize_element(&n)?;
        }
        seq.end()
    }
}

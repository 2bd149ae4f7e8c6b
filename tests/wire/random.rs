//! Whatever bytes come, the answer is a value or an error. The numbers look random and are the same in every run.

use offspring::wire::{Body, Encoding, Envelope, Limits, Outbox};
use offspring::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::fixtures::{Random, Value, frame, hello, inbox, mutate};

/// A debug build does a tenth of it in the same time, and an interpreter far less.
const ROUNDS: usize = if cfg!(miri) {
    50
} else if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

fn encode(value: &Value) -> Result<Vec<u8>> {
    let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    outbox.push(value)?;
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    Ok(bytes.split_off(5))
}

#[test]
fn values_come_back_as_they_were() -> Result<()> {
    let mut random = Random(3);
    for _ in 0..(ROUNDS / 100).max(10) {
        let value = Value::random(&mut random, 3);
        let bytes = encode(&value)?;
        assert_eq!(Body::new(&bytes, Limits::new()).decode::<Value>()?, value);
    }
    Ok(())
}

/// The scan stands in front of serde, so it must not refuse what serde can read, and what it passes must be read as
/// one value.
#[test]
fn the_scan_and_serde_agree() -> Result<()> {
    let mut random = Random(4);
    let mut base = Vec::new();
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        if round % 10 == 0 {
            base = encode(&Value::random(&mut random, 2))?;
            base.truncate(400);
        }
        let mut bytes = base.clone();
        mutate(&mut random, &mut bytes);

        let serde = {
            let mut reader = &bytes[..];
            let mut deserializer = rmp_serde::Deserializer::new(&mut reader);
            deserializer.set_max_depth(Limits::MAX_DEPTH as usize + 1);
            let value = Value::deserialize(&mut deserializer);
            value.map(|value| (value, bytes.len() - reader.len()))
        };
        match (serde, Body::new(&bytes, Limits::new()).decode::<Value>()) {
            (Ok((theirs, len)), Ok(ours)) => {
                assert_eq!(len, bytes.len());
                assert!(same(&theirs, &ours), "{bytes:02x?}");
                let again = encode(&ours)?;
                let back = Body::new(&again, Limits::new()).decode::<Value>()?;
                assert!(same(&back, &ours), "{bytes:02x?}");
                accepted += 1;
            }
            (Ok((_, len)), Err(error)) => {
                assert!(
                    len < bytes.len(),
                    "{bytes:02x?}: serde reads it, but {error:?}"
                );
                refused += 1;
            }
            (Err(_), Err(_)) => refused += 1,
            (Err(error), Ok(_)) => panic!("{bytes:02x?} is a value, but {error:?}"),
        }
    }
    assert!(
        accepted > ROUNDS / 10 && refused > ROUNDS / 10,
        "{accepted} and {refused}: no good mix"
    );
    Ok(())
}

/// NaN is not equal to itself.
fn same(left: &Value, right: &Value) -> bool {
    left == right || format!("{left:?}") == format!("{right:?}")
}

#[test]
fn a_storm_of_changed_streams_gives_values_or_errors() -> Result<()> {
    let mut random = Random(5);
    let mut base = hello();
    base.extend(frame(0x80, &[1, 2, 3]));
    for _ in 0..6 {
        base.extend(frame(0, &encode(&Value::random(&mut random, 1))?));
    }
    base.extend(frame(2, &7u64.to_be_bytes()));
    base.extend(frame(0, &encode(&Value::random(&mut random, 2))?));
    base.extend(frame(1, &9u64.to_be_bytes()));
    base.truncate(2000);

    let (mut whole, mut broken) = (0, 0);
    for _ in 0..ROUNDS {
        let mut bytes = base.clone();
        // Mostly behind the hello, or nothing would come through.
        let head = if random.below(8) == 0 {
            0
        } else {
            hello().len()
        };
        let mut tail = bytes.split_off(head);
        mutate(&mut random, &mut tail);
        bytes.extend(tail);

        match storm(&mut random, &bytes) {
            Ok(()) => whole += 1,
            Err(error) => {
                let known = matches!(
                    error.kind(),
                    ErrorKind::Protocol
                        | ErrorKind::Incompatible
                        | ErrorKind::TooLarge { .. }
                        | ErrorKind::Truncated
                        | ErrorKind::Disconnected
                );
                assert!(known, "{error:?}");
                broken += 1;
            }
        }
    }
    assert!(
        whole > ROUNDS / 20 && broken > ROUNDS / 20,
        "{whole} and {broken}: no good mix"
    );
    Ok(())
}

fn storm(random: &mut Random, bytes: &[u8]) -> Result<(), Error> {
    let mut inbox = inbox();
    let cut = random.below(bytes.len() + 1);
    for piece in [&bytes[..cut], &bytes[cut..]] {
        inbox.absorb(&mut piece.to_vec());
        while inbox.look_ahead().is_ok_and(|control| control.is_some()) {}
        while let Some(envelope) = inbox.next()? {
            if let Envelope::Message(body) = envelope {
                if let Err(error) = body.decode::<Value>() {
                    let known = matches!(
                        error.kind(),
                        ErrorKind::Malformed | ErrorKind::Decode | ErrorKind::TooDeep { .. }
                    );
                    assert!(known, "{error:?}");
                }
            }
        }
    }
    inbox.end()
}

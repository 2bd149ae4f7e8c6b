//! What goes out is whole, or does not go out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use offspring::wire::{Encoding, Envelope, Hello, Inbox, Limits, Outbox};
use offspring::{ErrorKind, Result};
use serde::de::IgnoredAny;
use serde::ser::{Error as _, SerializeSeq, SerializeTuple};
use serde::{Serialize, Serializer};

use crate::fixtures::{Seen, drain, greeted, hello, outbox, read};

/// Writes something, and then does something else.
struct Then<F>(F);

impl<F: Fn()> Serialize for Then<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element("half of it is already written")?;
        self.0();
        Err(S::Error::custom("the second half is missing"))
    }
}

/// Says that it is longer than it is.
struct Liar;

impl Serialize for Liar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(3))?;
        seq.serialize_element(&1)?;
        seq.end()
    }
}

#[derive(Serialize)]
struct Nested(Option<Box<(Self,)>>);

fn nested(levels: usize) -> Nested {
    (0..levels).fold(Nested(None), |inner, _| Nested(Some(Box::new((inner,)))))
}

/// Everything that `fault` gets wrong leaves no trace.
fn leaves_no_trace(mut outbox: Outbox, fault: impl FnOnce(&mut Outbox)) -> Result<()> {
    outbox.push("before")?;
    let (len, total, messages) = (outbox.len(), outbox.total(), outbox.messages());
    fault(&mut outbox);
    assert_eq!(
        (outbox.len(), outbox.total(), outbox.messages()),
        (len, total, messages)
    );
    outbox.push("after")?;
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    let mut inbox = greeted();
    inbox.absorb(&mut bytes);
    let before = Seen::Message(b"\xa6before".to_vec());
    assert_eq!(
        drain(&mut inbox)?,
        [before, Seen::Message(b"\xa5after".to_vec())]
    );
    Ok(())
}

#[test]
fn a_message_that_fails_leaves_no_trace() -> Result<()> {
    leaves_no_trace(outbox(), |outbox| {
        let error = outbox.push(&Then(|| {})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(
            format!("{error:?}").contains("the second half is missing"),
            "{error:?}"
        );
    })
}

#[test]
fn a_message_that_panics_leaves_no_trace() -> Result<()> {
    leaves_no_trace(outbox(), |outbox| {
        let push = || outbox.push(&Then(|| std::panic::resume_unwind(Box::new("on purpose"))));
        assert!(catch_unwind(AssertUnwindSafe(push)).is_err());
    })
}

#[test]
fn a_message_that_lies_about_its_length_leaves_no_trace() -> Result<()> {
    leaves_no_trace(outbox(), |outbox| {
        assert_eq!(outbox.push(&Liar).unwrap_err().kind(), ErrorKind::Encode);
        assert_eq!(outbox.push(&[Liar]).unwrap_err().kind(), ErrorKind::Encode);
    })
}

#[test]
fn a_message_that_is_too_large_names_its_true_size() -> Result<()> {
    let limits = Limits::new().with_max_message(1000);
    leaves_no_trace(Outbox::new(limits, Encoding::Named), |outbox| {
        // 1000 bytes are head and text, and the last one does not fit any more.
        assert!(outbox.push(&"x".repeat(998)).is_err());
        let error = outbox
            .push(&("x".repeat(900), "y".repeat(5000), "z"))
            .unwrap_err();
        let size = 1 + (3 + 900) + (3 + 5000) + 2;
        assert_eq!(error.kind(), ErrorKind::TooLarge { size, limit: 1000 });
        assert!(
            error
                .to_string()
                .contains("it takes 5909 bytes, 1000 are allowed; `Config::max_message`"),
            "{error}"
        );
    })
}

#[test]
#[cfg_attr(miri, ignore = "16 MiB take an interpreter minutes")]
fn a_message_as_large_as_the_limit_is_sent_and_received() -> Result<()> {
    // A str of up to 31, 255, 65535 or more bytes has a head of 1, 2, 3 or 5 bytes.
    for (limit, head) in [(64, 2), (1000, 3), (16 * 1024 * 1024, 5)] {
        let mut outbox = Outbox::new(Limits::new().with_max_message(limit), Encoding::Named);
        assert!(outbox.push(&"x".repeat(limit - head + 1)).is_err());
        outbox.push(&"x".repeat(limit - head))?;
        assert_eq!(outbox.len(), 5 + limit);

        let mut bytes = hello();
        outbox.take(&mut bytes);
        let mut inbox = Inbox::new(Limits::new(), Hello::new().with_max_message(limit as u64));
        read(&mut inbox, &bytes);
        assert_eq!(drain(&mut inbox)?.len(), 1);
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "a million items take an interpreter minutes")]
fn a_plain_mebibyte_and_a_million_of_anything_need_no_setting() -> Result<()> {
    #[derive(Serialize)]
    struct Named<T> {
        number: u64,
        list: Vec<T>,
        name: &'static str,
    }
    fn named<T>(list: Vec<T>) -> Named<T> {
        let (number, name) = (7, "anything");
        Named { number, list, name }
    }
    let bytes: Vec<_> = (0..1 << 20).map(|i| i as u8).collect();
    let mut outbox = outbox();
    outbox.push(&named(bytes))?;
    outbox.push(&named(vec![0.5; 1_000_000]))?;
    outbox.push(&named(vec!["a text"; 1_000_000]))?;

    let mut sent = Vec::new();
    outbox.take(&mut sent);
    let mut inbox = greeted();
    inbox.absorb(&mut sent);
    let mut messages = 0;
    while let Some(Envelope::Message(body)) = inbox.next()? {
        body.decode::<IgnoredAny>()?;
        messages += 1;
    }
    assert_eq!(messages, 3);
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "a million items take an interpreter minutes")]
fn what_the_peer_would_refuse_is_refused_here() -> Result<()> {
    outbox().push(&nested(128))?;
    outbox().push(&vec![0u8; 1_100_000])?;
    leaves_no_trace(outbox(), |outbox| {
        let error = outbox.push(&nested(129)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooDeep { limit: 128 });
        let error = outbox.push(&vec![0u8; 1_100_001]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyItems { limit: 1_100_000 });
        for advice in ["1100000 items", "`Config::max_items`", "`serde_bytes`"] {
            assert!(error.to_string().contains(advice), "{error}");
        }
    })
}

#[test]
fn the_smaller_limit_holds() {
    let mut outbox = Outbox::new(Limits::new().with_max_message(1000), Encoding::Named);
    let limit = |outbox: &mut Outbox| match outbox.push(&"x".repeat(5000)).unwrap_err().kind() {
        ErrorKind::TooLarge { limit, .. } => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(&mut outbox), 1000);
    outbox.set_peer_limit(500);
    assert_eq!(limit(&mut outbox), 500);
    outbox.set_peer_limit(u64::MAX);
    assert_eq!(limit(&mut outbox), 1000);
}

#[test]
fn after_the_goodbye_only_counts_go_out() -> Result<()> {
    let mut outbox = outbox();
    outbox.push_goodbye(1)?;
    assert_eq!(outbox.push("late").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        outbox.push_goodbye(1).unwrap_err().kind(),
        ErrorKind::Closed
    );
    outbox.push_taken(2);
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    let mut inbox = greeted();
    inbox.absorb(&mut bytes);
    assert_eq!(drain(&mut inbox)?, [Seen::Goodbye(1), Seen::Taken(2)]);
    Ok(())
}

#[test]
fn taking_swaps_into_an_empty_batch_and_appends_to_a_full_one() -> Result<()> {
    let mut outbox = outbox();
    let mut batch = Vec::new();
    outbox.push(&1)?;
    outbox.take(&mut batch);
    outbox.push(&2)?;
    outbox.take(&mut batch);
    assert_eq!(batch, [0, 0, 0, 2, 0, 1, 0, 0, 0, 2, 0, 2]);
    assert_eq!(
        (outbox.len(), outbox.total(), outbox.messages()),
        (0, 12, 2)
    );
    outbox.take(&mut batch);
    assert_eq!(batch.len(), 12);
    Ok(())
}

#[test]
#[should_panic(expected = "the hello comes first")]
fn the_hello_cannot_come_later() {
    let mut outbox = outbox();
    outbox.push_taken(0);
    outbox.push_hello(&Hello::new());
}

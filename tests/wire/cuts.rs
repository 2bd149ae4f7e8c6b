//! However a stream is cut into pieces, the same comes out.

use offspring::wire::Envelope;
use offspring::{ErrorKind, Result};

use crate::fixtures::{Random, Seen, drain, frame, greeted, hello, inbox, outbox, read};

/// How many frames, and which cuts: an interpreter is slow, and not here for the numbers.
const FRAMES: u64 = if cfg!(miri) { 8 } else { 200 };
const STEP: usize = if cfg!(miri) { 37 } else { 1 };

/// A hello and many frames of every kind, what is in them, and where they end.
fn mixed_stream() -> Result<(Vec<u8>, Vec<Seen>, Vec<usize>)> {
    let mut random = Random(1);
    let mut outbox = outbox();
    let mut stream = hello();
    let mut seen = Vec::new();
    let mut boundaries = vec![stream.len()];
    for n in 0..FRAMES {
        match random.below(8) {
            0 => {
                outbox.push_taken(n);
                seen.push(Seen::Taken(n));
            }
            1 => {
                let kind = 0x80 + random.below(0x80) as u8;
                let len = random.below(30);
                // Sent by a later version: read as if it was not there.
                stream.extend(frame(kind, &random.bytes(len)));
            }
            2 => {
                // Not MessagePack, but a frame all the same.
                stream.extend(frame(0, &[0xc1]));
                seen.push(Seen::Message(vec![0xc1]));
            }
            3 => {
                stream.extend(frame(0, &[]));
                seen.push(Seen::Message(Vec::new()));
            }
            _ => {
                let text = "x".repeat(random.below(60));
                outbox.push(&text)?;
                let mut bytes = Vec::new();
                outbox.take(&mut bytes);
                seen.push(Seen::Message(bytes[5..].to_vec()));
                stream.extend(bytes);
            }
        }
        outbox.take(&mut stream);
        boundaries.push(stream.len());
    }
    outbox.push_goodbye(500)?;
    outbox.take(&mut stream);
    seen.push(Seen::Goodbye(500));
    boundaries.push(stream.len());
    Ok((stream, seen, boundaries))
}

#[test]
fn a_stream_cut_at_any_place_gives_the_same_envelopes() -> Result<()> {
    let (stream, expected, boundaries) = mixed_stream()?;
    for cut in (0..=stream.len()).step_by(STEP) {
        let (first, second) = stream.split_at(cut);
        let mut inbox = inbox();
        read(&mut inbox, first);
        let mut seen = drain(&mut inbox)?;

        match inbox.end() {
            Ok(()) => assert!(boundaries.contains(&cut), "{cut} is no boundary"),
            Err(error) if cut == 0 => assert_eq!(error.kind(), ErrorKind::Disconnected),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Truncated, "at {cut}");
                assert!(!boundaries.contains(&cut), "{cut} is a boundary");
            }
        }

        if cut % 2 == 0 {
            read(&mut inbox, second);
        } else {
            inbox.absorb(&mut second.to_vec());
        }
        seen.extend(drain(&mut inbox)?);
        assert_eq!(seen, expected, "cut at {cut}");
        inbox.end()?;
    }
    Ok(())
}

#[test]
fn a_stream_byte_by_byte_gives_the_same_envelopes() -> Result<()> {
    let (stream, expected, _) = mixed_stream()?;
    let mut inbox = inbox();
    let mut seen = Vec::new();
    for byte in &stream {
        let had_frame = inbox.has_frame();
        assert!(!had_frame, "all was taken");
        read(&mut inbox, std::slice::from_ref(byte));
        seen.extend(drain(&mut inbox)?);
    }
    assert_eq!(seen, expected);
    assert_eq!(inbox.buffered(), 0);
    Ok(())
}

#[test]
fn the_end_is_judged_behind_what_was_not_taken() -> Result<()> {
    let (stream, _, boundaries) = mixed_stream()?;
    for cut in (1..=stream.len()).step_by(STEP) {
        let mut inbox = inbox();
        inbox.absorb(&mut stream[..cut].to_vec());
        assert_eq!(inbox.end().is_ok(), boundaries.contains(&cut), "at {cut}");
    }
    Ok(())
}

#[test]
fn looking_ahead_sees_each_control_once_and_takes_nothing() -> Result<()> {
    let (stream, expected, _) = mixed_stream()?;
    let controls: Vec<_> = expected
        .iter()
        .filter(|seen| !matches!(seen, Seen::Message(_)))
        .cloned()
        .collect();
    for take_every in [1, 3, 50, usize::MAX] {
        let mut inbox = inbox();
        let (mut ahead, mut taken) = (Vec::new(), Vec::new());
        for (n, piece) in stream.chunks(17).enumerate() {
            read(&mut inbox, piece);
            while let Some(envelope) = inbox.look_ahead()? {
                ahead.push(Seen::from(envelope));
            }
            if n % take_every == take_every - 1 {
                taken.extend(inbox.next()?.map(Seen::from));
            }
        }
        taken.extend(drain(&mut inbox)?);
        assert_eq!(ahead, controls);
        assert_eq!(taken, expected);
        assert!(inbox.look_ahead()?.is_none());
    }
    Ok(())
}

#[test]
fn what_was_taken_is_not_seen_ahead() -> Result<()> {
    let mut inbox = greeted();
    inbox.absorb(&mut [frame(2, &[0; 8]), frame(1, &[0; 8])].concat());
    assert!(matches!(inbox.next()?, Some(Envelope::Taken { count: 0 })));
    assert!(matches!(
        inbox.look_ahead()?,
        Some(Envelope::Goodbye { taken: 0 })
    ));
    assert!(inbox.look_ahead()?.is_none());
    assert!(matches!(
        inbox.next()?,
        Some(Envelope::Goodbye { taken: 0 })
    ));
    Ok(())
}

#[test]
fn a_fault_ahead_leaves_what_is_in_front_of_it() -> Result<()> {
    let mut inbox = greeted();
    inbox.absorb(&mut [frame(0, &[7]), frame(3, &[])].concat());
    assert_eq!(inbox.look_ahead().unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(inbox.end().unwrap_err().kind(), ErrorKind::Protocol);
    assert!(matches!(inbox.next()?, Some(Envelope::Message(body)) if body.bytes() == [7]));
    assert_eq!(inbox.next().unwrap_err().kind(), ErrorKind::Protocol);
    Ok(())
}

#[test]
fn looking_ahead_knows_what_was_taken_before() -> Result<()> {
    let mut inbox = greeted();
    inbox.absorb(&mut [frame(1, &[0; 8]), frame(0, &[7])].concat());
    assert!(matches!(
        inbox.next()?,
        Some(Envelope::Goodbye { taken: 0 })
    ));
    assert_eq!(inbox.look_ahead().unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(inbox.next().unwrap_err().kind(), ErrorKind::Protocol);
    Ok(())
}

//! Bytes from somebody who does not keep to the rules.

use offspring::wire::{Envelope, Frame, Hello, Inbox, Limits, Parsed};
use offspring::{ErrorKind, Result};

use crate::fixtures::{Random, drain, frame, greeted, hello, inbox, unhex};

/// What an inbox says to these first bytes.
fn refusal(bytes: &[u8]) -> String {
    let mut inbox = inbox();
    inbox.absorb(&mut bytes.to_vec());
    let error = inbox.next().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    error.to_string()
}

fn hello_with(map: &[u8]) -> Vec<u8> {
    let len = u16::try_from(map.len()).unwrap();
    [b"\x89OFS\r\n\x1a\n\x01\x01", &len.to_be_bytes()[..], map].concat()
}

#[test]
fn other_protocols_are_named_by_what_they_said() {
    assert_eq!(
        refusal(b"GET / HTTP/1.1\r\nHost: x\r\n"),
        r#"read the hello: peer speaks something else: "GET / HTTP/1.1\r\n""#
    );
    assert_eq!(
        refusal(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        r#"read the hello: peer speaks something else: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03""#
    );
    assert_eq!(
        refusal(b"{"),
        r#"read the hello: peer speaks something else: "{""#
    );
}

#[test]
fn a_transport_in_text_mode_is_found_out() {
    let mut changed = hello();
    changed.remove(4);
    assert!(refusal(&changed).contains("peer speaks something else"));
    let mut stripped = hello();
    stripped[0] &= 0x7f;
    assert!(refusal(&stripped).contains("peer speaks something else"));
}

#[test]
fn random_bytes_are_refused_at_the_first_wrong_one() {
    let mut random = Random(2);
    for _ in 0..if cfg!(miri) { 50 } else { 1000 } {
        let bytes = random.bytes(1);
        if bytes != [0x89] {
            refusal(&bytes);
        }
    }
}

#[test]
fn a_hello_is_at_most_4_kib() {
    let head = |len: u16| [b"\x89OFS\r\n\x1a\n\x01\x01", &len.to_be_bytes()[..]].concat();
    assert_eq!(
        refusal(&head(4085)),
        "read the hello: its map has 4085 bytes, 4084 are allowed"
    );
    assert!(matches!(
        Hello::parse(&head(4084)),
        Ok(Parsed::Incomplete { need: 4096 })
    ));
}

#[test]
fn a_hello_with_a_broken_map_is_refused() {
    let longest = [&unhex("81 a5 61 67 65 6e 74 d9 ff")[..], &[b'x'; 255]].concat();
    assert!(Hello::parse(&hello_with(&longest)).is_ok());
    let too_long = [&unhex("81 a5 61 67 65 6e 74 da 01 00")[..], &[b'x'; 256]].concat();
    for (map, reason) in [
        (unhex("c0"), "something else where a map should be"),
        (unhex("81"), "the value claims more than is there"),
        (unhex("80 80"), "1 bytes follow the value"),
        (unhex("81 01 02"), "a key is not a string"),
        (unhex("81 c4 01 61 02"), "a key is not a string"),
        (unhex("81 a1 ff 02"), "a key is not a string"),
        (unhex("82 a1 61 01 a1 61 02"), r#"the key "a" comes twice"#),
        (
            unhex("82 a1 61 01 d9 01 61 02"),
            r#"the key "a" comes twice"#,
        ),
        (
            unhex("81 ab 6d 61 78 5f 6d 65 73 73 61 67 65 ff"),
            r#""max_message" is not an unsigned"#,
        ),
        (
            unhex("81 a5 61 67 65 6e 74 01"),
            r#""agent" is not a string"#,
        ),
        (too_long, r#""agent" is longer than 255 bytes"#),
        (
            unhex("81 a7 72 65 66 75 73 65 64 c3"),
            r#""refused" is not a string"#,
        ),
        (
            unhex("81 a8 66 65 61 74 75 72 65 73 a1 61"),
            r#""features" is not an array of strings"#,
        ),
        (
            unhex("81 a8 66 65 61 74 75 72 65 73 92 a1 61 01"),
            r#""features" is not an array"#,
        ),
        (protocol("80"), "its protocol needs a name, a min and a max"),
        (
            protocol("83 a4 6e 61 6d 65 a1 61 a3 6d 69 6e 02 a3 6d 61 78 01"),
            "no version in the range",
        ),
        (
            protocol("83 a4 6e 61 6d 65 a0 a3 6d 69 6e 01 a3 6d 61 78 01"),
            "the name needs 1 to 255 bytes",
        ),
        (
            protocol("84 a4 6e 61 6d 65 a1 61 a3 6d 69 6e 01 a3 6d 61 78 01 a3 6d 69 6e 01"),
            "comes twice",
        ),
        (
            protocol(
                "83 a4 6e 61 6d 65 a1 61 a3 6d 69 6e 01 a3 6d 61 78 cf 00 00 00 01 00 00 00 00",
            ),
            "its protocol needs a name, a min and a max of 32 bits",
        ),
        (protocol("c0"), "something else where a map should be"),
    ] {
        let error = Hello::parse(&hello_with(&map)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(
            error.to_string().contains(reason),
            "{error}, expected {reason}"
        );
    }
    for wire in [[0, 0], [0, 1], [2, 1]] {
        let mut bytes = hello();
        bytes[8..10].copy_from_slice(&wire);
        assert!(refusal(&bytes).contains("its wire versions are"));
    }
}

fn protocol(value: &str) -> Vec<u8> {
    [unhex("81 a8 70 72 6f 74 6f 63 6f 6c"), unhex(value)].concat()
}

#[test]
fn what_a_later_version_adds_to_the_hello_is_ignored() -> Result<()> {
    // "features": ["fd"], "zzz": {"deep": [[1]]}, "max_message": 4096, in any order, with any width.
    let map = unhex(
        "83 a8 66 65 61 74 75 72 65 73 91 a2 66 64 a3 7a 7a 7a 81 a4 64 65 65 70 91 91 01 \
         ab 6d 61 78 5f 6d 65 73 73 61 67 65 cf 00 00 00 00 00 00 10 00",
    );
    let Parsed::Complete { value, .. } = Hello::parse(&hello_with(&map))? else {
        panic!("it is whole")
    };
    assert_eq!(value.max_message(), 4096);
    Ok(())
}

#[test]
fn a_limit_out_of_range_is_brought_into_it() -> Result<()> {
    for (said, meant) in [
        ("00", 64),
        ("cf ff ff ff ff ff ff ff ff", u64::from(u32::MAX - 1)),
    ] {
        let map = [unhex("81 ab 6d 61 78 5f 6d 65 73 73 61 67 65"), unhex(said)].concat();
        let Parsed::Complete { value, .. } = Hello::parse(&hello_with(&map))? else {
            panic!("it is whole")
        };
        assert_eq!(value.max_message(), meant);
    }
    Ok(())
}

#[test]
fn both_sides_come_to_the_same_conclusion() -> Result<()> {
    let with = |name, versions| Hello::new().with_protocol(name, versions);
    let wire = |min: u8, max: u8| {
        let mut bytes = hello();
        bytes[8..10].copy_from_slice(&[min, max]);
        match Hello::parse(&bytes)? {
            Parsed::Complete { value, .. } => Ok::<_, offspring::Error>(value),
            other => panic!("it is whole: {other:?}"),
        }
    };
    let none = Hello::new();
    for (left, right, expected) in [
        (none.clone(), none.clone(), Some((1, None))),
        (with("a", 1..=3)?, with("a", 2..=5)?, Some((1, Some(3)))),
        (with("a", 1..=3)?, with("a", 3..=3)?, Some((1, Some(3)))),
        (
            with("a", 0..=u32::MAX)?,
            with("a", 0..=0)?,
            Some((1, Some(0))),
        ),
        (with("a", 1..=2)?, with("a", 3..=5)?, None),
        (with("a", 1..=2)?, with("b", 1..=2)?, None),
        (with("a", 1..=2)?, none.clone(), None),
        (wire(1, 3)?, wire(2, 5)?, Some((3, None))),
        (wire(1, 1)?, wire(2, 5)?, None),
    ] {
        for (ours, theirs) in [(&left, &right), (&right, &left)] {
            let agreed = ours.agree(theirs);
            match expected {
                Some(expected) => {
                    let agreed = agreed?;
                    assert_eq!((agreed.wire_version(), agreed.protocol_version()), expected);
                }
                None => assert_eq!(agreed.unwrap_err().kind(), ErrorKind::Incompatible),
            }
        }
    }
    let error = with("indexer", 1..=2)?
        .agree(&with("player", 3..=3)?)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains(r#"this side has "indexer" 1..=2, the peer"#),
        "{error}"
    );
    assert!(
        error.to_string().contains(r#"has "player" 3..=3"#),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_protocol_that_cannot_be_said_is_refused_at_once() {
    let long = "x".repeat(256);
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is tested")]
    for (name, versions) in [("", 1..=1), (long.as_str(), 1..=1), ("a", 2..=1)] {
        let error = Hello::new().with_protocol(name, versions).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName);
    }
}

#[test]
fn lengths_are_judged_before_anything_follows() {
    let parse = |length: u32| match Frame::parse(&length.to_be_bytes(), 1000) {
        Ok(Parsed::Incomplete { need }) => Ok(need),
        Ok(other) => panic!("nothing follows: {other:?}"),
        Err(error) => Err(error.kind()),
    };
    let too_large = |size| Err(ErrorKind::TooLarge { size, limit: 1000 });
    assert_eq!(parse(0), Err(ErrorKind::Protocol));
    assert_eq!(parse(1), Ok(5));
    assert_eq!(parse(1000), Ok(1004));
    assert_eq!(parse(1001), Ok(1005));
    assert_eq!(parse(1002), too_large(1001));
    assert_eq!(parse(1 << 31), too_large((1 << 31) - 1));
    assert_eq!(parse(u32::MAX), too_large(u64::from(u32::MAX) - 1));
}

#[test]
fn the_inbox_holds_the_peer_to_the_limit_in_our_hello() {
    let mut inbox = Inbox::new(Limits::new(), Hello::new().with_max_message(100));
    inbox.absorb(&mut [hello(), vec![0, 0, 0, 102]].concat());
    let error = inbox.next().unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::TooLarge {
            size: 101,
            limit: 100
        }
    );
    assert_eq!(
        error.to_string(),
        "read a frame: its body has 101 bytes, 100 are allowed"
    );
}

#[test]
fn what_breaks_the_stream_is_said_again_and_again() {
    for (bytes, reason) in [
        (vec![0, 0, 0, 0], "its length is zero"),
        (frame(3, &[]), "its kind 0x03 is unknown"),
        (frame(0x7f, &[0xc0]), "its kind 0x7f is unknown"),
        (frame(1, &[0; 7]), "its body has 7 bytes, expected 8"),
        (frame(2, &[0; 9]), "its body has 9 bytes, expected 8"),
        (frame(2, &[]), "its body has 0 bytes, expected 8"),
        (
            [frame(1, &[0; 8]), frame(0, &[7])].concat(),
            "a message comes after the goodbye",
        ),
        (
            [frame(1, &[0; 8]), frame(1, &[0; 8])].concat(),
            "there is a second goodbye",
        ),
        (
            [frame(2, &[1; 8]), frame(2, &[0; 8])].concat(),
            "the number of messages taken goes down",
        ),
        (
            [frame(2, &[1; 8]), frame(1, &[0; 8])].concat(),
            "the number of messages taken goes down",
        ),
    ] {
        let mut inbox = greeted();
        inbox.absorb(&mut [frame(0, &[7]), bytes].concat());
        assert!(matches!(inbox.next(), Ok(Some(Envelope::Message(_)))));
        let error = drain(&mut inbox).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(
            error.to_string().contains(reason),
            "{error}, expected {reason}"
        );

        inbox.absorb(&mut frame(0, &[8]));
        assert!(inbox.has_frame(), "the error can be had at once");
        assert_eq!(inbox.next().unwrap_err().to_string(), error.to_string());
        assert_eq!(
            inbox.look_ahead().unwrap_err().to_string(),
            error.to_string()
        );
        assert_eq!(inbox.end().unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn a_hello_that_does_not_fit_stays_an_error() {
    let mut inbox = inbox();
    inbox.absorb(&mut [b"\x89OFS\r\n\x1a\n\x02\x03\x00\x01\x80", &[1][..]].concat());
    for _ in 0..2 {
        assert_eq!(inbox.end().unwrap_err().kind(), ErrorKind::Incompatible);
        assert_eq!(inbox.next().unwrap_err().kind(), ErrorKind::Incompatible);
    }
}

#[test]
fn a_hello_that_refuses_says_why() -> Result<()> {
    let mut bytes = Vec::new();
    let full = Hello::new().with_refusal("full");
    full.encode(&mut bytes);
    assert!(bytes.ends_with(&unhex("a7 72 65 66 75 73 65 64 a4 66 75 6c 6c")));
    let Parsed::Complete { value, .. } = Hello::parse(&bytes)? else {
        panic!("it is whole")
    };
    assert_eq!(value, full);
    let mut inbox = inbox();
    inbox.absorb(&mut bytes);
    for _ in 0..2 {
        for error in [inbox.end().unwrap_err(), inbox.next().unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(error.to_string().contains(r#""full""#), "{error}");
        }
    }
    // What does not fit in is left out, but no character is cut in two.
    for (reason, kept) in [
        ("x".repeat(256), 255),
        ("é".repeat(128), 254),
        (String::new(), 0),
    ] {
        let hello = Hello::new().with_refusal(&reason);
        assert_eq!(hello.refusal(), Some(&reason[..kept]));
        hello.encode(&mut Vec::new());
    }
    Ok(())
}

#[test]
fn a_bad_message_is_skipped_and_the_next_one_is_good() -> Result<()> {
    for (body, kind) in [
        (unhex("c1"), ErrorKind::Malformed),
        (Vec::new(), ErrorKind::Malformed),
        (unhex("01 02"), ErrorKind::Malformed),
        (unhex("91"), ErrorKind::Malformed),
        (unhex("92 01"), ErrorKind::Malformed),
        (unhex("d9 05 61"), ErrorKind::Malformed),
        (unhex("a2 ff fe"), ErrorKind::Decode),
        (unhex("01"), ErrorKind::Decode),
        (
            [&[0x91; 129][..], &[0xc0]].concat(),
            ErrorKind::TooDeep { limit: 128 },
        ),
    ] {
        let mut inbox = greeted();
        inbox.absorb(&mut [frame(0, &body), frame(0, b"\xa4good")].concat());
        let Some(Envelope::Message(bad)) = inbox.next()? else {
            panic!("it is a whole frame")
        };
        assert_eq!(
            bad.decode::<String>().unwrap_err().kind(),
            kind,
            "{body:02x?}"
        );
        let Some(Envelope::Message(good)) = inbox.next()? else {
            panic!("it is a whole frame")
        };
        assert_eq!(good.decode::<&str>()?, "good");
        inbox.end()?;
    }
    Ok(())
}

#[test]
fn frames_that_may_be_ignored_are_held_to_the_limit_too() {
    let mut inbox = greeted();
    inbox.absorb(&mut [0x01, 0x00, 0x00, 0x02, 0x80].to_vec());
    assert!(matches!(
        inbox.next().unwrap_err().kind(),
        ErrorKind::TooLarge { .. }
    ));
}

//! Bytes that no Node.js sends.

use offspring::node::{Serialization, Value};
use offspring::wire::Limits;
use offspring::{Error, ErrorKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{clone_of, decode_error, golden, hex};

const ADVANCED: Serialization = Serialization::Advanced;

/// Every type agrees on what is no value.
#[track_caller]
fn is_malformed(bytes: &[u8]) {
    assert_eq!(
        decode_error::<Value>(ADVANCED, bytes),
        ErrorKind::Malformed,
        "{bytes:02x?}"
    );
    assert_eq!(
        decode_error::<IgnoredAny>(ADVANCED, bytes),
        ErrorKind::Malformed
    );
    assert_eq!(
        decode_error::<serde_json::Value>(ADVANCED, bytes),
        ErrorKind::Malformed
    );
}

#[test]
fn payloads_cut_at_any_byte_are_malformed() {
    for (_, bytes) in golden::lines() {
        for len in 0..bytes.len() {
            is_malformed(&bytes[..len]);
        }
    }
}

#[test]
fn bytes_behind_the_value_are_malformed() {
    for (_, bytes) in golden::lines() {
        is_malformed(&[&bytes[..], b"0"].concat());
        is_malformed(&[&bytes[..], b"\0"].concat());
    }
}

#[test]
fn other_versions_are_refused() {
    for version in (0..=255).filter(|version| !(13..=15).contains(version)) {
        is_malformed(&[0xff, version, b'0']);
    }
    for bytes in [&b""[..], b"0", b"\xff", b"\xff\x0f", b"\xfe\x0f0"] {
        is_malformed(bytes);
    }
}

#[test]
fn unknown_tags_are_malformed() {
    let known = b"\0_0-TFIUNZ\"cSoAa;'DRnyxzsB~^r\\?";
    for tag in (0..=255).filter(|tag| !known.contains(tag)) {
        let bytes = [&[0xff, 15, tag][..], &[0; 40]].concat();
        is_malformed(&bytes);
        let error = ADVANCED.decode::<Value>(&bytes, Limits::new()).unwrap_err();
        assert!(
            error.to_string().contains(&format!("byte 2 is {tag:#04x}")),
            "{error}"
        );
    }
}

#[test]
fn what_does_not_fit_together_is_malformed() {
    for bytes in [
        "6f 7b 01",                         // more properties than there are
        "6f 22 01 61 30 7b 00",             // fewer
        "6f 30 30 7b 01",                   // null for a key
        "41 01 30 24 00 02",                // two lengths
        "41 01 30 24 01 01",                // a property that is not there
        "61 01 40 00 02",                   // two lengths, again
        "3b 30 3a 01",                      // a key without a value
        "3b 30 30 3a 01",                   // half an entry
        "27 30 2c 02",                      // a value that is not there
        "2d",                               // a hole in nothing
        "6f 22 01 61 2d 7b 01",             // a hole in an object
        "52 49 02 00",                      // a pattern that is a number
        "52 22 00 80 04",                   // a flag that there is none of
        "63 01 61",                         // half a code unit
        "72 6d 49 02 2e",                   // a message that is a number
        "72 71 2e",                         // no such part of an error
        "5c 02",                            // no such host object
        "5c 00 63 00",                      // no such view
        "5c 00 03 01 00",                   // half an element
        "42 01 00 56 42 01 01 00",          // a view beyond its buffer
        "42 01 00 56 42 00 ff ff ff ff 0f", // far beyond
        "42 02 00 00 56 77 00 01 00",       // half an element of it
        "42 00 56 7a 00 00 00",             // no such view of it
        "56 42 00 00 00",                   // a view of nothing
        "7e 02 01 00 00",                   // larger than it may become
        "73 49 02",                         // a string that is a number
        "55 ff ff ff ff 1f",                // 33 bits
        "55 80 80 80 80 80 00",             // six bytes for a number
        "3f 00 3f 00 30",                   // counted twice
    ] {
        is_malformed(&clone_of(bytes));
    }
}

#[test]
fn padding_and_counts_are_skipped() {
    let bytes = clone_of("00 00 41 02 00 49 02 3f 07 00 49 04 00 24 00 02");
    let elements: Vec<u8> = ADVANCED.decode(&bytes, Limits::new()).unwrap();
    assert_eq!(elements, [1, 2]);
    // UTF-16 may stand anywhere, numbers may be longer than they need to be.
    let text: String = ADVANCED
        .decode(&hex("ff 0f 00 63 82 80 00 ac 20"), Limits::new())
        .unwrap();
    assert_eq!(text, "\u{20ac}");
    let text: String = ADVANCED
        .decode(&hex("ff 0f 53 03 e2 82 ac"), Limits::new())
        .unwrap();
    assert_eq!(text, "\u{20ac}");
    let text: String = ADVANCED
        .decode(&hex("ff 0f 53 02 61 ff"), Limits::new())
        .unwrap();
    assert_eq!(text, "a\u{fffd}");
}

#[test]
fn no_text_of_a_peer_gets_into_an_error() {
    fn check<'de, T: Deserialize<'de>>(serialization: Serialization, bytes: &'de [u8]) {
        let error: Error = match serialization.decode::<T>(bytes, Limits::new()) {
            Ok(_) => panic!("it was decoded"),
            Err(error) => error,
        };
        assert!(!error.to_string().contains(char::is_control), "{error}");
        assert!(!error.to_string().contains("evil"), "{error}");
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {}
    check::<Strict>(Serialization::Json, br#"{"evil\n":1}"#);
    check::<u8>(Serialization::Json, br#""evil\n""#);
    check::<Strict>(ADVANCED, &clone_of("6f 22 05 65 76 69 6c 0a 49 02 7b 01"));
    check::<u8>(ADVANCED, &clone_of("22 05 65 76 69 6c 0a"));
}

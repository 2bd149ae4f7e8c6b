//! The bytes themselves: whoever changes one of these breaks programs that are already out there.

use offspring::Result;
use offspring::wire::{Body, Encoding, Hello, Inbox, Limits, Outbox, Parsed};
use serde::{Deserialize, Serialize};

use crate::fixtures::{Seen, drain, hex, unhex};

#[test]
fn the_session_in_the_specification_is_what_the_code_writes_and_reads() -> Result<()> {
    #[derive(Serialize)]
    struct Question<'a> {
        word: &'a str,
    }

    let (left, right) = (session_in_specification('>'), session_in_specification('<'));

    // The hello says which version of the crate wrote it, so only the rest is the same for ever.
    let Parsed::Complete {
        len,
        value: left_hello,
    } = Hello::parse(&left)?
    else {
        panic!("no whole hello")
    };
    assert_eq!(left_hello.agent(), "offspring 0.1.0");
    let mut again = Vec::new();
    left_hello.encode(&mut again);
    assert_eq!(hex(&left[..len]), hex(&again));

    let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    outbox.push(&Question { word: "hippo" })?;
    outbox.push_goodbye(1)?;
    let mut written = Vec::new();
    outbox.take(&mut written);
    assert_eq!(hex(&left[len..]), hex(&written));

    let Parsed::Complete { value, .. } = Hello::parse(&right)? else {
        panic!("no whole hello")
    };
    assert_eq!((value.wire_versions(), value.agent()), (1..=3, ""));
    let mut again = Vec::new();
    value.encode(&mut again);
    assert_eq!(hex(&right[..10]), hex(&again[..10]));

    let right_hello = Hello::new().with_protocol("len", 2..=4)?;
    let mut inbox = Inbox::new(Limits::new(), right_hello);
    inbox.absorb(&mut left.clone());
    let question = b"\x81\xa4word\xa5hippo".to_vec();
    assert_eq!(
        drain(&mut inbox)?,
        [Seen::Message(question), Seen::Goodbye(1)]
    );
    assert_eq!(inbox.agreement().unwrap().protocol_version(), Some(2));
    assert_eq!(inbox.agreement().unwrap().max_message(), 1_048_576);

    let mut inbox = Inbox::new(Limits::new(), left_hello);
    inbox.absorb(&mut right.clone());
    assert_eq!(
        drain(&mut inbox)?,
        [Seen::Message(vec![5]), Seen::Taken(1), Seen::Goodbye(1)]
    );
    assert_eq!(inbox.agreement().unwrap().protocol_version(), Some(2));
    assert_eq!(inbox.agreement().unwrap().max_message(), 16 * 1024 * 1024);
    inbox.end()
}

fn session_in_specification(side: char) -> Vec<u8> {
    include_str!("../../src/wire/mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! ")?.strip_prefix(side))
        .flat_map(unhex)
        .collect()
}

#[test]
fn frames_have_their_bytes() -> Result<()> {
    let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    outbox.push("hi")?;
    outbox.push_taken(0x0102_0304_0506_0708);
    outbox.push_goodbye(u64::MAX)?;
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    let golden = [
        "00 00 00 04  length: kind and 3 bytes",
        "00           kind: message",
        "a2 68 69     MessagePack: str of 2 bytes",
        "00 00 00 09  length: kind and 8 bytes",
        "02           kind: taken",
        "01 02 03 04 05 06 07 08  count",
        "00 00 00 09  length",
        "01           kind: goodbye",
        "ff ff ff ff ff ff ff ff  taken",
    ];
    assert_eq!(hex(&bytes), hex(&golden.map(unhex).concat()));
    Ok(())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u8,
    y: i16,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(u8);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[test]
fn values_of_every_kind_have_their_bytes() {
    both(true, "c3");
    both(127u64, "7f");
    both(128u64, "cc 80");
    both(u64::MAX, "cf ff ff ff ff ff ff ff ff");
    both(-32i64, "e0");
    both(i64::MIN, "d3 80 00 00 00 00 00 00 00");
    both(
        i128::MIN,
        "c4 10 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
    );
    both(
        u128::MAX,
        "c4 10 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff",
    );
    both(1.5f32, "ca 3f c0 00 00");
    both(-0.0f64, "cb 80 00 00 00 00 00 00 00");
    both('ö', "a2 c3 b6");
    both("word".to_owned(), "a4 77 6f 72 64");
    both(String::new(), "a0");
    both(serde_bytes::ByteBuf::from([1, 2]), "c4 02 01 02");
    both(vec![1u8, 200], "92 01 cc c8");
    both(Option::<u8>::None, "c0");
    both(Some(1u8), "01");
    both((), "c0");
    both(Nothing, "90");
    both((1u8, "a".to_owned()), "92 01 a1 61");
    both(Wrapper(3), "03");
    both(std::collections::BTreeMap::from([(1u8, true)]), "81 01 c3");
    both(Shape::Unit, "a4 55 6e 69 74");
    both(Shape::New(1), "81 a3 4e 65 77 01");
    both(Shape::Tuple(1, 2), "81 a5 54 75 70 6c 65 92 01 02");
    one(
        Shape::Struct { a: 1 },
        Encoding::Named,
        "81 a6 53 74 72 75 63 74 81 a1 61 01",
    );
    one(
        Shape::Struct { a: 1 },
        Encoding::Compact,
        "81 a6 53 74 72 75 63 74 91 01",
    );
    one(
        Point { x: 1, y: -1 },
        Encoding::Named,
        "82 a1 78 01 a1 79 ff",
    );
    one(Point { x: 1, y: -1 }, Encoding::Compact, "92 01 ff");
}

fn both<T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug>(
    value: T,
    golden: &str,
) {
    one(&value, Encoding::Named, golden);
    one(&value, Encoding::Compact, golden);
    assert_eq!(
        Body::new(&unhex(golden), Limits::new())
            .decode::<T>()
            .unwrap(),
        value
    );
}

fn one<T: Serialize + std::fmt::Debug>(value: T, encoding: Encoding, golden: &str) {
    let mut outbox = Outbox::new(Limits::new(), encoding);
    outbox.push(&value).unwrap();
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    assert_eq!(hex(&bytes[5..]), golden, "{value:?}");
}

#[test]
fn structs_are_read_from_maps_and_from_arrays() -> Result<()> {
    for golden in [
        "82 a1 78 01 a1 79 ff",
        "92 01 ff",
        "83 a1 79 ff a1 7a c0 a1 78 01",
    ] {
        let bytes = unhex(golden);
        assert_eq!(
            Body::new(&bytes, Limits::new()).decode::<Point>()?,
            Point { x: 1, y: -1 }
        );
    }
    for golden in [
        "81 a6 53 74 72 75 63 74 81 a1 61 01",
        "81 a6 53 74 72 75 63 74 91 01",
    ] {
        let bytes = unhex(golden);
        assert_eq!(
            Body::new(&bytes, Limits::new()).decode::<Shape>()?,
            Shape::Struct { a: 1 }
        );
    }
    Ok(())
}

#[test]
fn strings_and_bytes_are_borrowed_from_the_message() -> Result<()> {
    let bytes = unhex("92 a4 77 6f 72 64 c4 02 01 02");
    let (word, raw): (&str, &[u8]) = Body::new(&bytes, Limits::new()).decode()?;
    assert_eq!((word, raw), ("word", &[1, 2][..]));
    assert!(bytes.as_ptr_range().contains(&word.as_ptr()));
    assert!(bytes.as_ptr_range().contains(&raw.as_ptr()));
    Ok(())
}

#[test]
fn floats_keep_every_bit() -> Result<()> {
    for bits in [
        0x7ff8_0000_0000_0000,
        0x7ff0_0000_dead_beef,
        0xfff0_0000_0000_0000,
        1,
    ] {
        let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
        outbox.push(&f64::from_bits(bits))?;
        let mut bytes = Vec::new();
        outbox.take(&mut bytes);
        assert_eq!(
            Body::new(&bytes[5..], Limits::new())
                .decode::<f64>()?
                .to_bits(),
            bits
        );
    }
    Ok(())
}

//! What a message may cost, and at whose side it is said.

use offspring::node::{Object, Serialization, Value};
use offspring::wire::Limits;
use offspring::{ErrorKind, Result};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_bytes::ByteBuf;

use super::{clone_of, encode};

const BOTH: [Serialization; 2] = [Serialization::Json, Serialization::Advanced];

/// Arrays in each other.
struct Nested(u32);

impl Serialize for Nested {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.collect_seq::<[u8; 0]>([]),
            levels => serializer.collect_seq([Self(levels - 1)]),
        }
    }
}

fn try_encode<T: Serialize>(
    serialization: Serialization,
    value: &T,
    limits: Limits,
) -> Result<Vec<u8>> {
    let mut bytes = b"before".to_vec();
    let result = serialization.encode(value, limits, &mut bytes);
    assert!(result.is_ok() || bytes == b"before");
    result.map(|()| bytes.split_off(6))
}

#[test]
fn depth_is_limited_on_both_sides() {
    let limits = Limits::new();
    for serialization in BOTH {
        let good = try_encode(serialization, &Nested(127), limits).unwrap();
        serialization.decode::<IgnoredAny>(&good, limits).unwrap();
        serialization.decode::<Value>(&good, limits).unwrap();
        serialization
            .decode::<serde_json::Value>(&good, limits)
            .unwrap();
        let deep = ErrorKind::TooDeep { limit: 128 };
        assert_eq!(
            try_encode(serialization, &Nested(128), limits)
                .unwrap_err()
                .kind(),
            deep
        );
        let deep = ErrorKind::TooDeep { limit: 127 };
        let limits = limits.with_max_depth(127);
        assert_eq!(
            serialization
                .decode::<IgnoredAny>(&good, limits)
                .unwrap_err()
                .kind(),
            deep
        );
        assert_eq!(
            serialization
                .decode::<Value>(&good, limits)
                .unwrap_err()
                .kind(),
            deep
        );
    }
}

#[test]
fn hostile_depth_is_an_error_and_no_crash() {
    let deep = ErrorKind::TooDeep { limit: 128 };
    for text in ["[", "{\"a\":", "[[{\"\":"] {
        let text = text.repeat(1_000_000);
        let error = Serialization::Json.decode::<Value>(text.as_bytes(), Limits::new());
        assert_eq!(error.unwrap_err().kind(), deep);
    }
    for unit in ["4101", "6f 220161", "3b", "27", "7263", "5c01", "6101 4900"] {
        let bytes = clone_of(&unit.repeat(100_000));
        let error = Serialization::Advanced.decode::<Value>(&bytes, Limits::new());
        assert_eq!(error.unwrap_err().kind(), deep, "{unit}");
    }
    // A program that sends such a thing keeps its stack too.
    for serialization in BOTH {
        let error = try_encode(serialization, &Nested(u32::MAX), Limits::new()).unwrap_err();
        assert_eq!(error.kind(), deep);
    }
}

#[test]
fn items_are_limited_on_both_sides() {
    let limits = Limits::new().with_max_items(9);
    let many = ErrorKind::TooManyItems { limit: 9 };
    let nine = Value::Array(vec![
        Value::Array(vec![1.into(); 3]),
        Object::from_iter([("a", 1), ("b", 2), ("c", 3)]).into(),
        Value::Null,
    ]);
    let ten = Value::Array(vec![nine.clone()]);
    for serialization in BOTH {
        let good = try_encode(serialization, &nine, limits).unwrap();
        serialization.decode::<Value>(&good, limits).unwrap();
        assert_eq!(
            try_encode(serialization, &ten, limits).unwrap_err().kind(),
            many
        );
        let bad = encode(serialization, &ten);
        assert_eq!(
            serialization
                .decode::<Value>(&bad, limits)
                .unwrap_err()
                .kind(),
            many
        );
        assert_eq!(
            serialization
                .decode::<IgnoredAny>(&bad, limits)
                .unwrap_err()
                .kind(),
            many
        );
    }
    let entries =
        |count: i32| Value::Map((0..count).map(|key| (key.into(), Value::Null)).collect());
    let values = |count: i32| Value::Set((0..count).map(Value::from).collect());
    for (good, bad) in [(entries(9), entries(10)), (values(9), values(10))] {
        let serialization = Serialization::Advanced;
        let good = try_encode(serialization, &good, limits).unwrap();
        serialization.decode::<Value>(&good, limits).unwrap();
        assert_eq!(
            try_encode(serialization, &bad, limits).unwrap_err().kind(),
            many
        );
        let bad = encode(serialization, &bad);
        assert_eq!(
            serialization
                .decode::<Value>(&bad, limits)
                .unwrap_err()
                .kind(),
            many
        );
    }
}

#[test]
fn bytes_in_json_are_items() {
    let limits = Limits::new().with_max_items(12);
    let many = ErrorKind::TooManyItems { limit: 12 };
    let good = try_encode(Serialization::Json, &ByteBuf::from([7; 10]), limits).unwrap();
    Serialization::Json
        .decode::<ByteBuf>(&good, limits)
        .unwrap();
    let error = try_encode(Serialization::Json, &ByteBuf::from([7; 11]), limits).unwrap_err();
    assert_eq!(error.kind(), many);
}

#[test]
fn the_size_is_limited_where_it_is_sent() {
    let limits = Limits::new().with_max_message(100);
    for serialization in BOTH {
        for text in [
            "a".repeat(200),
            "\u{e9}".repeat(200),
            "\u{20ac}".repeat(200),
        ] {
            let size = encode(serialization, &text).len() as u64;
            let error = try_encode(serialization, &text, limits).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge { size, limit: 100 });
        }
        let fits = "a".repeat(90);
        assert!(try_encode(serialization, &fits, limits).is_ok());
        let exact = encode(serialization, &fits).len();
        assert!(try_encode(serialization, &fits, limits.with_max_message(exact)).is_ok());
        assert!(try_encode(serialization, &fits, limits.with_max_message(exact - 1)).is_err());
    }
}

#[test]
fn a_length_alone_sets_no_memory_aside() {
    // An array of 4,000,000,000 gaps in a few bytes.
    let gaps = clone_of("61 80 d0 ac f3 0e 40 00 80 d0 ac f3 0e");
    let many = ErrorKind::TooManyItems { limit: 1_100_000 };
    let error = Serialization::Advanced.decode::<Vec<Option<u8>>>(&gaps, Limits::new());
    assert_eq!(error.unwrap_err().kind(), many);
    let value: Value = Serialization::Advanced
        .decode(&gaps, Limits::new())
        .unwrap();
    assert_eq!(
        value,
        Value::SparseArray {
            length: 4_000_000_000,
            properties: Object::new()
        }
    );
    let error = try_encode(Serialization::Json, &value, Limits::new()).unwrap_err();
    assert_eq!(error.kind(), many);
    // Others promise what is not there.
    for bytes in [
        "41 80 d0 ac f3 0e",
        "22 80 d0 ac f3 0e",
        "5c 00 0a 80 d0 ac f3 0e",
        "42 ff ff ff ff 0f",
        "5a fe ff ff ff 0f",
    ] {
        let error = Serialization::Advanced.decode::<Value>(&clone_of(bytes), Limits::new());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Malformed, "{bytes}");
    }
    // Elements of typed arrays become larger than they are.
    let bytes = encode(Serialization::Advanced, &ByteBuf::from(vec![0; 1_100_001]));
    let error = Serialization::Advanced.decode::<Vec<u8>>(&bytes, Limits::new());
    assert_eq!(error.unwrap_err().kind(), many);
    Serialization::Advanced
        .decode::<ByteBuf>(&bytes, Limits::new())
        .unwrap();
}

#[test]
fn a_large_buffer_in_json_needs_the_limits_that_are_told() {
    const SIZE: usize = 5_000_000;
    let buffer = ByteBuf::from(vec![255; SIZE]);
    let many = ErrorKind::TooManyItems { limit: 1_100_000 };
    let limits = Limits::new();
    let error = try_encode(Serialization::Json, &buffer, limits).unwrap_err();
    assert_eq!(error.kind(), many);
    let limits = limits
        .with_max_items(SIZE as u32 + 2)
        .with_max_message(4 * SIZE + 64);
    let text = try_encode(Serialization::Json, &buffer, limits).unwrap();
    let back: ByteBuf = Serialization::Json.decode(&text, limits).unwrap();
    assert!(back == buffer);
    let error = Serialization::Json.decode::<ByteBuf>(&text, Limits::new());
    assert_eq!(error.unwrap_err().kind(), many);
    // Nothing of the sort in a structured clone.
    let bytes = encode(Serialization::Advanced, &buffer);
    let back: ByteBuf = Serialization::Advanced
        .decode(&bytes, Limits::new())
        .unwrap();
    assert!(back == buffer);
}

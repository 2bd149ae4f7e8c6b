//! Objects that are in a message more than once, or in themselves.

use std::collections::BTreeMap;

use offspring::ErrorKind;
use offspring::node::{Object, Serialization, Value, View};
use offspring::wire::Limits;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{clone_of, decode, decode_error, encode, encode_error};

const ADVANCED: Serialization = Serialization::Advanced;

#[test]
fn a_shared_object_is_read_in_each_place() {
    // [o, o] with o = { x: [1] }
    let bytes = clone_of("41 02 6f 22 01 78 41 01 49 02 24 00 01 7b 01 5e 01 24 00 02");
    let both: Vec<BTreeMap<String, Vec<u8>>> = decode(ADVANCED, &bytes).unwrap();
    assert_eq!(both, vec![BTreeMap::from([("x".to_owned(), vec![1])]); 2]);
    // And what is inside of it: [o, o.x]
    let bytes = clone_of("41 02 6f 22 01 78 41 01 49 02 24 00 01 7b 01 5e 02 24 00 02");
    let (_, x): (Value, Vec<u8>) = decode(ADVANCED, &bytes).unwrap();
    assert_eq!(x, [1]);
}

#[test]
fn every_kind_of_object_can_be_read_again() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Choice {
        Of(u8),
    }
    type All = (f64, ByteBuf, u8, Vec<u8>, Choice, String);
    // Date, Buffer, Number, Set, object, RegExp; and all of them again.
    let bytes = clone_of(
        "41 0c 44 00 00 00 00 00 00 f0 3f 5c 00 0a 01 61 6e 00 00 00 00 00 00 00 40 27 49 06 2c 01 \
         6f 22 02 4f 66 49 08 7b 01 52 22 01 72 00 5e 01 5e 02 5e 03 5e 04 5e 05 5e 06 24 00 0c",
    );
    #[derive(Deserialize)]
    struct Twice(
        f64,
        ByteBuf,
        u8,
        Vec<u8>,
        Choice,
        String,
        f64,
        ByteBuf,
        u8,
        Vec<u8>,
        Choice,
        String,
    );
    let all: Twice = decode(ADVANCED, &bytes).unwrap();
    let first: All = (all.0, all.1, all.2, all.3, all.4, all.5);
    let second: All = (all.6, all.7, all.8, all.9, all.10, all.11);
    assert_eq!(
        first,
        (
            1.0,
            ByteBuf::from("a"),
            2,
            vec![3],
            Choice::Of(4),
            "/r/".to_owned()
        )
    );
    assert_eq!(first, second);
}

#[test]
fn the_buffer_of_a_view_counts_for_itself() {
    // A view of [1, 2] in an ArrayBuffer of [0, 1, 2], then that buffer, then the view.
    let bytes = clone_of("41 03 42 03 00 01 02 56 42 01 02 00 5e 01 5e 02 24 00 03");
    let all: (ByteBuf, ByteBuf, ByteBuf) = decode(ADVANCED, &bytes).unwrap();
    assert_eq!(
        all,
        (
            ByteBuf::from([1, 2]),
            ByteBuf::from([0, 1, 2]),
            ByteBuf::from([1, 2])
        )
    );
    let value: Value = decode(ADVANCED, &bytes).unwrap();
    let value = value.as_array().unwrap();
    assert_eq!(value[0].as_bytes(), Some(&[1, 2][..]));
    assert_eq!(value[1], Value::ArrayBuffer(vec![0, 1, 2]));
    assert_eq!(value[2], Value::Reference(2));
    assert_eq!(
        value[0],
        Value::Shared(2, Box::new(Value::View(View::Uint8, vec![1, 2])))
    );
}

#[test]
fn an_object_that_contains_itself_is_an_error_for_plain_types() {
    // o.self = o
    let bytes = clone_of("6f 22 04 73 65 6c 66 5e 00 7b 01");
    assert_eq!(
        decode_error::<serde_json::Value>(ADVANCED, &bytes),
        ErrorKind::Decode
    );
    #[derive(Debug, Deserialize)]
    struct Endless {
        #[serde(rename = "self")]
        _inner: Option<Box<Self>>,
    }
    assert_eq!(decode_error::<Endless>(ADVANCED, &bytes), ErrorKind::Decode);
    // Who does not look does not see it.
    #[derive(Debug, Deserialize)]
    struct Blind {}
    decode::<Blind>(ADVANCED, &bytes).unwrap();
    decode::<Value>(ADVANCED, &bytes).unwrap();
}

#[test]
fn a_value_in_a_struct_knows_what_is_outside_of_it() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Message {
        head: BTreeMap<String, u8>,
        body: Value,
    }
    // { head: h, body: [h, b] } with b the body itself
    let bytes = clone_of(
        "6f 22 04 68 65 61 64 6f 22 01 68 49 02 7b 01 22 04 62 6f 64 79 41 02 5e 01 5e 02 24 00 02 7b 02",
    );
    let message: Message = decode(ADVANCED, &bytes).unwrap();
    let head = Value::Shared(1, Box::new(Object::from_iter([("h", 1)]).into()));
    let body = Value::Array(vec![head, Value::Reference(2)]);
    assert_eq!(message.body, Value::Shared(2, Box::new(body)));
    // The message itself cannot be inside.
    let bytes =
        clone_of("6f 22 04 68 65 61 64 6f 7b 00 22 04 62 6f 64 79 41 01 5e 00 24 00 01 7b 02");
    assert_eq!(decode_error::<Message>(ADVANCED, &bytes), ErrorKind::Decode);
}

#[test]
fn a_value_says_itself_what_is_shared() {
    let inner = Value::Shared(70, Box::new(Object::from_iter([("x", 1)]).into()));
    let value = Value::Array(vec![inner, Value::Reference(70)]);
    let back: Vec<BTreeMap<String, u8>> = value.to().unwrap();
    assert_eq!(back[0], back[1]);
    let back: Value = decode(ADVANCED, &encode(ADVANCED, &value)).unwrap();
    let inner = Value::Shared(1, Box::new(Object::from_iter([("x", 1)]).into()));
    assert_eq!(back, Value::Array(vec![inner, Value::Reference(1)]));
}

#[test]
fn references_that_lead_nowhere_are_errors() {
    for value in [
        Value::Reference(0),
        Value::Array(vec![Value::Reference(0)]),
        Value::Array(vec![
            Value::Reference(1),
            Value::Shared(1, Box::new(Value::Array(vec![]))),
        ]),
        Value::Shared(0, Box::new("text".into())),
        Value::Shared(0, Box::new(Value::Reference(0))),
        Value::Boxed(Box::new(Value::Null)),
    ] {
        assert_eq!(
            encode_error(ADVANCED, &value),
            ErrorKind::Encode,
            "{value:?}"
        );
    }
    for bytes in [
        "5e 00",
        "41 01 5e 01 24 00 01",
        "41 02 5e 01 6f 7b 00 24 00 02",
    ] {
        assert_eq!(
            decode_error::<Value>(ADVANCED, &clone_of(bytes)),
            ErrorKind::Malformed,
            "{bytes}"
        );
        assert_eq!(
            decode_error::<serde::de::IgnoredAny>(ADVANCED, &clone_of(bytes)),
            ErrorKind::Malformed
        );
    }
}

/// Arrays in each other, each of which has the next one as often as `width`: 0 is the innermost.
fn laughs(levels: u32, width: usize, innermost: Value) -> Value {
    let mut value = innermost;
    for level in 0..levels {
        let mut elements = vec![Value::Shared(level, Box::new(value))];
        elements.extend((1..width).map(|_| Value::Reference(level)));
        value = Value::Array(elements);
    }
    value
}

#[test]
fn a_billion_laughs_are_too_many_items() {
    let bytes = encode(ADVANCED, &laughs(30, 10, Value::Array(vec!["ha".into()])));
    assert!(bytes.len() < 1000);
    let error = decode::<serde_json::Value>(ADVANCED, &bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyItems { limit: 1_100_000 });
    // Also when they are few bytes, written out: four levels of ten are 11,110 items, and the innermost 10,000 more.
    let bytes = encode(ADVANCED, &laughs(4, 10, Value::Array(vec![Value::Null])));
    let few = Limits::new().with_max_items(5000);
    let error = ADVANCED
        .decode::<serde_json::Value>(&bytes, few)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyItems { limit: 5000 });
    ADVANCED
        .decode::<serde_json::Value>(&bytes, few.with_max_items(50_000))
        .unwrap();
    // A value does not write them out.
    let bytes = encode(ADVANCED, &laughs(30, 10, Value::Array(vec![])));
    decode::<Value>(ADVANCED, &bytes).unwrap();
    // Without items, the bytes count.
    let innermost = Value::Boxed(Box::new("ha".repeat(100_000).into()));
    let bytes = encode(ADVANCED, &laughs(3, 10, innermost));
    let error = decode::<serde_json::Value>(ADVANCED, &bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooManyItems { limit: 1_100_000 });
    let room = Limits::new().with_max_message(1 << 30);
    let value: serde_json::Value = ADVANCED.decode(&bytes, room).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 10);
}

#[test]
fn depth_counts_through_references() {
    // Each element refers to the one in front of it, so that together they are deeper than any of them.
    let mut elements = vec![Value::Shared(0, Box::new(Value::Array(vec![])))];
    for id in 1..200 {
        let inside = Value::Array(vec![Value::Reference(id - 1)]);
        elements.push(Value::Shared(id, Box::new(inside)));
    }
    let bytes = encode(ADVANCED, &Value::Array(elements));
    let error = decode::<serde_json::Value>(ADVANCED, &bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooDeep { limit: 128 });
    decode::<Value>(ADVANCED, &bytes).unwrap();
}

#[test]
fn rust_shares_nothing() {
    #[derive(Serialize)]
    struct Both<'a>(&'a [u8], &'a [u8]);
    let array = [1];
    let bytes = encode(ADVANCED, &Both(&array, &array));
    assert!(!bytes.contains(&b'^'));
}

//! What serde says, as JavaScript has it: both ways, in both serialisations.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::net::Ipv4Addr;

use offspring::ErrorKind;
use offspring::node::{Serialization, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::{clone_of, decode, decode_error, encode, encode_error, hex};

const ADVANCED: Serialization = Serialization::Advanced;

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for serialization in [Serialization::Json, ADVANCED] {
        let bytes = encode(serialization, value);
        assert_eq!(
            decode::<T>(serialization, &bytes).unwrap(),
            *value,
            "{serialization:?}"
        );
    }
    // By way of a value, and with all that is in it shared with itself.
    assert_eq!(
        Value::from_serialize(value).unwrap().to::<T>().unwrap(),
        *value
    );
    let shared = Value::Shared(3, Box::new(Value::from_serialize(&[value]).unwrap()));
    let twice: (Vec<T>, Vec<T>) = Value::Array(vec![shared, Value::Reference(3)])
        .to()
        .unwrap();
    assert_eq!(twice.0[0], *value);
    assert_eq!(twice.1[0], *value);
}

#[track_caller]
fn is_written_as<T: Serialize + ?Sized>(value: &T, digits: &str) {
    let encoded = encode(ADVANCED, value);
    assert_eq!(
        encoded,
        [hex("ff 0d"), hex(digits)].concat(),
        "{encoded:02x?}"
    );
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Rectangle(f32, u64),
    Text { at: (i8, i16), text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Everything {
    unit: (),
    nothing: Nothing,
    wrapped: Wrapped,
    bool: bool,
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u64, u128),
    floats: (f32, f64),
    char: char,
    text: String,
    bytes: ByteBuf,
    some: Option<u8>,
    none: Option<u8>,
    shapes: Vec<Shape>,
    by_name: BTreeMap<String, Shape>,
    by_number: BTreeMap<i64, bool>,
    by_shape: BTreeMap<Letter, u8>,
    set: HashSet<u16>,
    address: Ipv4Addr,
    result: Result<u8, String>,
    deep: Vec<Vec<Vec<Option<Box<Self>>>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Letter {
    A,
    B,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(u32);

pub(crate) fn everything() -> Everything {
    let mut everything = Everything {
        unit: (),
        nothing: Nothing,
        wrapped: Wrapped(7),
        bool: true,
        signed: (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN),
        unsigned: (u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX),
        floats: (f32::MIN_POSITIVE, -1e300),
        char: '\u{1f600}',
        text: "caf\u{e9} \u{20ac}\0".to_owned(),
        bytes: ByteBuf::from([0, 255]),
        some: Some(0),
        none: None,
        shapes: vec![
            Shape::Point,
            Shape::Circle(0.5),
            Shape::Rectangle(1.0, 1 << 60),
            Shape::Text {
                at: (-1, 300),
                text: String::new(),
            },
        ],
        by_name: BTreeMap::from([
            ("12".to_owned(), Shape::Point),
            ("x".to_owned(), Shape::Circle(-0.0)),
        ]),
        by_number: BTreeMap::from([(-5, true), (1 << 40, false), (i64::MAX, true)]),
        by_shape: BTreeMap::from([(Letter::A, 1), (Letter::B, 2)]),
        set: HashSet::from([1, 2, 3]),
        address: Ipv4Addr::LOCALHOST,
        result: Err("no".to_owned()),
        deep: vec![vec![], vec![vec![None]]],
    };
    let copy = everything.clone();
    everything.deep[1][0].push(Some(Box::new(copy)));
    everything
}

#[test]
fn everything_that_serde_knows_comes_back() {
    comes_back(&everything());
    comes_back(&BTreeMap::from([(true, 1), (false, 2)]));
    comes_back(&BTreeMap::from([('a', 1)]));
    comes_back(&BTreeMap::<u32, u8>::new());
    comes_back(
        &vec![Some(()), None]
            .into_iter()
            .map(|x| x.is_some())
            .collect::<Vec<_>>(),
    );
}

#[test]
fn keys_of_any_kind_come_back_in_a_map() {
    let map = BTreeMap::from([(vec![1, 2], "a".to_owned()), (vec![], "b".to_owned())]);
    let back: BTreeMap<Vec<u8>, String> = decode(ADVANCED, &encode(ADVANCED, &map)).unwrap();
    assert_eq!(back, map);
    let map = BTreeMap::from([(None, 1), (Some(5), 2)]);
    let back: BTreeMap<Option<u8>, u8> = decode(ADVANCED, &encode(ADVANCED, &map)).unwrap();
    assert_eq!(back, map);
}

#[test]
fn a_map_of_strings_is_an_object_and_any_other_a_map() {
    is_written_as(&BTreeMap::from([("a", 1)]), "6f 22 01 61 49 02 7b 01");
    is_written_as(&BTreeMap::from([("7", 1)]), "6f 49 0e 49 02 7b 01");
    is_written_as(&BTreeMap::from([(7, 1)]), "3b 49 0e 49 02 3a 02");
    is_written_as(&BTreeMap::<u8, u8>::new(), "6f 7b 00");
    // The first one decides.
    #[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
    #[serde(untagged)]
    enum Key {
        Number(u8),
        Text(&'static str),
    }
    is_written_as(
        &BTreeMap::from([(Key::Number(1), 0), (Key::Text("a"), 0)]),
        "3b 49 02 49 00 22 01 61 49 00 3a 04",
    );
    struct TextFirst;
    impl Serialize for TextFirst {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(Key::Text("a"), 0), (Key::Number(1), 0)])
        }
    }
    assert_eq!(encode_error(ADVANCED, &TextFirst), ErrorKind::Encode);
}

#[test]
fn integers_are_as_small_as_they_can_be() {
    is_written_as(&5u64, "49 0a");
    is_written_as(&i32::MIN, "49 ff ff ff ff 0f");
    is_written_as(&u32::MAX, "4e 00 00 e0 ff ff ff ef 41");
    is_written_as(&(1u64 << 53), "4e 00 00 00 00 00 00 40 43");
    is_written_as(&((1u64 << 53) + 1), "5a 10 01 00 00 00 00 00 20 00");
    is_written_as(&i64::MIN, "5a 11 00 00 00 00 00 00 00 80");
    is_written_as(
        &u128::MAX,
        "5a 20 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff",
    );
    is_written_as(&-0.0, "4e 00 00 00 00 00 00 00 80");
    is_written_as(&1.5f32, "4e 00 00 00 00 00 00 f8 3f");
}

#[test]
fn strings_are_latin_1_or_aligned_utf_16() {
    is_written_as("a", "22 01 61");
    is_written_as("\u{e9}\u{ff}", "22 02 e9 ff");
    is_written_as(&'\u{20ac}', "63 02 ac 20");
    is_written_as(&["\u{20ac}"], "41 01 63 02 ac 20 24 00 01");
    is_written_as(
        &("a", "\u{1f600}"),
        "41 02 22 01 61 00 63 04 3d d8 00 de 24 00 02",
    );
}

/// The page of `wire::node` shows it.
#[test]
fn utf_16_begins_at_an_even_place_however_long_its_length_is() {
    // Lengths of one byte to four, which is what moves the place.
    for units in [1, 0x3f, 0x40, 0x1fff, 0x2000, 0xf_ffff, 0x10_0000] {
        let text = "\u{20ac}".repeat(units);
        for value in [&[&text[..]][..], &["a", &text], &["ab", &text]] {
            let bytes = encode(ADVANCED, value);
            // Behind it are the end of the array, the number of its properties and its length.
            let begin = bytes.len() - 3 - 2 * units;
            assert_eq!(begin % 2, 0, "{units} behind {} others", value.len() - 1);
            assert_eq!(bytes[begin..begin + 2], [0xac, 0x20]);
            assert_eq!(decode::<Vec<String>>(ADVANCED, &bytes).unwrap(), value);
        }
    }
}

#[test]
fn the_example_of_the_specification_is_written_so() {
    let digits = "6f 22 01 61 41 02 49 02 63 02 ac 20 24 00 02 7b 01";
    is_written_as(&BTreeMap::from([("a", (1, "\u{20ac}"))]), digits);
}

#[test]
fn bytes_are_a_buffer() {
    is_written_as(Bytes::new(b"ab"), "5c 00 0a 02 61 62");
}

#[test]
fn what_serde_has_no_word_for_is_null() {
    is_written_as(&(), "30");
    is_written_as(&None::<u8>, "30");
    is_written_as(&Nothing, "30");
    for undefined in ["5f", "30"] {
        assert_eq!(
            decode::<Option<u8>>(ADVANCED, &clone_of(undefined)).unwrap(),
            None
        );
        decode::<()>(ADVANCED, &clone_of(undefined)).unwrap();
        decode::<Nothing>(ADVANCED, &clone_of(undefined)).unwrap();
        assert_eq!(
            decode_error::<u8>(ADVANCED, &clone_of(undefined)),
            ErrorKind::Decode
        );
    }
}

#[test]
fn a_sequence_whose_length_is_not_known_is_an_array() {
    struct Unsized;
    impl Serialize for Unsized {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            for text in ["a", "\u{20ac}"] {
                seq.serialize_element(text)?;
            }
            seq.end()
        }
    }
    is_written_as(
        &Unsized,
        "41 82 80 80 80 00 22 01 61 00 63 02 ac 20 24 00 02",
    );
    let bytes = encode(ADVANCED, &[Unsized, Unsized]);
    let back: Vec<Vec<String>> = decode(ADVANCED, &bytes).unwrap();
    assert_eq!(back, vec![vec!["a", "\u{20ac}"]; 2]);
}

#[test]
fn a_length_that_is_not_kept_is_refused() {
    struct Liar(usize);
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(Some(self.0))?;
            seq.serialize_element(&1)?;
            seq.end()
        }
    }
    assert_eq!(encode_error(ADVANCED, &Liar(2)), ErrorKind::Encode);
    assert_eq!(encode_error(ADVANCED, &Liar(0)), ErrorKind::Encode);
}

#[test]
fn enums_look_as_in_json() {
    is_written_as(&Shape::Point, "22 05 50 6f 69 6e 74");
    is_written_as(
        &Shape::Circle(0.0),
        "6f 22 06 43 69 72 63 6c 65 4e 00 00 00 00 00 00 00 00 7b 01",
    );
    for good in [
        "22 05 50 6f 69 6e 74",
        "6f 22 05 50 6f 69 6e 74 30 7b 01",
        "6f 22 05 50 6f 69 6e 74 5f 7b 01",
    ] {
        assert_eq!(
            decode::<Shape>(ADVANCED, &clone_of(good)).unwrap(),
            Shape::Point
        );
    }
    for bad in [
        "6f 7b 00",
        "6f 22 05 50 6f 69 6e 74 30 22 01 61 30 7b 02",
        "49 02",
        "22 01 61",
        "41 00 24 00 00",
    ] {
        assert_eq!(
            decode_error::<Shape>(ADVANCED, &clone_of(bad)),
            ErrorKind::Decode,
            "{bad}"
        );
    }
}

#[test]
fn attributes_of_serde_work() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", rename_all = "camelCase")]
    enum Message {
        Started { process_id: u64 },
        Ended(Flat),
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        code: Option<i32>,
        #[serde(flatten)]
        more: BTreeMap<String, Value>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Message(Message),
        Number(f64),
        Texts(Vec<String>),
    }
    let more = BTreeMap::from([("x".to_owned(), Value::from(vec![Value::Null, 1.5.into()]))]);
    comes_back(&vec![
        Either::Message(Message::Started {
            process_id: 1 << 40,
        }),
        Either::Message(Message::Ended(Flat {
            code: Some(-1),
            more,
        })),
        Either::Number(5.0),
        Either::Texts(vec!["\u{20ac}".to_owned()]),
    ]);
}

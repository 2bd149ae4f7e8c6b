//! JSON, as Node.js writes and reads it.

use std::collections::BTreeMap;

use offspring::ErrorKind;
use offspring::node::{Object, Serialization, Value, View};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::{decode, decode_error, encode, encode_error};

const JSON: Serialization = Serialization::Json;

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(encode(JSON, value)).unwrap()
}

#[test]
fn half_a_surrogate_pair_becomes_the_replacement_character() {
    let text: String = decode(JSON, br#""a\ud800b\uDC00\ud83d\ude00""#).unwrap();
    assert_eq!(text, "a\u{fffd}b\u{fffd}\u{1f600}");
    let map: BTreeMap<String, u8> = decode(JSON, br#"{"\udfff":1}"#).unwrap();
    assert_eq!(map["\u{fffd}"], 1);
}

#[test]
fn what_is_not_utf_8_becomes_the_replacement_character() {
    let text: String = decode(JSON, b"\"a\xffb\xe2\x82c\"").unwrap();
    assert_eq!(text, "a\u{fffd}b\u{fffd}c");
    assert_eq!(decode_error::<Value>(JSON, b"\xff7"), ErrorKind::Malformed);
}

#[test]
fn good_text_is_borrowed_from() {
    let bytes = br#"["borrowed"]"#.to_vec();
    let [text]: [&str; 1] = decode(JSON, &bytes).unwrap();
    assert_eq!(text.as_ptr(), bytes[2..].as_ptr());
}

#[test]
fn white_space_around_a_text_is_nothing() {
    for text in ["7", " 7 ", "7\r", "7\r\n", "\t7\n"] {
        assert_eq!(decode::<u8>(JSON, text.as_bytes()).unwrap(), 7, "{text:?}");
    }
}

#[test]
fn what_is_no_json_is_malformed_whatever_the_type() {
    for text in [
        "",
        "\r",
        "{",
        "[1,]",
        "[1",
        "nul",
        "'a'",
        "\"a\nb\"",
        "1 2",
        "{\"a\":}",
        "\u{feff}1",
        "[\"\\q\"]",
        "+1",
        "01",
        "NaN",
        "[}",
    ] {
        assert_eq!(
            decode_error::<Value>(JSON, text.as_bytes()),
            ErrorKind::Malformed,
            "{text:?}"
        );
        assert_eq!(
            decode_error::<u8>(JSON, text.as_bytes()),
            ErrorKind::Malformed,
            "{text:?}"
        );
        assert_eq!(
            decode_error::<String>(JSON, text.as_bytes()),
            ErrorKind::Malformed,
            "{text:?}"
        );
    }
}

#[test]
fn a_good_text_of_another_type_is_a_matter_of_decoding() {
    assert_eq!(decode_error::<u8>(JSON, b"\"7\""), ErrorKind::Decode);
    assert_eq!(decode_error::<u8>(JSON, b"300"), ErrorKind::Decode);
    assert_eq!(
        decode_error::<Vec<u8>>(JSON, b"{\"a\":[1]}"),
        ErrorKind::Decode
    );
    // JavaScript reads infinity.
    assert_eq!(decode_error::<f64>(JSON, b"1e999"), ErrorKind::Decode);
}

#[test]
fn what_numbers_cannot_say_is_null() {
    assert_eq!(
        text(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        "[null,null,null]"
    );
    assert_eq!(text(&f32::NAN), "null");
}

#[test]
fn integers_keep_every_digit() {
    assert_eq!(text(&u64::MAX), "18446744073709551615");
    assert_eq!(
        decode::<u64>(JSON, b"18446744073709551615").unwrap(),
        u64::MAX
    );
    assert_eq!(
        decode::<i128>(JSON, text(&i128::MIN).as_bytes()).unwrap(),
        i128::MIN
    );
    // A value is what JavaScript would make of it.
    let value: Value = decode(JSON, b"9007199254740993").unwrap();
    assert_eq!(value, Value::Number(9_007_199_254_740_992.0));
}

#[test]
fn floats_come_back_to_the_last_bit() {
    for number in [
        0.1,
        1.0 / 3.0,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        123_456_789.123_456_79,
    ] {
        let back: f64 = decode(JSON, text(&number).as_bytes()).unwrap();
        assert_eq!(back.to_bits(), number.to_bits());
    }
}

#[test]
fn bytes_are_a_buffer_as_node_writes_it() {
    assert_eq!(
        text(Bytes::new(b"a\x00\xff")),
        r#"{"type":"Buffer","data":[97,0,255]}"#
    );
    assert_eq!(text(Bytes::new(b"")), r#"{"type":"Buffer","data":[]}"#);
}

#[test]
fn long_bytes_come_back() {
    for len in [255, 256, 257, 1000] {
        let bytes: ByteBuf = (0..len).map(|byte| byte as u8).collect::<Vec<_>>().into();
        assert_eq!(
            decode::<ByteBuf>(JSON, &encode(JSON, &bytes)).unwrap(),
            bytes
        );
        assert_eq!(
            decode::<serde_json::Value>(JSON, &encode(JSON, &bytes)).unwrap()["data"][254],
            254
        );
    }
}

#[test]
fn bytes_are_read_of_a_buffer_an_array_or_a_string() {
    for text in [
        r#"{"type":"Buffer","data":[97,0,255]}"#,
        r#"{"data":[97,0,255],"type":"Buffer"}"#,
        "[97,0,255]",
    ] {
        assert_eq!(
            decode::<ByteBuf>(JSON, text.as_bytes()).unwrap(),
            b"a\x00\xff",
            "{text}"
        );
    }
    assert_eq!(decode::<ByteBuf>(JSON, b"\"ab\"").unwrap(), b"ab");
    assert_eq!(decode::<&Bytes>(JSON, b"\"ab\"").unwrap(), b"ab" as &[u8]);
    for text in [
        r#"{"type":"buffer","data":[1]}"#,
        r#"{"type":"Buffer"}"#,
        r#"{"data":[1]}"#,
        r#"{"type":"Buffer","data":[1],"more":0}"#,
        r#"{"type":"Buffer","data":[256]}"#,
        "7",
        "null",
    ] {
        assert_eq!(
            decode_error::<ByteBuf>(JSON, text.as_bytes()),
            ErrorKind::Decode,
            "{text}"
        );
    }
}

#[test]
fn bytes_are_read_at_any_depth() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Part {
        Plain(ByteBuf),
        Named {
            bytes: Option<ByteBuf>,
            pair: (u8, ByteBuf),
        },
        Nothing,
    }
    let bytes = |text: &str| ByteBuf::from(text);
    let parts = BTreeMap::from([
        (1, vec![Part::Plain(bytes("a")), Part::Nothing]),
        (
            2,
            vec![Part::Named {
                bytes: Some(bytes("b")),
                pair: (3, bytes("c")),
            }],
        ),
    ]);
    let encoded = encode(JSON, &parts);
    let back: BTreeMap<u8, Vec<Part>> = decode(JSON, &encoded).unwrap();
    assert_eq!(back, parts);
}

#[test]
fn there_is_never_a_line_end() {
    let inside = "{\n  \"a\": [1,\n\r\n 2]\n}";
    let raw = serde_json::value::RawValue::from_string(inside.to_owned()).unwrap();
    let encoded = text(&("line\nend\r", raw, '\n'));
    assert!(!encoded.contains('\n'), "{encoded}");
    let back: (String, BTreeMap<String, Vec<u8>>, char) = decode(JSON, encoded.as_bytes()).unwrap();
    assert_eq!(
        back,
        (
            "line\nend\r".to_owned(),
            BTreeMap::from([("a".to_owned(), vec![1, 2])]),
            '\n'
        )
    );
}

#[test]
fn large_strings_come_back() {
    // 10 MB, with an escape in each of its lines.
    let long = "\u{e9}line\n".repeat(1_500_000);
    let back: String = decode(JSON, &encode(JSON, &long)).unwrap();
    assert!(back == long);
    // And half a pair at the end, so that all of it is copied.
    let mut encoded = encode(JSON, &long);
    encoded.pop();
    encoded.extend_from_slice(b"\\ud800\"");
    let back: String = decode(JSON, &encoded).unwrap();
    assert!(back.strip_suffix('\u{fffd}') == Some(&long));
}

#[test]
fn values_are_written_as_node_writes_them() {
    let object = Object::from_iter([
        ("gone", Value::Undefined),
        ("date", Value::Date(0.0)),
        ("no_date", Value::Date(f64::NAN)),
        (
            "array",
            Value::Array(vec![
                Value::Undefined,
                Value::Hole,
                5.into(),
                0.5.into(),
                f64::NAN.into(),
            ]),
        ),
        ("buffer", Value::buffer(*b"a")),
        ("typed", Value::View(View::Int16, vec![1, 0, 0xff, 0xff])),
        ("boxed", Value::Boxed(Box::new("s".into()))),
        (
            "sparse",
            Value::SparseArray {
                length: 3,
                properties: Object::from_iter([("1", 7), ("more", 8)]),
            },
        ),
        ("shared", Value::Shared(1, Box::new(Value::Array(vec![])))),
    ]);
    let expected = r#"{"date":"1970-01-01T00:00:00.000Z","no_date":null,"array":[null,null,5,0.5,null],"buffer":{"type":"Buffer","data":[97]},"typed":{"0":1,"1":-1},"boxed":"s","sparse":[null,7,null],"shared":[]}"#;
    assert_eq!(text(&Value::Object(object)), expected);
}

#[test]
fn values_that_json_cannot_say_are_refused() {
    for value in [
        Value::BigInt(1.into()),
        Value::Map(vec![]),
        Value::Set(vec![]),
        Value::RegExp {
            source: "a".into(),
            flags: String::new(),
        },
        Value::ArrayBuffer(vec![]),
        Value::View(View::DataView, vec![]),
        Value::View(View::BigInt64, vec![0; 8]),
        Value::Shared(1, Box::new(Value::Array(vec![Value::Reference(1)]))),
    ] {
        assert_eq!(encode_error(JSON, &value), ErrorKind::Encode, "{value:?}");
        assert_eq!(encode_error(JSON, &[value]), ErrorKind::Encode);
    }
}

#[test]
fn values_are_what_was_parsed() {
    let value: Value = decode(JSON, br#"{"a":[1,-2.5,null,true],"b":{"c":"d"}}"#).unwrap();
    let array = Value::Array(vec![1.into(), (-2.5).into(), Value::Null, true.into()]);
    let inner = Value::from(Object::from_iter([("c", "d")]));
    assert_eq!(
        value,
        Object::from_iter([("a", array), ("b", inner)]).into()
    );
}

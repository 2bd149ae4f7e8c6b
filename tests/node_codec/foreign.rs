//! What JavaScript says and Rust does not, read into types of Rust.

use std::collections::{HashMap, HashSet};

use offspring::ErrorKind;
use offspring::node::{Serialization, Value};
use serde::Deserialize;
use serde_bytes::{ByteBuf, Bytes};

use super::{clone_of, decode, decode_error, hex};

const ADVANCED: Serialization = Serialization::Advanced;

#[test]
fn bytes_are_read_of_whatever_holds_bytes() {
    for bytes in [
        "5c 00 0a 02 61 62",
        "5c 00 01 02 61 62",
        "5c 00 03 02 61 62",
        "5c 00 09 02 61 62",
        "42 02 61 62",
        "7e 02 08 61 62",
        "7e 02 02 61 62",
        "42 04 00 61 62 00 56 42 01 02 00",
        "22 02 61 62",
    ] {
        let bytes = clone_of(bytes);
        let borrowed: &Bytes = decode(ADVANCED, &bytes).unwrap();
        assert_eq!(borrowed, b"ab" as &[u8]);
        assert!(
            bytes.as_ptr_range().contains(&borrowed.as_ptr()),
            "it was copied"
        );
    }
    assert_eq!(
        decode::<ByteBuf>(ADVANCED, &clone_of("41 02 49 02 49 04 24 00 02")).unwrap(),
        [1, 2]
    );
}

#[test]
fn what_has_the_index_behind_the_last_is_no_element() {
    // [true], whose length is 1 and which has a property 1; then true.
    let bytes = clone_of("41 02 61 01 49 00 54 49 02 46 40 02 01 54 24 00 02");
    let (array, behind): (Vec<bool>, bool) = decode(ADVANCED, &bytes).unwrap();
    assert_eq!((&array[..], behind), (&[true][..], true));
}

#[test]
fn an_unsigned_number_is_never_negative() {
    let largest = clone_of("55 ff ff ff ff 0f");
    assert_eq!(decode::<u32>(ADVANCED, &largest).unwrap(), u32::MAX);
    assert_eq!(decode::<i64>(ADVANCED, &largest).unwrap(), 4_294_967_295);
    assert_eq!(
        decode::<Value>(ADVANCED, &largest).unwrap(),
        Value::Number(4_294_967_295.0)
    );
}

#[test]
fn a_view_of_a_buffer_has_flags_since_version_14() {
    let view = "42 03 00 01 02 56 42 01 02";
    // Not zero: that would be padding in front of what follows.
    for (header, flags) in [("ff 0d", ""), ("ff 0e", "01"), ("ff 0f", "02")] {
        let bytes = hex(&format!("{header} 41 02 {view} {flags} 54 24 00 02"));
        let (bytes, behind): (ByteBuf, bool) = decode(ADVANCED, &bytes).unwrap();
        assert_eq!((&bytes[..], behind), (&[1, 2][..], true));
    }
}

#[test]
fn typed_arrays_are_sequences_of_numbers() {
    assert_eq!(
        decode::<Vec<u8>>(ADVANCED, &clone_of("5c 00 0a 02 61 62")).unwrap(),
        b"ab"
    );
    assert_eq!(
        decode::<Vec<i32>>(ADVANCED, &clone_of("5c 00 03 04 ff ff 02 00")).unwrap(),
        [-1, 2]
    );
    assert_eq!(
        decode::<[f64; 1]>(ADVANCED, &clone_of("5c 00 07 04 00 00 c0 3f")).unwrap(),
        [1.5]
    );
    let value: serde_json::Value = decode(ADVANCED, &clone_of("5c 00 07 04 00 00 80 3f")).unwrap();
    assert_eq!(value, serde_json::json!([1]));
    assert_eq!(
        decode::<Vec<u64>>(
            ADVANCED,
            &clone_of(&format!("5c 00 0c 08 {}", "ff".repeat(8)))
        )
        .unwrap(),
        [u64::MAX]
    );
}

#[test]
fn sets_and_maps_of_javascript_become_those_of_rust() {
    let set: HashSet<String> = decode(ADVANCED, &clone_of("27 22 01 61 22 01 62 2c 02")).unwrap();
    assert_eq!(set, HashSet::from(["a".to_owned(), "b".to_owned()]));
    let map: HashMap<u8, bool> = decode(ADVANCED, &clone_of("3b 49 02 54 49 04 46 3a 04")).unwrap();
    assert_eq!(map, HashMap::from([(1, true), (2, false)]));
    // An object, too, of which all keys are strings to JavaScript.
    let map: HashMap<u8, bool> =
        decode(ADVANCED, &clone_of("6f 49 02 54 22 01 37 46 7b 02")).unwrap();
    assert_eq!(map, HashMap::from([(1, true), (7, false)]));
    let map: HashMap<String, bool> = decode(ADVANCED, &clone_of("6f 49 02 54 7b 01")).unwrap();
    assert_eq!(map, HashMap::from([("1".to_owned(), true)]));
    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        a: u8,
    }
    assert_eq!(
        decode::<Named>(ADVANCED, &clone_of("3b 22 01 61 49 02 3a 02")).unwrap(),
        Named { a: 1 }
    );
}

#[test]
fn arrays_with_gaps_are_sequences() {
    let gaps = clone_of("61 04 49 02 22 01 61 49 06 22 01 62 40 02 04");
    let back: Vec<Option<String>> = decode(ADVANCED, &gaps).unwrap();
    assert_eq!(
        back,
        [None, Some("a".to_owned()), None, Some("b".to_owned())]
    );
    // With properties that are no elements in between, one of them behind the end.
    let mixed = clone_of(
        "61 02 22 01 78 49 7e 49 00 49 04 49 0a 41 00 24 00 00 49 02 49 06 22 01 79 30 40 05 02",
    );
    assert_eq!(decode::<Vec<u8>>(ADVANCED, &mixed).unwrap(), [2, 3]);
    // No array of JavaScript has them in another order, or twice.
    for bad in [
        "61 02 49 02 30 49 00 30 40 02 02",
        "61 02 49 00 30 49 00 30 40 02 02",
        "61 01 49 00 30 49 00 30 40 02 01",
    ] {
        assert_eq!(
            decode_error::<Vec<()>>(ADVANCED, &clone_of(bad)),
            ErrorKind::Decode
        );
    }
    let holes = clone_of("41 03 2d 49 02 2d 24 00 03");
    assert_eq!(
        decode::<Vec<Option<u8>>>(ADVANCED, &holes).unwrap(),
        [None, Some(1), None]
    );
    // Properties of an array are no elements.
    let named = clone_of("41 01 49 02 22 01 78 6f 7b 00 24 01 01");
    assert_eq!(decode::<(u8,)>(ADVANCED, &named).unwrap(), (1,));
    assert_eq!(
        decode::<[u8; 1]>(ADVANCED, &clone_of("41 02 49 02 49 02 24 00 02"))
            .unwrap_err()
            .kind(),
        ErrorKind::Decode
    );
}

#[test]
fn dates_are_milliseconds_or_text() {
    let date = clone_of("44 00 00 00 00 00 40 8f 40"); // 1000
    assert_eq!(decode::<f64>(ADVANCED, &date).unwrap(), 1000.0);
    assert_eq!(decode::<u64>(ADVANCED, &date).unwrap(), 1000);
    assert_eq!(
        decode::<String>(ADVANCED, &date).unwrap(),
        "1970-01-01T00:00:01.000Z"
    );
    let invalid = clone_of("44 00 00 00 00 00 00 f8 7f");
    assert!(decode::<f64>(ADVANCED, &invalid).unwrap().is_nan());
    assert_eq!(
        decode_error::<String>(ADVANCED, &invalid),
        ErrorKind::Decode
    );
}

#[test]
fn errors_and_patterns_are_structs() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Exception {
        name: String,
        message: String,
        cause: Option<Box<Self>>,
    }
    let inner = "72 22 01 73"; // not used: a message must be behind its letter
    assert_eq!(
        decode_error::<Exception>(ADVANCED, &clone_of(inner)),
        ErrorKind::Malformed
    );
    let bytes = clone_of("72 54 6d 22 01 61 63 72 6d 22 01 62 2e 73 22 01 73 2e");
    let cause = Exception {
        name: "Error".into(),
        message: "b".into(),
        cause: None,
    };
    assert_eq!(
        decode::<Exception>(ADVANCED, &bytes).unwrap(),
        Exception {
            name: "TypeError".into(),
            message: "a".into(),
            cause: Some(Box::new(cause))
        }
    );
    #[derive(Debug, PartialEq, Deserialize)]
    struct Pattern {
        source: String,
        flags: String,
    }
    let bytes = clone_of("52 22 01 61 03");
    let pattern = Pattern {
        source: "a".into(),
        flags: "gi".into(),
    };
    assert_eq!(decode::<Pattern>(ADVANCED, &bytes).unwrap(), pattern);
    assert_eq!(decode::<String>(ADVANCED, &bytes).unwrap(), "/a/gi");
}

#[test]
fn primitives_as_objects_are_primitives() {
    assert_eq!(
        decode::<f64>(ADVANCED, &clone_of("6e 00 00 00 00 00 00 f8 3f")).unwrap(),
        1.5
    );
    assert!(decode::<bool>(ADVANCED, &clone_of("79")).unwrap());
    assert!(!decode::<bool>(ADVANCED, &clone_of("78")).unwrap());
    assert_eq!(
        decode::<&str>(ADVANCED, &clone_of("73 22 01 61")).unwrap(),
        "a"
    );
}

#[test]
fn numbers_become_any_type_that_holds_them() {
    // 2^40, as Node writes it.
    let double = clone_of("4e 00 00 00 00 00 00 70 42");
    assert_eq!(decode::<u64>(ADVANCED, &double).unwrap(), 1 << 40);
    assert_eq!(decode::<i128>(ADVANCED, &double).unwrap(), 1 << 40);
    assert_eq!(
        decode::<f32>(ADVANCED, &double).unwrap(),
        (1u64 << 40) as f32
    );
    assert_eq!(decode_error::<u32>(ADVANCED, &double), ErrorKind::Decode);
    let value: serde_json::Value = decode(ADVANCED, &double).unwrap();
    assert_eq!(value, serde_json::json!(1u64 << 40));
    assert_eq!(decode::<f64>(ADVANCED, &clone_of("49 0a")).unwrap(), 5.0);
    assert_eq!(decode::<u8>(ADVANCED, &clone_of("55 05")).unwrap(), 5);
    assert_eq!(
        decode_error::<u8>(ADVANCED, &clone_of("49 01")),
        ErrorKind::Decode
    );
    // 2^63 and 1.5.
    assert_eq!(
        decode::<u64>(ADVANCED, &clone_of("4e 00 00 00 00 00 00 e0 43")).unwrap(),
        1 << 63
    );
    assert_eq!(
        decode_error::<u8>(ADVANCED, &clone_of("4e 00 00 00 00 00 00 f8 3f")),
        ErrorKind::Decode
    );
    // Minus zero.
    assert_eq!(
        decode::<u8>(ADVANCED, &clone_of("4e 00 00 00 00 00 00 00 80")).unwrap(),
        0
    );
    let zero: f64 = decode(ADVANCED, &clone_of("4e 00 00 00 00 00 00 00 80")).unwrap();
    assert!(zero.is_sign_negative());
    // Bigints, and their objects.
    for tag in ["5a", "7a"] {
        let bigint = clone_of(&format!("{tag} 10 07 00 00 00 00 00 00 00"));
        assert_eq!(decode::<u8>(ADVANCED, &bigint).unwrap(), 7);
        assert_eq!(decode::<f64>(ADVANCED, &bigint).unwrap(), 7.0);
    }
    assert_eq!(
        decode_error::<u128>(ADVANCED, &clone_of(&format!("5a 30 {}", "ff".repeat(24)))),
        ErrorKind::Decode
    );
}

#[test]
fn a_property_may_be_undefined_or_missing() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Optional {
        x: Option<u8>,
    }
    for object in ["6f 7b 00", "6f 22 01 78 5f 7b 01", "6f 22 01 78 30 7b 01"] {
        assert_eq!(
            decode::<Optional>(ADVANCED, &clone_of(object)).unwrap(),
            Optional { x: None }
        );
    }
    let more = "6f 22 01 79 41 01 6f 7b 00 24 00 01 22 01 78 49 04 7b 02";
    assert_eq!(
        decode::<Optional>(ADVANCED, &clone_of(more)).unwrap(),
        Optional { x: Some(2) }
    );
}

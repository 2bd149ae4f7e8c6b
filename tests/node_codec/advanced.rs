//! [`Value`] by hand.

use offspring::ErrorKind;
use offspring::node::{BigInt, Object, Serialization, Value, View};

use super::encode_error;

#[test]
fn values_are_made_of_what_rust_has() {
    assert_eq!(Value::default(), Value::Undefined);
    assert_eq!(Value::from(7u32), Value::Number(7.0));
    assert_eq!(Value::from(BigInt::from(7)), Value::BigInt(7.into()));
    assert_eq!(Value::from(Some(true)), Value::Bool(true));
    assert_eq!(Value::from(None::<bool>), Value::Null);
    assert_eq!(
        Value::from(vec![Value::Null]),
        Value::Array(vec![Value::Null])
    );
    assert_eq!(Value::from("a".to_owned()), Value::from("a"));
}

#[test]
fn shared_values_are_seen_through() {
    let shared = |value: Value| Value::Shared(1, Box::new(value));
    assert_eq!(shared(Value::buffer(*b"a")).as_bytes(), Some(&b"a"[..]));
    assert_eq!(shared(vec![].into()).as_array(), Some(&[][..]));
    let object = Object::from_iter([("x", 1)]);
    assert_eq!(shared(object.into()).get("x"), Some(&1.into()));
    assert_eq!(shared(Value::Null).as_str(), None);
}

#[test]
fn objects_keep_their_order() {
    let mut object = Object::from_iter([("b", 1), ("a", 2), ("c", 3)]);
    assert_eq!(object.remove("a"), Some(2.into()));
    assert_eq!(object.remove("a"), None);
    object.insert("b", 4);
    object.insert("a", 5);
    let keys: Vec<_> = object.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["b", "c", "a"]);
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for value in [
        Value::View(View::Int32, vec![0; 3]),
        Value::RegExp {
            source: String::new(),
            flags: "gg".to_owned(),
        },
        Value::RegExp {
            source: String::new(),
            flags: "x".to_owned(),
        },
        Value::Boxed(Box::new(Value::Array(vec![]))),
    ] {
        assert_eq!(
            encode_error(Serialization::Advanced, &value),
            ErrorKind::Encode,
            "{value:?}"
        );
    }
}

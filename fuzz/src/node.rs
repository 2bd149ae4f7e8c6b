//! One message of Node.js, in either of its serialisations.

use std::collections::HashMap;

use offspring::node::{Serialization, Value};
use offspring::wire::Limits;
use offspring::{ErrorKind, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::types::{Source, read_as_types};
use super::{Verdict, check_text, small_limits};

/// Reads the bytes as a line of JSON.
pub fn node_json(bytes: &[u8]) -> Verdict {
    every_way(Serialization::Json, bytes)
}

/// Reads the bytes as V8's structured clone.
pub fn node_v8(bytes: &[u8]) -> Verdict {
    every_way(Serialization::Advanced, bytes)
}

fn every_way(serialization: Serialization, bytes: &[u8]) -> Verdict {
    for limits in [small_limits(), Limits::new()] {
        let message = Message(serialization, bytes, limits);
        let value = message.verdict::<Value>();
        let ignored = message.verdict::<IgnoredAny>();
        match serialization {
            // JSON can say numbers that are too large for any type.
            Serialization::Json if value == Err(ErrorKind::Decode) => assert_eq!(ignored, Ok(())),
            _ => assert_eq!(value, ignored),
        }
    }
    comes_back(serialization, bytes);
    let message = Message(serialization, bytes, Limits::new());
    as_types(message);
    message.verdict::<Value>()
}

/// A message of Node.
#[derive(Clone, Copy)]
struct Message<'a>(Serialization, &'a [u8], Limits);

impl<'a> Source<'a> for Message<'a> {
    fn decode<T: Deserialize<'a>>(self) -> Result<T> {
        self.0.decode(self.1, self.2)
    }
}

/// What was read can be written, and is then the same.
fn comes_back(serialization: Serialization, bytes: &[u8]) {
    let Ok(value) = serialization.decode::<Value>(bytes, Limits::new()) else {
        return;
    };
    let Some(once) = encode(serialization, &value, bytes) else {
        return;
    };
    let back = serialization.decode::<Value>(&once, Limits::new());
    let back = back.unwrap_or_else(|error| panic!("{once:02x?}: {error:?}"));
    if serialization == Serialization::Json {
        assert!(!once.contains(&b'\n'));
        assert_eq!(show(&back), show(&value));
    }
    // Objects are numbered by what is written, so the first time the numbers may change.
    let twice = encode(serialization, &back, &once);
    assert_eq!(twice.as_ref(), Some(&once), "{value:?}");
}

/// NaN is not equal to itself.
fn show(value: &Value) -> String {
    format!("{value:?}")
}

fn encode(serialization: Serialization, value: &Value, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut again = b"before".to_vec();
    match serialization.encode(value, Limits::new(), &mut again) {
        Ok(()) => Some(again.split_off(6)),
        Err(error) => {
            check_text(&error);
            // An error may be in its own cause, or have two causes of which one was dropped with what others refer to.
            let has_error = serialization == Serialization::Advanced && bytes.contains(&b'r');
            assert!(
                has_error && error.kind() == ErrorKind::Encode,
                "{error:?}: {value:?}"
            );
            assert_eq!(again, b"before");
            None
        }
    }
}

/// The types of all formats, and those that hold a [`Value`].
fn as_types(message: Message<'_>) {
    read_as_types(message);
    let _ = message.verdict::<Named>();
    let _ = message.verdict::<HashMap<i128, Value>>();
}

/// Beside what is read as it comes, a part that looks at it more closely.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Named {
    a: Option<Box<Self>>,
    #[serde(default)]
    b: Value,
    #[serde(default)]
    c: Vec<Value>,
}

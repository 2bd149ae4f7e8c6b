//! One message of Node.js, in either of its serialisations.

use std::collections::{BTreeMap, HashMap};

use offspring::ErrorKind;
use offspring::node::{Serialization, Value};
use offspring::wire::Limits;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_bytes::{ByteBuf, Bytes};

use super::sample::Sample;
use super::{Verdict, check_text, fixtures, is_skipped, small_limits};

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
        let value = verdict::<Value>(serialization, bytes, limits);
        let ignored = verdict::<IgnoredAny>(serialization, bytes, limits);
        match serialization {
            // JSON can say numbers that are too large for any type.
            Serialization::Json if value == Err(ErrorKind::Decode) => assert_eq!(ignored, Ok(())),
            _ => assert_eq!(value, ignored),
        }
    }
    comes_back(serialization, bytes);
    as_types(serialization, bytes);
    verdict::<Value>(serialization, bytes, Limits::new())
}

fn verdict<T: DeserializeOwned>(
    serialization: Serialization,
    bytes: &[u8],
    limits: Limits,
) -> Verdict {
    match serialization.decode::<T>(bytes, limits) {
        Ok(_) => Ok(()),
        Err(error) => {
            check_text(&error);
            assert!(is_skipped(error.kind()), "{error:?}");
            Err(error.kind())
        }
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

/// Types that serde reads each in a way of its own.
fn as_types(serialization: Serialization, bytes: &[u8]) {
    let limits = Limits::new();
    let _ = verdict::<fixtures::Value>(serialization, bytes, limits);
    let _ = verdict::<Sample>(serialization, bytes, limits);
    let _ = verdict::<Tree>(serialization, bytes, limits);
    let _ = verdict::<Untagged>(serialization, bytes, limits);
    let _ = verdict::<Tagged>(serialization, bytes, limits);
    let _ = verdict::<Flat>(serialization, bytes, limits);
    let _ = verdict::<Named>(serialization, bytes, limits);
    let _ = verdict::<Option<Option<(u8, i16, f32)>>>(serialization, bytes, limits);
    let _ = verdict::<HashMap<Option<char>, Vec<u64>>>(serialization, bytes, limits);
    let _ = verdict::<HashMap<i128, Value>>(serialization, bytes, limits);
    let _ = verdict::<Vec<Result<u128, i128>>>(serialization, bytes, limits);
    let _ = verdict::<Vec<ByteBuf>>(serialization, bytes, limits);
    let _ = verdict::<String>(serialization, bytes, limits);
    let _ = verdict::<u64>(serialization, bytes, limits);
    let _ = serialization.decode::<(&str, &[u8])>(bytes, limits);
    let _ = serialization.decode::<BTreeMap<&str, &Bytes>>(bytes, limits);
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Tree(Vec<Self>);

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is only decoded")]
enum Untagged {
    Leaf(u8),
    Branch(Vec<Self>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(tag = "t", content = "c")]
#[expect(dead_code, reason = "it is only decoded")]
enum Tagged {
    A,
    B(Box<Self>),
    C { x: Vec<Self> },
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Flat {
    #[serde(default)]
    a: u8,
    #[serde(flatten)]
    rest: HashMap<String, Untagged>,
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

//! One MessagePack value.

use std::collections::{BTreeMap, HashMap};

use offspring::ErrorKind;
use offspring::wire::{Body, Encoding, Limits, Outbox};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::fixtures::Value;
use super::sample::Sample;
use super::shape::Shape;
use super::{Verdict, check_text, is_skipped, small_limits};

/// Reads the bytes as a message: exactly what serde can read is accepted, and no type is read deeper than allowed.
pub fn scan(bytes: &[u8]) -> Verdict {
    agrees_with_serde(bytes, small_limits());
    agrees_with_serde(bytes, Limits::new());
    comes_back(bytes);
    as_types(bytes);
    verdict::<IgnoredAny>(bytes, Limits::new())
}

fn verdict<T: DeserializeOwned>(bytes: &[u8], limits: Limits) -> Verdict {
    match Body::new(bytes, limits).decode::<T>() {
        Ok(_) => Ok(()),
        Err(error) => {
            check_text(&error);
            assert!(is_skipped(error.kind()), "{error:?}");
            Err(error.kind())
        }
    }
}

fn agrees_with_serde(bytes: &[u8], limits: Limits) {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(Limits::MAX_DEPTH as usize + 1);
    let serde = Shape::deserialize(&mut deserializer);
    let ours = verdict::<Shape>(bytes, limits);
    assert_eq!(ours, verdict::<IgnoredAny>(bytes, limits));
    let deep = ErrorKind::TooDeep {
        limit: limits.max_depth(),
    };
    let many = ErrorKind::TooManyItems {
        limit: limits.max_items(),
    };
    let Ok(shape) = serde else {
        assert!(ours.is_err(), "serde says {serde:?}");
        return;
    };
    let left = bool::deserialize(&mut deserializer);
    let is_whole = matches!(left, Err(rmp_serde::decode::Error::InvalidMarkerRead(_)));
    let (is_deep, is_many) = (
        shape.depth > limits.max_depth(),
        shape.items > u64::from(limits.max_items()),
    );
    match ours {
        Ok(()) => assert!(is_whole && !is_deep && !is_many, "{shape:?}"),
        Err(ErrorKind::Malformed) => assert!(!is_whole, "{shape:?}"),
        Err(kind) if kind == deep => assert!(is_deep, "{shape:?}"),
        Err(kind) if kind == many => assert!(is_many, "{shape:?}"),
        Err(kind) => panic!("{kind:?}, but serde reads {shape:?}"),
    }
}

/// What was read can be written, and is then the same.
fn comes_back(bytes: &[u8]) {
    let Ok(value) = Body::new(bytes, Limits::new()).decode::<Value>() else {
        return;
    };
    for encoding in [Encoding::Named, Encoding::Compact] {
        let again = encode(&value, encoding);
        match Body::new(&again, Limits::new()).decode::<Value>() {
            // NaN is not equal to itself, so it is the bytes that are compared.
            Ok(back) => assert_eq!(encode(&back, encoding), again),
            Err(error) => panic!("{again:02x?}: {error:?}"),
        }
    }
}

fn encode(value: &Value, encoding: Encoding) -> Vec<u8> {
    let mut outbox = Outbox::new(Limits::new(), encoding);
    if let Err(error) = outbox.push(value) {
        panic!("what was read cannot be written: {error:?}");
    }
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    bytes.split_off(5)
}

/// Types of which serde or rmp-serde reads each in a way of its own.
fn as_types(bytes: &[u8]) {
    let _ = verdict::<Tree>(bytes, Limits::new());
    let _ = verdict::<Branches>(bytes, Limits::new());
    let _ = verdict::<Untagged>(bytes, Limits::new());
    let _ = verdict::<Tagged>(bytes, Limits::new());
    let _ = verdict::<Flat>(bytes, Limits::new());
    let _ = verdict::<Sample>(bytes, Limits::new());
    let _ = verdict::<Option<Option<(u8, i16, f32)>>>(bytes, Limits::new());
    let _ = verdict::<HashMap<Option<char>, Vec<u64>>>(bytes, Limits::new());
    let _ = verdict::<Vec<Result<u128, i128>>>(bytes, Limits::new());
    let _ = verdict::<Vec<ByteBuf>>(bytes, Limits::new());
    let _ = Body::new(bytes, Limits::new()).decode::<(&str, &[u8])>();
    let _ = Body::new(bytes, Limits::new()).decode::<BTreeMap<&str, &serde_bytes::Bytes>>();
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Tree(Vec<Self>);

#[derive(Serialize, Deserialize)]
enum Branches {
    Leaf,
    Neg(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Named { inner: Option<Box<Self>> },
}

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

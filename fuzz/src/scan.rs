//! One MessagePack value.

use offspring::wire::{Body, Encoding, Limits, Outbox};
use offspring::{ErrorKind, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fixtures::Value;
use super::shape::Shape;
use super::types::{Source, read_as_types};
use super::{Verdict, small_limits};

/// Reads the bytes as a message: exactly what serde can read is accepted, and no type is read deeper than allowed.
pub fn scan(bytes: &[u8]) -> Verdict {
    agrees_with_serde(bytes, small_limits());
    agrees_with_serde(bytes, Limits::new());
    comes_back(bytes);
    let message = Packed(bytes, Limits::new());
    read_as_types(message);
    message.verdict::<IgnoredAny>()
}

fn agrees_with_serde(bytes: &[u8], limits: Limits) {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(Limits::MAX_DEPTH as usize + 1);
    let serde = Shape::deserialize(&mut deserializer);
    let message = Packed(bytes, limits);
    let ours = message.verdict::<Shape>();
    assert_eq!(ours, message.verdict::<IgnoredAny>());
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

/// A message in MessagePack.
#[derive(Clone, Copy)]
struct Packed<'a>(&'a [u8], Limits);

impl<'a> Source<'a> for Packed<'a> {
    fn decode<T: Deserialize<'a>>(self) -> Result<T> {
        Body::new(self.0, self.1).decode()
    }
}

//! [`Value`] through serde, outwards.

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::super::javascript;
use super::super::special::{Kind, NAME};
use super::{BigInt, Object, Value, View, flags_from_str};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serialize_number(*number, serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(elements) => serializer.collect_seq(elements),
            Self::View(View::Buffer, bytes) => serializer.serialize_bytes(bytes),
            _ => {
                let outside = serializer.is_human_readable();
                let inside = Inside {
                    value: self,
                    outside,
                };
                serializer.serialize_newtype_struct(NAME, &inside)
            }
        }
    }
}

/// A small integer is written as one, so that JSON has `5` and not `5.0`.
fn serialize_number<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    let integer = number as i64;
    let is_negative_zero = number == 0.0 && number.is_sign_negative();
    if integer as f64 == number && integer.unsigned_abs() <= 1 << 53 && !is_negative_zero {
        serializer.serialize_i64(integer)
    } else {
        serializer.serialize_f64(number)
    }
}

/// A value for which serde has no words, or other ones.
struct Inside<'a> {
    value: &'a Value,
    /// Whether the format is for people, as seen outside.
    outside: bool,
}

impl Serialize for Inside<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() == self.outside {
            plain(self.value, serializer)
        } else {
            special(self.value, serializer)
        }
    }
}

/// For V8.
fn special<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let write = Write(serializer);
    match value {
        Value::Undefined => write.one(Kind::Undefined, 0, &()),
        Value::Hole => write.one(Kind::Hole, 0, &()),
        Value::BigInt(number) => write.bigint(Kind::BigInt, number),
        Value::SparseArray { length, properties } => {
            write.one(Kind::SparseArray, *length, &Pairs(properties))
        }
        Value::Object(object) => write.one(Kind::Object, 0, &Pairs(object)),
        Value::Map(entries) => write.one(Kind::Map, 0, &Entries(entries)),
        Value::Set(values) => write.one(Kind::Set, 0, values),
        Value::Date(milliseconds) => write.one(Kind::Date, 0, milliseconds),
        Value::RegExp { source, flags } => match flags_from_str(flags) {
            Ok(bits) => write.one(Kind::RegExp, bits, source),
            Err(letter) => Err(Error::custom(format_args!(
                "the RegExp has the flag {letter:?} twice, or there is none such"
            ))),
        },
        Value::Error {
            class,
            message,
            stack,
            cause,
        } => {
            let parts = Parts {
                message: message.as_deref(),
                stack: stack.as_deref(),
                cause: cause.as_deref(),
            };
            write.one(Kind::Error, class.tag().map_or(0, u32::from), &parts)
        }
        Value::Boxed(inside) => match &**inside {
            Value::Bool(value) => write.one(Kind::Boxed, 0, value),
            Value::Number(number) => write.one(Kind::Boxed, 0, number),
            Value::String(text) => write.one(Kind::Boxed, 0, text),
            Value::BigInt(number) => write.bigint(Kind::BoxedBigInt, number),
            _ => Err(Error::custom(
                "only a boolean, number, bigint or string can be boxed",
            )),
        },
        Value::ArrayBuffer(bytes) => write.one(Kind::ArrayBuffer, 0, &Bytes(bytes)),
        Value::View(view, bytes) => {
            if bytes.len() % view.width() != 0 {
                return Err(Error::custom(format_args!(
                    "the last element of a {view:?} view is cut"
                )));
            }
            write.one(Kind::View, view.index(), &Bytes(bytes))
        }
        Value::Shared(id, value) => write.one(Kind::Shared, *id, &**value),
        Value::Reference(id) => write.one(Kind::Reference, *id, &()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value.serialize(write.0)
        }
    }
}

/// For every other format, as JSON has it.
fn plain<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Undefined | Value::Hole => serializer.serialize_unit(),
        Value::Object(object) => {
            let defined = object
                .iter()
                .filter(|(_, value)| *value != Value::Undefined);
            serializer.collect_map(defined.map(|(key, value)| (key, value)))
        }
        Value::SparseArray { length, properties } => sparse(*length, properties, serializer),
        Value::Date(milliseconds) => match javascript::date(*milliseconds) {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_unit(),
        },
        Value::Boxed(value) | Value::Shared(_, value) => value.serialize(serializer),
        Value::BigInt(_) => none("a BigInt"),
        Value::Map(_) => none("a Map"),
        Value::Set(_) => none("a Set"),
        Value::RegExp { .. } => none("a RegExp"),
        Value::Error { .. } => none("an Error"),
        Value::ArrayBuffer(_) => none("an ArrayBuffer"),
        Value::View(View::DataView, _) => none("a DataView"),
        Value::View(View::BigInt64 | View::BigUint64, _) => none("an array of BigInt"),
        Value::View(view, bytes) => elements(*view, bytes, serializer),
        Value::Reference(_) => none("a reference"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value.serialize(serializer)
        }
    }
}

fn none<T, E: Error>(what: &str) -> Result<T, E> {
    Err(E::custom(format_args!(
        "{what} is nothing that JSON can say"
    )))
}

/// `null` for the gaps; properties that are not elements are no part of it.
fn sparse<S: Serializer>(
    length: u32,
    properties: &Object,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut elements: Vec<(u32, &Value)> = properties
        .iter()
        .filter_map(|(key, value)| Some((index(key)?, value)))
        .filter(|&(index, _)| index < length)
        .collect();
    elements.sort_by_key(|&(index, _)| index);
    let mut elements = elements.into_iter().peekable();
    let mut seq = serializer.serialize_seq(Some(length as usize))?;
    for index in 0..length {
        let mut element = &Value::Null;
        // Of several, the last one counts.
        while let Some((_, value)) = elements.next_if(|&(at, _)| at == index) {
            element = value;
        }
        seq.serialize_element(element)?;
    }
    seq.end()
}

/// The index of an element, if the key is one: canonical, and small enough.
pub(in super::super) fn index(key: &str) -> Option<u32> {
    let is_canonical = matches!(key.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) && key.len() <= 10;
    if !is_canonical || !key.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    key.parse().ok().filter(|&index| index != u32::MAX)
}

/// As an object, whose keys are the indices.
fn elements<S: Serializer>(view: View, bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(bytes.len() / view.width()))?;
    for (index, element) in view.elements(bytes).enumerate() {
        map.serialize_entry(&index.to_string(), &Value::Number(element.to_f64()))?;
    }
    map.end()
}

/// The writer of a newtype variant.
struct Write<S>(S);

impl<S: Serializer> Write<S> {
    fn one<T: Serialize + ?Sized>(
        self,
        kind: Kind,
        number: u32,
        inside: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0
            .serialize_newtype_variant(NAME, number, kind.name(), inside)
    }

    fn bigint(self, kind: Kind, number: &BigInt) -> Result<S::Ok, S::Error> {
        self.one(
            kind,
            number.is_negative().into(),
            &Bytes(number.magnitude()),
        )
    }
}

/// A byte string.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The properties of an object.
struct Pairs<'a>(&'a Object);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The entries of a `Map`.
struct Entries<'a>(&'a [(Value, Value)]);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The parts of an error, in V8's order.
struct Parts<'a> {
    message: Option<&'a str>,
    stack: Option<&'a str>,
    cause: Option<&'a Value>,
}

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(message) = self.message {
            map.serialize_entry("m", message)?;
        }
        if let Some(cause) = self.cause {
            map.serialize_entry("c", cause)?;
        }
        if let Some(stack) = self.stack {
            map.serialize_entry("s", stack)?;
        }
        map.end()
    }
}

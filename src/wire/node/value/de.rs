//! [`Value`] through serde, inwards.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::special::{Kind, NAME};
use super::{BigInt, ErrorClass, Object, Value, View, flags_to_str, index};

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, First)
    }
}

/// Sees whether it is the codec of V8 that gives a value.
struct First;

impl<'de> Visitor<'de> for First {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value of Node.js")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        inside.deserialize_any(Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let kind = Kind::ALL.get(usize::from(next::<u8, A>(&mut seq)?));
        let kind = *kind.ok_or_else(|| A::Error::custom("no such kind of value"))?;
        parts(kind, &mut seq)
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| Error::custom("a part of a value is missing"))
}

fn parts<'de, A: SeqAccess<'de>>(kind: Kind, seq: &mut A) -> Result<Value, A::Error> {
    Ok(match kind {
        Kind::Undefined => Value::Undefined,
        Kind::Null => Value::Null,
        Kind::Hole => Value::Hole,
        Kind::Bool => Value::Bool(next(seq)?),
        Kind::Number => Value::Number(next(seq)?),
        Kind::String => Value::String(next(seq)?),
        Kind::BigInt | Kind::BoxedBigInt => {
            let negative = next(seq)?;
            let magnitude = next::<Bytes<'de>, A>(seq)?;
            Value::BigInt(BigInt::new(negative, &magnitude.0))
        }
        Kind::Boxed => {
            let kind = Kind::ALL.get(usize::from(next::<u8, A>(seq)?));
            match kind {
                Some(&kind @ (Kind::Bool | Kind::Number | Kind::String | Kind::BigInt)) => {
                    Value::Boxed(Box::new(parts(kind, seq)?))
                }
                _ => return Err(Error::custom("no such kind of boxed value")),
            }
        }
        Kind::Date => Value::Date(next(seq)?),
        Kind::RegExp => Value::RegExp {
            flags: flags_to_str(next(seq)?),
            source: next(seq)?,
        },
        Kind::ArrayBuffer => Value::ArrayBuffer(next::<Bytes<'de>, A>(seq)?.0.into_owned()),
        Kind::View => {
            let view = View::from_index(next(seq)?);
            let view = view.ok_or_else(|| A::Error::custom("no such kind of view"))?;
            Value::View(view, next::<Bytes<'de>, A>(seq)?.0.into_owned())
        }
        Kind::Array => array(seq)?,
        Kind::SparseArray => {
            let length = next(seq)?;
            sparse(length, properties(seq)?)
        }
        Kind::Object => Value::Object(properties(seq)?),
        Kind::Map => {
            let mut entries = Vec::new();
            while let Some(key) = seq.next_element()? {
                entries.push((key, next(seq)?));
            }
            Value::Map(entries)
        }
        Kind::Set => {
            let mut values = Vec::new();
            while let Some(value) = seq.next_element()? {
                values.push(value);
            }
            Value::Set(values)
        }
        Kind::Error => error(seq)?,
        Kind::Shared => Value::Shared(next(seq)?, Box::new(next(seq)?)),
        Kind::Reference => Value::Reference(next(seq)?),
    })
}

fn array<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Value, A::Error> {
    let length = next::<u32, A>(seq)?;
    // The codec knows that there are so many bytes at least, but a value is larger than a byte.
    let mut elements = Vec::with_capacity(length.min(4096) as usize);
    for _ in 0..length {
        elements.push(next(seq)?);
    }
    let more = properties(seq)?;
    if more.is_empty() {
        return Ok(Value::Array(elements));
    }
    let mut properties = Object::new();
    for (index, element) in elements.into_iter().enumerate() {
        if element != Value::Hole {
            properties.push(index.to_string(), element);
        }
    }
    for (key, value) in more {
        properties.push(key, value);
    }
    Ok(Value::SparseArray { length, properties })
}

/// V8 writes every array so that ever had a gap, `new Array(3).fill(0)` for one. A gap or two is no reason to give up the
/// simple form; but a length is not to be trusted.
fn sparse(length: u32, properties: Object) -> Value {
    let mut next = 0;
    let is_simple = u64::from(length) <= 4 * properties.len() as u64 + 16
        && properties.iter().all(|(key, _)| match index(key) {
            Some(index) if (next..length).contains(&index) => {
                next = index + 1;
                true
            }
            _ => false,
        });
    if !is_simple {
        return Value::SparseArray { length, properties };
    }
    let mut elements = Vec::with_capacity(length as usize);
    for (key, value) in properties {
        let index = index(&key).unwrap_or(0);
        elements.resize(index as usize, Value::Hole);
        elements.push(value);
    }
    elements.resize(length as usize, Value::Hole);
    Value::Array(elements)
}

fn properties<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Object, A::Error> {
    let mut object = Object::new();
    while let Some(key) = seq.next_element()? {
        object.push(key, next(seq)?);
    }
    Ok(object)
}

fn error<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Value, A::Error> {
    let mut class = ErrorClass::Error;
    let (mut message, mut stack, mut cause) = (None, None, None);
    while let Some(letter) = seq.next_element()? {
        match letter {
            b'm' => message = Some(next(seq)?),
            b's' => stack = Some(next(seq)?),
            b'c' => cause = Some(Box::new(next(seq)?)),
            letter => {
                let known = ErrorClass::from_tag(letter);
                class = known.ok_or_else(|| A::Error::custom("no such class of errors"))?;
            }
        }
    }
    Ok(Value::Error {
        class,
        message,
        stack,
        cause,
    })
}

/// What any other format gives.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        First.expecting(f)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        inside.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        inside.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    // Of more than 53 bits, JavaScript has written as many digits as tell it from its neighbours, and zeros for the rest.
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        Ok(integer(number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        let fits = i128::try_from(number);
        Ok(fits.map_or_else(|_| Value::BigInt(number.into()), integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::buffer(bytes))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::buffer(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        let mut is_object = true;
        while let Some((key, value)) = map.next_entry::<Value, Value>()? {
            is_object &= matches!(key, Value::String(_));
            entries.push((key, value));
        }
        if !is_object {
            return Ok(Value::Map(entries));
        }
        let mut object = Object::new();
        for (key, value) in entries {
            if let Value::String(key) = key {
                object.push(key, value);
            }
        }
        Ok(Value::Object(object))
    }
}

/// A number if a double can hold it, else a bigint.
fn integer(number: i128) -> Value {
    let double = number as f64;
    if number.unsigned_abs() < 1 << 100 && double as i128 == number {
        Value::Number(double)
    } else {
        Value::BigInt(number.into())
    }
}

/// A byte string, borrowed if it can be.
struct Bytes<'de>(Cow<'de, [u8]>);

impl<'de> Deserialize<'de> for Bytes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Bytes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
                Ok(Bytes(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes<'de>, E> {
                Ok(Bytes(Cow::Owned(bytes.to_vec())))
            }
        }

        deserializer.deserialize_bytes(Borrow)
    }
}

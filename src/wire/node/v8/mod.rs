//! serde to V8's structured clone and back.

use std::any::type_name;

use serde::{Deserialize, Serialize};

use super::super::Limits;
use crate::{Error, ErrorKind, Result};

/// Appends the header and one value.
pub(crate) fn encode<M: Serialize + ?Sized>(
    message: &M,
    _limits: Limits,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let value = serde_json::to_value(message).map_err(|cause| {
        Error::new(
            ErrorKind::Encode,
            format!("encode a {}: {cause}", type_name::<M>()),
        )
    })?;
    bytes.extend_from_slice(&[0xff, 0x0d]);
    write(&value, bytes);
    Ok(())
}

/// Checks and decodes the header and one value.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], _limits: Limits) -> Result<T> {
    let name = type_name::<T>();
    let malformed = || Error::new(ErrorKind::Malformed, format!("decode a {name}"));
    let [0xff, 13..=15, rest @ ..] = bytes else {
        return Err(malformed());
    };
    let mut rest = rest;
    let value = read(&mut rest).ok_or_else(malformed)?;
    T::deserialize(value)
        .map_err(|cause| Error::new(ErrorKind::Decode, format!("decode a {name}: {cause}")))
}

fn write(value: &serde_json::Value, out: &mut Vec<u8>) {
    use serde_json::Value;
    match value {
        Value::Null => out.push(b'0'),
        Value::Bool(value) => out.push(if *value { b'T' } else { b'F' }),
        Value::Number(number) => {
            out.push(b'N');
            out.extend_from_slice(&number.as_f64().unwrap_or(f64::NAN).to_le_bytes());
        }
        Value::String(text) => {
            out.push(b'S');
            varint(text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(values) => {
            out.push(b'A');
            varint(values.len(), out);
            values.iter().for_each(|value| write(value, out));
            out.extend_from_slice(b"$\0");
            varint(values.len(), out);
        }
        Value::Object(entries) => {
            out.push(b'o');
            for (key, value) in entries {
                write(&Value::String(key.clone()), out);
                write(value, out);
            }
            out.push(b'{');
            varint(entries.len(), out);
        }
    }
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read(rest: &mut &[u8]) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match tag(rest)? {
        b'_' | b'0' => Value::Null,
        b'T' => Value::Bool(true),
        b'F' => Value::Bool(false),
        b'I' => {
            let number = length(rest)? as u32;
            ((number >> 1) as i32 ^ -((number & 1) as i32)).into()
        }
        b'N' => {
            let number = f64::from_le_bytes(take(rest, 8)?.try_into().ok()?);
            if number.fract() == 0.0 && number.abs() < 9e15 {
                (number as i64).into()
            } else {
                number.into()
            }
        }
        b'"' => {
            let len = length(rest)?;
            let text: String = take(rest, len)?
                .iter()
                .map(|&byte| char::from(byte))
                .collect();
            text.into()
        }
        b'S' => {
            let len = length(rest)?;
            String::from_utf8_lossy(take(rest, len)?)
                .into_owned()
                .into()
        }
        b'c' => {
            let len = length(rest)?;
            let units = take(rest, len)?.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
                .collect();
            String::from_utf16_lossy(&units).into()
        }
        b'A' => {
            let count = length(rest)?;
            let values: Option<Vec<_>> = (0..count).map(|_| read(rest)).collect();
            tag(rest)?;
            length(rest)?;
            length(rest)?;
            values?.into()
        }
        b'o' => {
            let mut entries = serde_json::Map::new();
            while *rest.first()? != b'{' {
                let key = match read(rest)? {
                    Value::String(key) => key,
                    key => key.to_string(),
                };
                entries.insert(key, read(rest)?);
            }
            tag(rest)?;
            length(rest)?;
            entries.into()
        }
        _ => return None,
    })
}

fn tag(rest: &mut &[u8]) -> Option<u8> {
    loop {
        let (&first, behind) = rest.split_first()?;
        *rest = behind;
        if first != 0 {
            return Some(first);
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number as usize);
        }
    }
    None
}

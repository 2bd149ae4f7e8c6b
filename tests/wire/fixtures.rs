//! What several tests need.

use std::fmt::Write;

use offspring::Result;
use offspring::wire::{Encoding, Envelope, Hello, Inbox, Limits, Outbox};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An envelope that no longer borrows from its inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Message(Vec<u8>),
    Goodbye(u64),
    Taken(u64),
    #[cfg(feature = "node")]
    WithHandle {
        message: Option<Vec<u8>>,
        again: bool,
    },
    #[cfg(feature = "node")]
    HandleAnswer(bool),
}

impl From<Envelope<'_>> for Seen {
    fn from(envelope: Envelope<'_>) -> Self {
        match envelope {
            Envelope::Message(body) => Self::Message(body.bytes().to_vec()),
            Envelope::Goodbye { taken } => Self::Goodbye(taken),
            Envelope::Taken { count } => Self::Taken(count),
            #[cfg(feature = "node")]
            Envelope::WithHandle { message, again } => Self::WithHandle {
                message: message.map(|body| body.bytes().to_vec()),
                again,
            },
            #[cfg(feature = "node")]
            Envelope::HandleAnswer { arrived } => Self::HandleAnswer(arrived),
            other => panic!("no test knows {other:?}"),
        }
    }
}

pub(crate) fn inbox() -> Inbox {
    Inbox::new(Limits::new(), Hello::new())
}

pub(crate) fn outbox() -> Outbox {
    Outbox::new(Limits::new(), Encoding::Named)
}

pub(crate) fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    Hello::new().encode(&mut bytes);
    bytes
}

/// An inbox that has read a hello.
pub(crate) fn greeted() -> Inbox {
    let mut inbox = inbox();
    inbox.absorb(&mut hello());
    inbox
}

pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[kind], body].concat()
}

/// All that can be taken now.
pub(crate) fn drain(inbox: &mut Inbox) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    while let Some(envelope) = inbox.next()? {
        seen.push(envelope.into());
    }
    Ok(seen)
}

/// Puts bytes in as a read from a socket does.
pub(crate) fn read(inbox: &mut Inbox, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let space = inbox.space();
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        inbox.filled(n);
        bytes = &bytes[n..];
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let gap = if text.is_empty() { "" } else { " " };
        write!(text, "{gap}{byte:02x}").unwrap();
        text
    })
}

/// The bytes of a hex dump; what stands behind two spaces is a note.
pub(crate) fn unhex(line: &str) -> Vec<u8> {
    let (digits, _note) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
    digits
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// Numbers that look random and are the same in every run (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// One of the first bytes of MessagePack values, with those that promise much more often than by chance.
    pub(crate) fn marker(&mut self) -> u8 {
        match self.below(3) {
            0 => self.next() as u8,
            1 => 0xc0 + self.below(0x20) as u8,
            _ => 0x80 + self.below(0x28) as u8,
        }
    }
}

/// Turns bits, cuts out, doubles or puts in a few bytes.
pub(crate) fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let len = random.below(9).min(bytes.len() - at);
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.marker(),
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let piece = bytes[at..at + len].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let piece = random.bytes(len);
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// Any MessagePack value that serde can tell apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Positive(u64),
    Negative(i64),
    Single(f32),
    Double(f64),
    Str(String),
    Bin(Vec<u8>),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Value {
    pub(crate) fn random(random: &mut Random, depth: usize) -> Self {
        match random.below(if depth == 0 { 8 } else { 12 }) {
            0 => Self::Nil,
            1 => Self::Bool(random.below(2) == 0),
            2 => {
                let shift = random.below(64);
                Self::Positive(random.next() >> shift)
            }
            3 => {
                let shift = random.below(63);
                Self::Negative(!(random.next() >> 1 >> shift) as i64)
            }
            4 => Self::Single(random.below(1000) as f32 / 7.0),
            5 => Self::Double(f64::from_bits(random.next() & !(1 << 62))),
            6 => Self::Str(
                (0..random.below(40))
                    .map(|n| ['a', 'ö', '𝄞'][n % 3])
                    .collect(),
            ),
            7 => {
                let len = random.below(300);
                Self::Bin(random.bytes(len))
            }
            8 | 9 => Self::Array(
                (0..random.below(20))
                    .map(|_| Self::random(random, depth - 1))
                    .collect(),
            ),
            _ => Self::Map(
                (0..random.below(20))
                    .map(|_| (Self::random(random, 0), Self::random(random, depth - 1)))
                    .collect(),
            ),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Positive(value) => serializer.serialize_u64(*value),
            Self::Negative(value) => serializer.serialize_i64(*value),
            Self::Single(value) => serializer.serialize_f32(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Str(value) => serializer.serialize_str(value),
            Self::Bin(value) => serializer.serialize_bytes(value),
            Self::Array(values) => {
                let mut seq = serializer.serialize_seq(Some(values.len()))?;
                values
                    .iter()
                    .try_for_each(|value| seq.serialize_element(value))?;
                seq.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries
                    .iter()
                    .try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Nil)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Positive(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(u64::try_from(value).map_or(Value::Negative(value), Value::Positive))
            }

            fn visit_f32<E>(self, value: f32) -> Result<Value, E> {
                Ok(Value::Single(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Double(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Str(value.to_owned()))
            }

            fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
                Ok(Value::Bin(value.to_vec()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Value::Array(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Value::Map(entries))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

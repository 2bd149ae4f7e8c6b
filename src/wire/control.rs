//! The MessagePack of the hello: a few types, no serde, and stricter than for messages.

use std::collections::BTreeSet;

use super::Limits;
use super::scan;

/// Writes a map with string keys.
pub(super) struct Map<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Map<'a> {
    /// Begins a map of `len` entries, which the caller then writes.
    pub(super) fn begin(out: &'a mut Vec<u8>, len: usize) -> Self {
        debug_assert!(len < 16, "a longer map needs another first byte");
        out.push(0x80 | len as u8);
        Self { out }
    }

    pub(super) fn uint(&mut self, key: &str, value: u32) {
        self.key(key);
        match value {
            0..=0x7f => self.out.push(value as u8),
            _ => {
                self.out.push(0xce);
                self.out.extend_from_slice(&value.to_be_bytes());
            }
        }
    }

    pub(super) fn str(&mut self, key: &str, value: &str) {
        self.key(key);
        push_str(self.out, value);
    }

    pub(super) fn map(&mut self, key: &str, len: usize) -> Map<'_> {
        self.key(key);
        Map::begin(self.out, len)
    }

    fn key(&mut self, key: &str) {
        push_str(self.out, key);
    }
}

fn push_str(out: &mut Vec<u8>, text: &str) {
    let len = u8::try_from(text.len()).expect("no string in a hello is longer than MAX_STR");
    match len {
        0..=31 => out.push(0xa0 | len),
        _ => out.extend_from_slice(&[0xd9, len]),
    }
    out.extend_from_slice(text.as_bytes());
}

/// The entries of a map with string keys, none of which comes twice.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    left: u64,
}

impl<'a> Fields<'a> {
    /// Checks all of `bytes`, so that iterating cannot fail.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        scan::scan(bytes, Limits::new().with_max_depth(MAX_DEPTH))
            .map_err(|fault| fault.to_string())?;
        let (left, head) = match bytes[0] {
            marker @ 0x80..=0x8f => (Some(u64::from(marker & 0x0f)), 1),
            0xde => (scan::uint(bytes, 1, 2), 3),
            0xdf => (scan::uint(bytes, 1, 4), 5),
            _ => (None, 0),
        };
        let left = left.ok_or("found something else where a map should be")?;
        let fields = Self {
            rest: &bytes[head..],
            left,
        };

        let mut seen = BTreeSet::new();
        let mut rest = Self { ..fields };
        while rest.left > 0 {
            let Some((key, _)) = rest.step() else {
                return Err("a key is not a string".to_owned());
            };
            if !seen.insert(key) {
                return Err(format!("the key {key:?} comes twice"));
            }
        }
        Ok(fields)
    }

    fn step(&mut self) -> Option<(&'a str, Value<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let key = self.value()?.as_str()?;
        Some((key, self.value()?))
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let len = scan::value(self.rest, Limits::new()).ok()?;
        let (value, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(Value(value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.step()
    }
}

/// One MessagePack value that has passed the scan.
#[derive(Clone, Copy)]
pub(super) struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn uint(self, key: &str) -> Result<u64, String> {
        match self.0[0] {
            small @ 0..=0x7f => Some(u64::from(small)),
            0xcc => scan::uint(self.0, 1, 1),
            0xcd => scan::uint(self.0, 1, 2),
            0xce => scan::uint(self.0, 1, 4),
            0xcf => scan::uint(self.0, 1, 8),
            _ => None,
        }
        .ok_or_else(|| format!("its {key:?} is not an unsigned integer"))
    }

    /// A string that is short enough to be written again.
    pub(super) fn str(self, key: &str) -> Result<&'a str, String> {
        match self.as_str() {
            Some(text) if text.len() <= MAX_STR => Ok(text),
            Some(_) => Err(format!("its {key:?} is longer than {MAX_STR} bytes")),
            None => Err(format!("its {key:?} is not a string")),
        }
    }

    /// Checks that this is an array of strings.
    pub(super) fn strs(self, key: &str) -> Result<(), String> {
        let (left, head) = match self.0[0] {
            marker @ 0x90..=0x9f => (Some(u64::from(marker & 0x0f)), 1),
            0xdc => (scan::uint(self.0, 1, 2), 3),
            0xdd => (scan::uint(self.0, 1, 4), 5),
            _ => (None, 0),
        };
        let wrong = || format!("its {key:?} is not an array of strings");
        let left = left.ok_or_else(wrong)?;
        let mut elements = Fields {
            rest: &self.0[head..],
            left,
        };
        for _ in 0..left {
            elements.value().and_then(Self::as_str).ok_or_else(wrong)?;
        }
        Ok(())
    }

    fn as_str(self) -> Option<&'a str> {
        let head = match self.0[0] {
            0xa0..=0xbf => 1,
            0xd9 => 2,
            0xda => 3,
            0xdb => 5,
            _ => return None,
        };
        std::str::from_utf8(&self.0[head..]).ok()
    }
}

/// A hello needs three levels.
const MAX_DEPTH: u32 = 8;

/// How long the strings in a hello may be.
pub(super) const MAX_STR: usize = 255;

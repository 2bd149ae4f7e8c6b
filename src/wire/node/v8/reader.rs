//! V8's bytes as tokens: the one place that knows how they are laid out, for the scan and for serde.

use std::borrow::Cow;

use super::super::fault::Fault;
use super::super::value::{Digits, View};

/// A place in the bytes of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'de> {
    /// Up to where may be read.
    bytes: &'de [u8],
    at: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Up to where may be read.
    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn broken(&self, what: &'static str) -> Fault {
        Fault::Broken { at: self.at, what }
    }

    /// The next tag, without taking it. V8 pads with zeros in front of tags.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        while let Some(&tag) = self.bytes.get(self.at) {
            if tag != 0 {
                return Ok(tag);
            }
            self.at += 1;
        }
        Err(Fault::Short)
    }

    #[inline]
    pub(super) fn tag(&mut self) -> Result<u8, Fault> {
        let tag = self.peek()?;
        self.at += 1;
        Ok(tag)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u32, Fault> {
        let mut number = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let &byte = self.bytes.get(self.at).ok_or(Fault::Short)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| self.broken("a number has over 32 bits"));
            }
        }
        Err(self.broken("a number has over 5 bytes"))
    }

    fn take(&mut self, len: u32) -> Result<&'de [u8], Fault> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..len as usize).ok_or(Fault::Short)?;
        self.at += taken.len();
        Ok(taken)
    }

    fn double(&mut self) -> Result<f64, Fault> {
        let bytes = self.take(8)?;
        let mut number = [0; 8];
        number.copy_from_slice(bytes);
        Ok(f64::from_le_bytes(number))
    }

    fn bigint(&mut self) -> Result<Digits<'de>, Fault> {
        let bits = self.varint()?;
        Ok(Digits {
            negative: bits & 1 == 1,
            magnitude: self.take(bits >> 1)?,
        })
    }

    fn text_behind(&mut self, tag: u8) -> Result<Text<'de>, Fault> {
        let at = self.at - 1;
        let make = match tag {
            b'"' => Text::Latin1,
            b'c' => Text::Utf16,
            b'S' => Text::Utf8,
            _ => return Err(Fault::Tag { at, tag }),
        };
        let len = self.varint()?;
        if tag == b'c' && len % 2 == 1 {
            return Err(self.broken("UTF-16 has an odd number of bytes"));
        }
        Ok(make(self.take(len)?))
    }

    /// A string, where nothing else may be.
    pub(super) fn text(&mut self) -> Result<Text<'de>, Fault> {
        let tag = self.tag()?;
        self.text_behind(tag)
    }

    /// The key of a property, or `None` if this tag is there instead.
    pub(super) fn key(&mut self, end: u8) -> Result<Option<Key<'de>>, Fault> {
        if self.peek()? == end {
            self.at += 1;
            return Ok(None);
        }
        Ok(Some(match self.token()? {
            Token::Text(text) => Key::Text(text),
            Token::Int(number) => Key::Number(f64::from(number)),
            Token::Uint(number) => Key::Number(f64::from(number)),
            Token::Double(number) => Key::Number(number),
            _ => return Err(self.broken("the key of a property is neither string nor number")),
        }))
    }

    /// The next value, or its beginning if others are inside.
    pub(super) fn token(&mut self) -> Result<Token<'de>, Fault> {
        let tag = self.tag()?;
        Ok(match tag {
            b'_' => Token::Undefined,
            b'0' => Token::Null,
            b'-' => Token::Hole,
            b'T' => Token::Bool(true),
            b'F' => Token::Bool(false),
            b'I' => {
                let number = self.varint()?;
                Token::Int((number >> 1) as i32 ^ -((number & 1) as i32))
            }
            b'U' => Token::Uint(self.varint()?),
            b'N' => Token::Double(self.double()?),
            b'Z' => Token::BigInt(self.bigint()?),
            b'"' | b'c' | b'S' => Token::Text(self.text_behind(tag)?),
            b'o' => Token::Object,
            b'A' => {
                let count = self.varint()?;
                // Every element takes a byte at least.
                if count as usize > self.left() {
                    return Err(Fault::Short);
                }
                Token::Dense(count)
            }
            b'a' => Token::Sparse(self.varint()?),
            b';' => Token::Map,
            b'\'' => Token::Set,
            b'D' => Token::Date(self.double()?),
            b'R' => {
                let source = self.text()?;
                let flags = self.varint()?;
                if flags >= 1 << 9 {
                    return Err(self.broken("a RegExp has unknown flags"));
                }
                Token::RegExp(source, flags)
            }
            b'n' => Token::BoxedNumber(self.double()?),
            b'y' => Token::BoxedBool(true),
            b'x' => Token::BoxedBool(false),
            b'z' => Token::BoxedBigInt(self.bigint()?),
            b's' => Token::BoxedText(self.text()?),
            b'B' => {
                let len = self.varint()?;
                let bytes = self.take(len)?;
                self.view_of(bytes)?
            }
            b'~' => {
                let (len, most) = (self.varint()?, self.varint()?);
                if len > most {
                    return Err(self.broken("an ArrayBuffer is larger than it may become"));
                }
                let bytes = self.take(len)?;
                self.view_of(bytes)?
            }
            b'^' => Token::Reference(self.varint()?),
            b'r' => Token::Error,
            b'\\' => match self.varint()? {
                0 => {
                    let index = self.varint()?;
                    let view = View::from_index(index)
                        .ok_or_else(|| self.broken("a view is of an unknown kind"))?;
                    let len = self.varint()?;
                    let bytes = self.take(len)?;
                    self.check_view(view, bytes)?;
                    Token::View(view, bytes, None)
                }
                1 => Token::Host,
                _ => return Err(self.broken("a host object is of an unknown kind")),
            },
            // How many objects have been there, which nobody asks.
            b'?' => {
                self.varint()?;
                // Only one, so that many of them are no recursion.
                if self.peek()? == b'?' {
                    return Err(self.broken("objects are counted twice"));
                }
                return self.token();
            }
            _ => {
                let at = self.at - 1;
                return Err(Fault::Tag { at, tag });
            }
        })
    }

    /// An `ArrayBuffer`, or the view that follows it.
    fn view_of(&mut self, bytes: &'de [u8]) -> Result<Token<'de>, Fault> {
        let buffer_end = self.at;
        let mut behind = *self;
        if behind.peek() != Ok(b'V') {
            return Ok(Token::ArrayBuffer(bytes));
        }
        behind.at += 1;
        let tag = behind.tag()?;
        let at = behind.at - 1;
        let view = View::from_tag(tag).ok_or(Fault::Tag { at, tag })?;
        let (offset, len) = (behind.varint()? as usize, behind.varint()? as usize);
        // Versions before 14 have no flags.
        if self.bytes.get(1).is_some_and(|&version| version >= 14) {
            behind.varint()?;
        }
        let inside = offset
            .checked_add(len)
            .and_then(|end| bytes.get(offset..end));
        let bytes = inside.ok_or_else(|| behind.broken("a view is larger than its ArrayBuffer"))?;
        behind.check_view(view, bytes)?;
        *self = behind;
        Ok(Token::View(view, bytes, Some(buffer_end)))
    }

    fn check_view(&self, view: View, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() % view.width() == 0 {
            return Ok(());
        }
        Err(self.broken("the last element of a view is cut"))
    }
}

/// A value, or the beginning of one if others are inside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'de> {
    Undefined,
    Null,
    /// Only in arrays.
    Hole,
    Bool(bool),
    Int(i32),
    Uint(u32),
    Double(f64),
    BigInt(Digits<'de>),
    Text(Text<'de>),
    Object,
    /// So many elements, then properties.
    Dense(u32),
    /// The length of the array; elements and properties follow.
    Sparse(u32),
    Map,
    Set,
    Error,
    /// One value follows: its properties.
    Host,
    Date(f64),
    RegExp(Text<'de>, u32),
    BoxedBool(bool),
    BoxedNumber(f64),
    BoxedBigInt(Digits<'de>),
    BoxedText(Text<'de>),
    ArrayBuffer(&'de [u8]),
    /// With the place where its own `ArrayBuffer` ends, if it has one that could be referred to.
    View(View, &'de [u8], Option<usize>),
    Reference(u32),
}

/// The key of a property.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'de> {
    Text(Text<'de>),
    Number(f64),
}

impl<'de> Key<'de> {
    pub(super) fn to_str(self) -> Cow<'de, str> {
        match self {
            Self::Text(text) => text.to_str(),
            Self::Number(number) => Cow::Owned(super::super::javascript::number(number)),
        }
    }
}

/// A string in one of three encodings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text<'de> {
    Latin1(&'de [u8]),
    /// Little-endian, of any alignment, of even length.
    Utf16(&'de [u8]),
    Utf8(&'de [u8]),
}

impl<'de> Text<'de> {
    /// What a Rust string cannot hold becomes U+FFFD.
    pub(super) fn to_str(self) -> Cow<'de, str> {
        match self {
            Self::Latin1(bytes) if bytes.is_ascii() => String::from_utf8_lossy(bytes),
            Self::Latin1(bytes) => bytes.iter().map(|&byte| char::from(byte)).collect(),
            Self::Utf16(bytes) => {
                let units = bytes.chunks_exact(2);
                let units = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
                char::decode_utf16(units)
                    .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect()
            }
            Self::Utf8(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}

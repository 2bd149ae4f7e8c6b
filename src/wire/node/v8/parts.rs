//! The parts of a [`Value`](super::super::Value), as `special` says.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Error, IntoDeserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::fault::Failure;
use super::super::special::Kind;
use super::de::Deserializer;
use super::key::KeyDeserializer;
use super::reader::{Text, Token};

/// Gives the parts one after the other.
pub(super) struct Parts<'a, 'de, 's> {
    de: &'a mut Deserializer<'de, 's>,
    known: Known<'de>,
    then: Then,
}

/// The parts that have been read, in front of those that have not, and how many of them were given.
struct Known<'de>([Part<'de>; 4], usize);

/// A part that has been read.
#[derive(Clone, Copy)]
enum Part<'de> {
    None,
    Kind(Kind),
    Bool(bool),
    Number(u32),
    Double(f64),
    Text(Text<'de>),
    Bytes(&'de [u8]),
}

/// What follows those that are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    /// The object that is shared.
    Object,
    /// So many values, then properties.
    Elements(u32),
    /// Keys and values up to this tag, and so many numbers behind it.
    Properties {
        end: u8,
        numbers: u8,
    },
    /// The value of a property.
    PropertyValue {
        end: u8,
        numbers: u8,
    },
    /// Values up to this tag.
    Values(u8),
    /// Letters and values.
    Letters,
    /// The value behind a letter.
    LetterValue,
}

impl<'de, 's> Parts<'_, 'de, 's> {
    /// Reads one value.
    pub(super) fn read<V: Visitor<'de>>(
        de: &mut Deserializer<'de, 's>,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        de.reader.peek()?;
        let start = de.reader.at();
        let Some(root) = de.root else {
            // What is outside of this value cannot be referred to in it.
            de.root = Some(start);
            let value = Self::read_inside(de, visitor, start, start);
            de.root = None;
            return value;
        };
        Self::read_inside(de, visitor, start, root)
    }

    fn read_inside<V: Visitor<'de>>(
        de: &mut Deserializer<'de, 's>,
        visitor: V,
        start: usize,
        root: usize,
    ) -> Result<V::Value, Failure> {
        let is_announced = de.announced.take() == Some(start);
        if let Some(target) = de.target_at(start).filter(|_| !is_announced) {
            de.announced = Some(start);
            let parts = (
                Kind::Shared,
                [Part::Number(target.id), Part::None, Part::None],
            );
            return Self::give(de, visitor, parts, Then::Object);
        }
        let token = de.reader.token()?;
        match token {
            Token::Reference(id) => {
                let target = de.target(id)?;
                if target.start >= root && !target.is_hidden {
                    return Self::give(de, visitor, known(token), Then::End);
                }
                let outer = de.root.take();
                let value = de.follow(id, |de| Self::read(de, visitor));
                de.root = outer;
                value
            }
            Token::Host => {
                de.enter()?;
                let value = Self::read(de, visitor)?;
                de.leave();
                Ok(value)
            }
            _ => match then(token) {
                Then::End => Self::give(de, visitor, known(token), Then::End),
                then => {
                    de.enter()?;
                    let value = Self::give(de, visitor, known(token), then)?;
                    de.leave();
                    Ok(value)
                }
            },
        }
    }

    fn give<V: Visitor<'de>>(
        de: &mut Deserializer<'de, 's>,
        visitor: V,
        (kind, [one, two, three]): (Kind, [Part<'de>; 3]),
        then: Then,
    ) -> Result<V::Value, Failure> {
        let known = Known([Part::Kind(kind), one, two, three], 0);
        let mut parts = Parts { de, known, then };
        let value = visitor.visit_seq(&mut parts)?;
        if parts.known.next().is_some() || parts.then != Then::End {
            return Err(Error::custom("there is more than the type reads"));
        }
        Ok(value)
    }
}

impl<'de> Known<'de> {
    fn next(&mut self) -> Option<Part<'de>> {
        let part = *self.0.get(self.1)?;
        self.1 += 1;
        (!matches!(part, Part::None)).then_some(part)
    }
}

/// What is known of a value.
fn known(token: Token<'_>) -> (Kind, [Part<'_>; 3]) {
    let none = Part::None;
    let of = |kind, one| (kind, [one, none, none]);
    match token {
        Token::Undefined => of(Kind::Undefined, none),
        Token::Null | Token::Host => of(Kind::Null, none),
        Token::Hole => of(Kind::Hole, none),
        Token::Bool(value) => of(Kind::Bool, Part::Bool(value)),
        Token::Int(number) => of(Kind::Number, Part::Double(f64::from(number))),
        Token::Uint(number) => of(Kind::Number, Part::Double(f64::from(number))),
        Token::Double(number) => of(Kind::Number, Part::Double(number)),
        Token::Text(text) => of(Kind::String, Part::Text(text)),
        Token::BigInt(digits) => {
            let parts = [
                Part::Bool(digits.negative),
                Part::Bytes(digits.magnitude),
                none,
            ];
            (Kind::BigInt, parts)
        }
        Token::BoxedBool(_)
        | Token::BoxedNumber(_)
        | Token::BoxedText(_)
        | Token::BoxedBigInt(_) => {
            let (kind, [one, two, _]) = known(match token {
                Token::BoxedBool(value) => Token::Bool(value),
                Token::BoxedNumber(number) => Token::Double(number),
                Token::BoxedText(text) => Token::Text(text),
                Token::BoxedBigInt(digits) => Token::BigInt(digits),
                other => other,
            });
            (Kind::Boxed, [Part::Kind(kind), one, two])
        }
        Token::Date(milliseconds) => of(Kind::Date, Part::Double(milliseconds)),
        Token::RegExp(source, flags) => (
            Kind::RegExp,
            [Part::Number(flags), Part::Text(source), none],
        ),
        Token::ArrayBuffer(bytes) => of(Kind::ArrayBuffer, Part::Bytes(bytes)),
        Token::View(view, bytes, _) => (
            Kind::View,
            [Part::Number(view.index()), Part::Bytes(bytes), none],
        ),
        Token::Dense(length) => of(Kind::Array, Part::Number(length)),
        Token::Sparse(length) => of(Kind::SparseArray, Part::Number(length)),
        Token::Object => of(Kind::Object, none),
        Token::Map => of(Kind::Map, none),
        Token::Set => of(Kind::Set, none),
        Token::Error => of(Kind::Error, none),
        Token::Reference(id) => of(Kind::Reference, Part::Number(id)),
    }
}

/// What follows what is known.
fn then(token: Token<'_>) -> Then {
    let properties = |end, numbers| Then::Properties { end, numbers };
    match token {
        Token::Dense(length) => Then::Elements(length),
        Token::Sparse(_) => properties(b'@', 2),
        Token::Object => properties(b'{', 1),
        Token::Map => Then::Values(b':'),
        Token::Set => Then::Values(b','),
        Token::Error => Then::Letters,
        _ => Then::End,
    }
}

impl<'de> SeqAccess<'de> for &mut Parts<'_, 'de, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        if let Some(part) = self.known.next() {
            return seed.deserialize(PartDeserializer(part)).map(Some);
        }
        if self.then == Then::Elements(0) {
            self.then = Then::Properties {
                end: b'$',
                numbers: 2,
            };
        }
        let reader = &mut self.de.reader;
        match self.then {
            Then::End => return Ok(None),
            Then::Object => self.then = Then::End,
            Then::Elements(left) => self.then = Then::Elements(left - 1),
            Then::PropertyValue { end, numbers } => self.then = Then::Properties { end, numbers },
            Then::LetterValue => self.then = Then::Letters,
            Then::Properties { end, numbers } => {
                let Some(key) = reader.key(end)? else {
                    for _ in 0..numbers {
                        reader.varint()?;
                    }
                    self.then = Then::End;
                    return Ok(None);
                };
                self.then = Then::PropertyValue { end, numbers };
                return seed.deserialize(KeyDeserializer(key)).map(Some);
            }
            Then::Values(end) => {
                if reader.peek()? == end {
                    reader.tag()?;
                    reader.varint()?;
                    self.then = Then::End;
                    return Ok(None);
                }
            }
            Then::Letters => {
                let letter = reader.tag()?;
                match letter {
                    b'.' => {
                        self.then = Then::End;
                        return Ok(None);
                    }
                    b'm' | b's' | b'c' => self.then = Then::LetterValue,
                    _ => {}
                }
                return seed.deserialize(letter.into_deserializer()).map(Some);
            }
        }
        seed.deserialize(&mut *self.de).map(Some)
    }
}

/// Gives a part that has been read.
struct PartDeserializer<'de>(Part<'de>);

impl<'de> serde::Deserializer<'de> for PartDeserializer<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Part::None => visitor.visit_unit(),
            Part::Kind(kind) => visitor.visit_u32(kind as u32),
            Part::Bool(value) => visitor.visit_bool(value),
            Part::Number(number) => visitor.visit_u32(number),
            Part::Double(number) => visitor.visit_f64(number),
            Part::Text(text) => match text.to_str() {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Part::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

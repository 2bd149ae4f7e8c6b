//! V8's bytes to serde.

use std::borrow::Cow;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Error, IntoDeserializer, Visitor};

use super::super::super::Limits;
use super::super::fault::{Failure, Fault};
use super::super::javascript;
use super::super::special::NAME;
use super::super::value::{Digits, Element, View, flags_to_str};
use super::access::{Elements, EnumOf, Exception, Members, Properties, Sparse};
use super::parts::Parts;
use super::reader::{Reader, Token};
use super::scan::{Scan, Target, skip};

/// Reads values of bytes that have been scanned.
pub(super) struct Deserializer<'de, 's> {
    pub(super) reader: Reader<'de>,
    bytes: &'de [u8],
    limits: Limits,
    targets: &'s [Target],
    /// How many levels may still be entered.
    levels: u32,
    /// How many items have been read, had every reference been written out.
    items: u64,
    /// How many bytes have been read for references.
    repeated: u64,
    /// Where the [`Value`](super::super::Value) begins that is being read.
    pub(super) root: Option<usize>,
    /// Where the object begins of which that `Value` has been told that it is shared.
    pub(super) announced: Option<usize>,
}

/// What a type wishes for, where that makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Any,
    Integer,
    Float,
    Text,
    Bytes,
    Seq,
}

impl<'de, 's> Deserializer<'de, 's> {
    pub(super) fn new(bytes: &'de [u8], limits: Limits, scan: &'s Scan) -> Self {
        Self {
            reader: Reader::new(bytes, 2),
            bytes,
            limits,
            targets: &scan.targets,
            levels: limits.max_depth(),
            items: scan.items,
            repeated: 0,
            root: None,
            announced: None,
        }
    }

    /// Counts a level, which [`leave`](Self::leave) takes back. Only references can make more than the scan has seen.
    pub(super) fn enter(&mut self) -> Result<(), Failure> {
        let levels = self.levels.checked_sub(1);
        self.levels = levels.ok_or(Fault::Deep(self.limits.max_depth()))?;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.levels += 1;
    }

    /// Counts items that take no room in the bytes.
    pub(super) fn charge(&mut self, items: u64) -> Result<(), Failure> {
        self.items = self.items.saturating_add(items);
        if self.items > u64::from(self.limits.max_items()) {
            return Err(Fault::Many(self.limits.max_items()).into());
        }
        Ok(())
    }

    /// The object with this number, if the scan has seen a reference to it.
    pub(super) fn target(&self, id: u32) -> Result<Target, Failure> {
        let found = self.targets.binary_search_by_key(&id, |target| target.id);
        match found {
            Ok(at) => Ok(self.targets[at]),
            Err(_) => Err(self.reader.broken("nothing is known of a reference").into()),
        }
    }

    /// The object that begins at this place, if there is a reference to it.
    pub(super) fn target_at(&self, start: usize) -> Option<Target> {
        let at = self.targets.partition_point(|target| target.start < start);
        let here = self.targets[at..]
            .iter()
            .take_while(|target| target.start == start);
        // Who has followed a reference to the buffer of a view does not look at the view.
        let end = self.reader.end();
        here.copied()
            .find(|target| !target.is_hidden && target.end <= end)
    }

    /// Reads an object again that has been there before.
    pub(super) fn follow<T>(
        &mut self,
        id: u32,
        read: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let target = self.target(id)?;
        if (target.start..target.end).contains(&(self.reader.at() - 1)) {
            return Err(Error::custom(
                "an object contains itself, which only a `node::Value` can hold",
            ));
        }
        // As if it had been written out in this place, so that a few bytes cannot become a great many.
        self.charge(target.items)?;
        self.repeated += (target.end - target.start) as u64;
        if self.repeated > self.limits.max_message() as u64 {
            return Err(Fault::Many(self.limits.max_items()).into());
        }
        let behind = self.reader;
        self.reader = Reader::new(&self.bytes[..target.end], target.start);
        let value = read(self);
        self.reader = behind;
        value
    }

    fn read<V: Visitor<'de>>(&mut self, wish: Wish, visitor: V) -> Result<V::Value, Failure> {
        let token = self.reader.token()?;
        self.visit(token, wish, visitor)
    }

    fn visit<V: Visitor<'de>>(
        &mut self,
        token: Token<'de>,
        wish: Wish,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match token {
            Token::Undefined | Token::Null | Token::Hole => visitor.visit_unit(),
            Token::Bool(value) | Token::BoxedBool(value) => visitor.visit_bool(value),
            Token::Int(number) => visit_integer(i64::from(number), wish, visitor),
            Token::Uint(number) => visit_integer(i64::from(number), wish, visitor),
            Token::Double(number) | Token::BoxedNumber(number) => {
                visit_double(number, wish, visitor)
            }
            Token::BigInt(digits) | Token::BoxedBigInt(digits) => {
                visit_bigint(digits, wish, visitor)
            }
            Token::Text(text) | Token::BoxedText(text) => match text.to_str() {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Token::Date(milliseconds) if wish == Wish::Text => {
                let text = javascript::date(milliseconds);
                let text = text.ok_or_else(|| Failure::custom("it is an invalid Date"))?;
                visitor.visit_string(text)
            }
            Token::Date(milliseconds) => match wish {
                Wish::Integer => visit_double(milliseconds, wish, visitor),
                _ => visitor.visit_f64(milliseconds),
            },
            Token::RegExp(source, flags) => {
                let (source, flags) = (source.to_str(), flags_to_str(flags));
                if wish == Wish::Text {
                    return visitor.visit_string(format!("/{source}/{flags}"));
                }
                let parts = [("source", source.as_ref()), ("flags", flags.as_str())];
                visitor.visit_map(MapDeserializer::new(parts.into_iter()))
            }
            Token::ArrayBuffer(bytes) => self.visit_view(View::Uint8, bytes, wish, visitor),
            Token::View(view, bytes, _) => self.visit_view(view, bytes, wish, visitor),
            Token::Reference(id) => self.follow(id, |this| this.read(wish, visitor)),
            Token::Object => {
                self.enter()?;
                let mut properties = Properties::new(self);
                let value = visitor.visit_map(&mut properties)?;
                properties.end()?;
                self.leave();
                Ok(value)
            }
            Token::Dense(length) => {
                self.enter()?;
                let mut elements = Elements::new(self, length);
                let value = visitor.visit_seq(&mut elements)?;
                elements.end()?;
                self.leave();
                Ok(value)
            }
            Token::Sparse(length) => {
                self.enter()?;
                self.charge(u64::from(length))?;
                let mut elements = Sparse::new(self, length);
                let value = visitor.visit_seq(&mut elements)?;
                elements.end()?;
                self.leave();
                Ok(value)
            }
            Token::Map => {
                self.enter()?;
                let mut entries = Members::of_map(self);
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                self.leave();
                Ok(value)
            }
            Token::Set => {
                self.enter()?;
                let mut values = Members::of_set(self);
                let value = visitor.visit_seq(&mut values)?;
                values.end()?;
                self.leave();
                Ok(value)
            }
            Token::Error => {
                self.enter()?;
                let mut parts = Exception::new(self)?;
                let value = visitor.visit_map(&mut parts)?;
                parts.end()?;
                self.leave();
                Ok(value)
            }
            Token::Host => {
                self.enter()?;
                let value = self.read(wish, visitor)?;
                self.leave();
                Ok(value)
            }
        }
    }

    fn visit_view<V: Visitor<'de>>(
        &mut self,
        view: View,
        bytes: &'de [u8],
        wish: Wish,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if wish == Wish::Bytes || (view.is_bytes() && wish != Wish::Seq) {
            return visitor.visit_borrowed_bytes(bytes);
        }
        let elements = view.elements(bytes);
        self.charge(elements.len() as u64)?;
        let mut elements = SeqDeserializer::new(elements);
        let value = visitor.visit_seq(&mut elements)?;
        elements.end()?;
        Ok(value)
    }
}

macro_rules! wishes {
    ($($name:ident $wish:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.read(Wish::$wish, visitor)
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for &mut Deserializer<'de, '_> {
    type Error = Failure;

    wishes! {
        deserialize_any Any deserialize_bool Any
        deserialize_i8 Integer deserialize_i16 Integer deserialize_i32 Integer deserialize_i64 Integer
        deserialize_i128 Integer deserialize_u8 Integer deserialize_u16 Integer deserialize_u32 Integer
        deserialize_u64 Integer deserialize_u128 Integer deserialize_f32 Float deserialize_f64 Float
        deserialize_char Text deserialize_str Text deserialize_string Text deserialize_identifier Text
        deserialize_bytes Bytes deserialize_byte_buf Bytes
        deserialize_unit Any deserialize_seq Seq deserialize_map Any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if matches!(self.reader.peek()?, b'0' | b'_' | b'-') {
            self.reader.tag()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read(Wish::Any, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if name == NAME {
            return Parts::read(self, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.read(Wish::Seq, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read(Wish::Seq, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read(Wish::Any, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.reader.token()? {
            Token::Text(text) | Token::BoxedText(text) => {
                visitor.visit_enum(text.to_str().into_deserializer())
            }
            Token::Object => {
                self.enter()?;
                let value = visitor.visit_enum(EnumOf(self))?;
                Properties::at(self, 1).end()?;
                self.leave();
                Ok(value)
            }
            Token::Reference(id) => self.follow(id, |this| {
                serde::Deserializer::deserialize_enum(this, name, variants, visitor)
            }),
            Token::Host => {
                self.enter()?;
                let value =
                    serde::Deserializer::deserialize_enum(&mut *self, name, variants, visitor)?;
                self.leave();
                Ok(value)
            }
            token => self.visit(token, Wish::Any, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        skip(&mut self.reader)?;
        visitor.visit_unit()
    }
}

fn visit_integer<'de, V: Visitor<'de>>(
    number: i64,
    wish: Wish,
    visitor: V,
) -> Result<V::Value, Failure> {
    match u64::try_from(number) {
        _ if wish == Wish::Float => visitor.visit_f64(number as f64),
        Ok(number) => visitor.visit_u64(number),
        Err(_) => visitor.visit_i64(number),
    }
}

/// JavaScript makes no difference between 5 and 5.0, so a type that can be either gets the integer. Beyond 2^53 the
/// neighbours of a double are no integers in a row any more, and only a type that asks for an integer gets one.
pub(super) fn visit_double<'de, V: Visitor<'de>>(
    number: f64,
    wish: Wish,
    visitor: V,
) -> Result<V::Value, Failure> {
    let is_safe =
        number.abs() < 9_007_199_254_740_992.0 && !(number == 0.0 && number.is_sign_negative());
    let is_integer = number.fract() == 0.0 && number.abs() < 2f64.powi(127);
    if is_integer && (wish == Wish::Integer || (wish != Wish::Float && is_safe)) {
        return visit_wide(number as i128, visitor);
    }
    visitor.visit_f64(number)
}

fn visit_bigint<'de, V: Visitor<'de>>(
    digits: Digits<'de>,
    wish: Wish,
    visitor: V,
) -> Result<V::Value, Failure> {
    if let Some(number) = digits.to_i128() {
        let double = number as f64;
        if wish == Wish::Float && double as i128 == number && number != i128::MAX {
            return visitor.visit_f64(double);
        }
        return visit_wide(number, visitor);
    }
    match digits.to_u128() {
        Some(number) => visitor.visit_u128(number),
        None => Err(Error::custom("a bigint has more than 128 bits")),
    }
}

fn visit_wide<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Failure> {
    if let Ok(number) = u64::try_from(number) {
        visitor.visit_u64(number)
    } else if let Ok(number) = i64::try_from(number) {
        visitor.visit_i64(number)
    } else {
        visitor.visit_i128(number)
    }
}

impl<'de> IntoDeserializer<'de, Failure> for Element {
    type Deserializer = ElementDeserializer;

    fn into_deserializer(self) -> ElementDeserializer {
        ElementDeserializer(self)
    }
}

/// An element of a typed array.
pub(in super::super) struct ElementDeserializer(Element);

impl<'de> serde::Deserializer<'de> for ElementDeserializer {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Element::Int(number) => visit_integer(number, Wish::Any, visitor),
            Element::Uint(number) => visitor.visit_u64(number),
            Element::Float(number) => visit_double(number, Wish::Any, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

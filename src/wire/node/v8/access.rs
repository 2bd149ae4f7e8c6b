//! What is inside of containers, for serde.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::{Deserialize, Deserializer as _};

use super::super::fault::Failure;
use super::super::value::{ErrorClass, index};
use super::de::Deserializer;
use super::key::KeyDeserializer;
use super::reader::Key;
use super::scan::skip;

/// A `Deserialize` implementation has to read all, so that what follows is found.
fn unread() -> Failure {
    Error::custom("there is more than the type reads")
}

/// The properties of an object.
pub(super) struct Properties<'a, 'de, 's> {
    de: &'a mut Deserializer<'de, 's>,
    count: u32,
    ended: bool,
}

impl<'a, 'de, 's> Properties<'a, 'de, 's> {
    pub(super) fn new(de: &'a mut Deserializer<'de, 's>) -> Self {
        Self::at(de, 0)
    }

    /// Behind so many.
    pub(super) fn at(de: &'a mut Deserializer<'de, 's>, count: u32) -> Self {
        Self {
            de,
            count,
            ended: false,
        }
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        if !self.ended && self.next()?.is_some() {
            return Err(unread());
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Key<'de>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let key = self.de.reader.key(b'{')?;
        if key.is_none() {
            self.ended = true;
            self.de.reader.varint()?;
        }
        self.count += 1;
        Ok(key)
    }
}

impl<'de> MapAccess<'de> for &mut Properties<'_, 'de, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        let key = self.next()?;
        key.map(|key| seed.deserialize(KeyDeserializer(key)))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(&mut *self.de)
    }
}

/// The elements of an array without gaps.
pub(super) struct Elements<'a, 'de, 's> {
    de: &'a mut Deserializer<'de, 's>,
    left: u32,
}

impl<'a, 'de, 's> Elements<'a, 'de, 's> {
    pub(super) fn new(de: &'a mut Deserializer<'de, 's>, left: u32) -> Self {
        Self { de, left }
    }

    /// Goes past the properties, which no sequence of Rust has.
    pub(super) fn end(self) -> Result<(), Failure> {
        if self.left > 0 {
            return Err(unread());
        }
        let reader = &mut self.de.reader;
        while reader.key(b'$')?.is_some() {
            skip(reader)?;
        }
        reader.varint()?;
        reader.varint()?;
        Ok(())
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.de).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// The elements of an array with gaps, in order, as JavaScript has them. To look for them in any order would mean to go past
/// what is inside of each, at each of many levels.
pub(super) struct Sparse<'a, 'de, 's> {
    de: &'a mut Deserializer<'de, 's>,
    next: u32,
    length: u32,
    /// The next element that is there, if its key has been read; the length when the end has.
    found: Option<u32>,
}

impl<'a, 'de, 's> Sparse<'a, 'de, 's> {
    pub(super) fn new(de: &'a mut Deserializer<'de, 's>, length: u32) -> Self {
        Self {
            de,
            next: 0,
            length,
            found: None,
        }
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        if self.next < self.length || self.find()? < self.length {
            return Err(unread());
        }
        Ok(())
    }

    /// The next element that is there, or the length. Goes past properties that are none.
    fn find(&mut self) -> Result<u32, Failure> {
        if let Some(found) = self.found {
            return Ok(found);
        }
        let reader = &mut self.de.reader;
        let found = loop {
            let Some(key) = reader.key(b'@')? else {
                reader.varint()?;
                reader.varint()?;
                break self.length;
            };
            match index(&key.to_str()).filter(|&index| index < self.length) {
                Some(index) if index < self.next => {
                    return Err(Error::custom("the elements of an array are not in order"));
                }
                Some(index) => break index,
                None => skip(reader)?,
            }
        };
        self.found = Some(found);
        Ok(found)
    }
}

impl<'de> SeqAccess<'de> for &mut Sparse<'_, 'de, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        if self.next >= self.length {
            return Ok(None);
        }
        let is_there = self.find()? == self.next;
        self.next += 1;
        if !is_there {
            return seed.deserialize(().into_deserializer()).map(Some);
        }
        self.found = None;
        seed.deserialize(&mut *self.de).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some((self.length - self.next) as usize)
    }
}

/// The values of a `Set`, or the keys and values of a `Map`, up to the tag that ends them.
pub(super) struct Members<'a, 'de, 's> {
    de: &'a mut Deserializer<'de, 's>,
    end: u8,
    ended: bool,
}

impl<'a, 'de, 's> Members<'a, 'de, 's> {
    pub(super) fn of_map(de: &'a mut Deserializer<'de, 's>) -> Self {
        Self::up_to(b':', de)
    }

    pub(super) fn of_set(de: &'a mut Deserializer<'de, 's>) -> Self {
        Self::up_to(b',', de)
    }

    fn up_to(end: u8, de: &'a mut Deserializer<'de, 's>) -> Self {
        Self {
            de,
            end,
            ended: false,
        }
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        if self.is_at_end()? {
            Ok(())
        } else {
            Err(unread())
        }
    }

    fn is_at_end(&mut self) -> Result<bool, Failure> {
        if !self.ended && self.de.reader.peek()? == self.end {
            self.ended = true;
            self.de.reader.tag()?;
            self.de.reader.varint()?;
        }
        Ok(self.ended)
    }

    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        if self.is_at_end()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.de).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_, 'de, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(&mut *self.de)
    }
}

impl<'de> SeqAccess<'de> for &mut Members<'_, 'de, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        self.next(seed)
    }
}

/// The parts of an error: `name`, then those of `message`, `cause` and `stack` that are there.
pub(super) struct Exception<'a, 'de, 's> {
    de: &'a mut Deserializer<'de, 's>,
    class: ErrorClass,
    state: InException,
}

#[derive(PartialEq, Eq)]
enum InException {
    Begun,
    Named,
    Ended,
}

impl<'a, 'de, 's> Exception<'a, 'de, 's> {
    pub(super) fn new(de: &'a mut Deserializer<'de, 's>) -> Result<Self, Failure> {
        let mut class = ErrorClass::Error;
        // V8 puts the class in front of all else.
        while let Some(found) = ErrorClass::from_tag(de.reader.peek()?) {
            class = found;
            de.reader.tag()?;
        }
        Ok(Self {
            de,
            class,
            state: InException::Begun,
        })
    }

    pub(super) fn end(self) -> Result<(), Failure> {
        if self.state == InException::Ended {
            return Ok(());
        }
        Err(unread())
    }

    fn next(&mut self) -> Result<Option<&'static str>, Failure> {
        match self.state {
            InException::Begun => return Ok(Some("name")),
            InException::Ended => return Ok(None),
            InException::Named => {}
        }
        loop {
            match self.de.reader.tag()? {
                b'm' => return Ok(Some("message")),
                b's' => return Ok(Some("stack")),
                b'c' => return Ok(Some("cause")),
                b'.' => {
                    self.state = InException::Ended;
                    return Ok(None);
                }
                // A class too late.
                _ => {}
            }
        }
    }
}

impl<'de> MapAccess<'de> for &mut Exception<'_, 'de, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        let key = self.next()?;
        key.map(|key| seed.deserialize(key.into_deserializer()))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        if self.state == InException::Begun {
            self.state = InException::Named;
            let name: StrDeserializer<'_, Failure> = self.class.name().into_deserializer();
            return seed.deserialize(name);
        }
        seed.deserialize(&mut *self.de)
    }
}

/// The one property of an object that stands for an enum: the name of the variant, and what is inside of it.
pub(super) struct EnumOf<'a, 'de, 's>(pub(super) &'a mut Deserializer<'de, 's>);

impl<'de> EnumAccess<'de> for EnumOf<'_, 'de, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let key = self.0.reader.key(b'{')?;
        let key =
            key.ok_or_else(|| Failure::custom("the object has no property to name a variant"))?;
        let variant = seed.deserialize(KeyDeserializer(key))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for EnumOf<'_, 'de, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.0.deserialize_map(visitor)
    }
}

//! serde to V8's bytes.

use std::collections::BTreeMap;
use std::mem;

use serde::Serialize;
use serde::ser::Error;

use super::super::super::Limits;
use super::super::fault::{Failure, Fault};
use super::super::special::{Kind, NAME};
use super::super::value::{View, index};
use super::compound::Compound;
use super::writer::Writer;

/// Writes values behind a header.
pub(super) struct Serializer<'a> {
    pub(super) write: Writer<'a>,
    limits: Limits,
    levels: u32,
    items: u64,
    /// The number of the next object.
    next_id: u32,
    /// What a [`Value`](super::super::Value) has said about what is written next.
    special: Option<(Kind, u32)>,
    /// A `Value` is about to find out whether it is understood.
    is_asked: bool,
    /// The numbers that the program gives to the next object.
    pending: Vec<u32>,
    /// The numbers of objects, by those that the program gave them.
    shared: BTreeMap<u32, u32>,
    /// The errors that are being written.
    errors: Vec<u32>,
}

impl<'a> Serializer<'a> {
    /// Writes the header.
    pub(super) fn new(out: &'a mut Vec<u8>, limits: Limits) -> Self {
        Self {
            write: Writer::new(out, limits),
            limits,
            levels: 0,
            items: 0,
            next_id: 0,
            special: None,
            is_asked: false,
            pending: Vec::new(),
            shared: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    /// Writes the tag of an object, and numbers it.
    pub(super) fn object(&mut self, tag: &[u8]) {
        self.write.put(tag);
        for given in self.pending.drain(..) {
            self.shared.insert(given, self.next_id);
        }
        self.next_id = self.next_id.saturating_add(1);
    }

    /// Writes the tag of an error; [`end_error`](Self::end_error) writes the end.
    pub(super) fn error(&mut self, class: u32) {
        self.errors.push(self.next_id);
        self.object(b"r");
        if class != 0 {
            self.write.varint(class);
        }
    }

    pub(super) fn end_error(&mut self) {
        self.errors.pop();
        self.write.put(b".");
    }

    pub(super) fn enter(&mut self) -> Result<(), Failure> {
        self.levels += 1;
        if self.levels > self.limits.max_depth() {
            return Err(Fault::Deep(self.limits.max_depth()).into());
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.levels -= 1;
    }

    pub(super) fn add(&mut self, items: u64) -> Result<(), Failure> {
        self.items = self.items.saturating_add(items);
        if self.items > u64::from(self.limits.max_items()) {
            return Err(Fault::Many(self.limits.max_items()).into());
        }
        Ok(())
    }

    /// What the next thing is, if a [`Value`](super::super::Value) has said so.
    pub(super) fn take_special(&mut self) -> Option<(Kind, u32)> {
        self.special.take()
    }

    /// The key of a property: V8 writes the index of an element as a number.
    pub(super) fn key(&mut self, key: &str) -> Result<(), Failure> {
        self.add(1)?;
        match index(key) {
            Some(index) => {
                self.write.integer(index.into());
                Ok(())
            }
            None => self.write.text(key),
        }
    }

    fn view(&mut self, index: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.object(&[b'\\', 0]);
        self.write.varint(index);
        self.write.bytes(bytes)
    }

    /// Opens the object that stands for an enum.
    fn variant(&mut self, variant: &str) -> Result<(), Failure> {
        self.enter()?;
        self.object(b"o");
        self.key(variant)
    }

    /// Closes it.
    pub(super) fn end_variant(&mut self) {
        self.write.put(b"{\x01");
        self.leave();
    }

    /// What a [`Value`](super::super::Value) has to say.
    fn value<T: Serialize + ?Sized>(
        &mut self,
        kind: &'static str,
        number: u32,
        inside: &T,
    ) -> Result<(), Failure> {
        let kind = Kind::from_name(kind).ok_or_else(unknown)?;
        match kind {
            Kind::Undefined => self.write.put(b"_"),
            Kind::Hole => self.write.put(b"-"),
            Kind::Reference => {
                let Some(&id) = self.shared.get(&number) else {
                    return Err(Error::custom(format_args!(
                        "nothing in front of the reference {number} is shared by this number"
                    )));
                };
                // V8 makes the error when it has read all of it. Its own bytes of such a thing end a Node.js that reads them.
                if self.errors.contains(&id) {
                    return Err(Error::custom(
                        "an error is inside of its own cause, which Node.js cannot read",
                    ));
                }
                self.write.put(b"^");
                self.write.varint(id);
            }
            Kind::Shared => {
                let object = self.next_id;
                self.pending.push(number);
                inside.serialize(&mut *self)?;
                if self.next_id == object {
                    return Err(Error::custom("only objects can be shared"));
                }
            }
            _ => {
                self.special = Some((kind, number));
                inside.serialize(&mut *self)?;
                if self.special.take().is_some() {
                    return Err(unknown());
                }
            }
        }
        Ok(())
    }
}

#[cold]
pub(super) fn unknown() -> Failure {
    Error::custom("no such kind of value")
}

macro_rules! integers {
    ($($name:ident $type:ty;)*) => {$(
        #[inline]
        fn $name(self, number: $type) -> Result<(), Failure> {
            self.write.integer(number.into());
            Ok(())
        }
    )*};
}

impl<'s, 'a> serde::Serializer for &'s mut Serializer<'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Compound<'s, 'a>;
    type SerializeTuple = Compound<'s, 'a>;
    type SerializeTupleStruct = Compound<'s, 'a>;
    type SerializeTupleVariant = Compound<'s, 'a>;
    type SerializeMap = Compound<'s, 'a>;
    type SerializeStruct = Compound<'s, 'a>;
    type SerializeStructVariant = Compound<'s, 'a>;

    integers! {
        serialize_i8 i8; serialize_i16 i16; serialize_i32 i32; serialize_i64 i64; serialize_i128 i128;
        serialize_u8 u8; serialize_u16 u16; serialize_u32 u32; serialize_u64 u64;
    }

    fn serialize_u128(self, number: u128) -> Result<(), Failure> {
        match i128::try_from(number) {
            Ok(number) => self.write.integer(number),
            Err(_) => self.write.bigint(false, number),
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Failure> {
        match self.take_special() {
            None => self.write.put(if value { b"T" } else { b"F" }),
            Some((Kind::Boxed, _)) => self.object(if value { b"y" } else { b"x" }),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), Failure> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), Failure> {
        match self.take_special() {
            None => self.write.put(b"N"),
            Some((Kind::Boxed, _)) => self.object(b"n"),
            Some((Kind::Date, _)) => self.object(b"D"),
            _ => return Err(unknown()),
        }
        self.write.put(&number.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, char: char) -> Result<(), Failure> {
        self.write.text(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Failure> {
        match self.take_special() {
            None => self.write.text(text),
            Some((Kind::Boxed, _)) => {
                self.object(b"s");
                self.write.text(text)
            }
            Some((Kind::RegExp, flags)) => {
                self.object(b"R");
                self.write.text(text)?;
                self.write.varint(flags);
                Ok(())
            }
            _ => Err(unknown()),
        }
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        match self.take_special() {
            None => self.view(View::Buffer.index(), bytes),
            Some((Kind::View, index)) => self.view(index, bytes),
            Some((Kind::ArrayBuffer, _)) => {
                self.object(b"B");
                self.write.bytes(bytes)
            }
            Some((Kind::BigInt, negative)) => {
                self.write.put(b"Z");
                self.write.digits(negative, bytes)
            }
            Some((Kind::BoxedBigInt, negative)) => {
                self.object(b"z");
                self.write.digits(negative, bytes)
            }
            _ => Err(unknown()),
        }
    }

    fn serialize_none(self) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Failure> {
        self.write.put(b"0");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Failure> {
        self.write.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.is_asked = name == NAME;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        number: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        if mem::take(&mut self.is_asked) && name == NAME {
            return self.value(variant, number, value);
        }
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.end_variant();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'s, 'a>, Failure> {
        match self.take_special() {
            None => Compound::array(self, len),
            Some((Kind::Set, _)) => Compound::set(self),
            _ => Err(unknown()),
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'s, 'a>, Failure> {
        Compound::array(self, Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Compound<'s, 'a>, Failure> {
        Compound::array(self, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'s, 'a>, Failure> {
        self.variant(variant)?;
        Compound::array(self, Some(len)).map(Compound::of_variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'s, 'a>, Failure> {
        match self.take_special() {
            None => Compound::undecided(self),
            Some((Kind::Object, _)) => Compound::object(self),
            Some((Kind::Map, _)) => Compound::map(self),
            Some((Kind::SparseArray, length)) => Compound::sparse(self, length),
            Some((Kind::Error, class)) => Compound::error(self, class),
            _ => Err(unknown()),
        }
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'s, 'a>, Failure> {
        Compound::object(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'s, 'a>, Failure> {
        self.variant(variant)?;
        Compound::object(self).map(Compound::of_variant)
    }

    /// To people it is: what JavaScript shows as text should be text, as in JSON. But see `special`.
    fn is_human_readable(&self) -> bool {
        !self.is_asked
    }
}

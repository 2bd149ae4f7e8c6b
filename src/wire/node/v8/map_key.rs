//! The key of an entry that is being written: the first one decides what its map becomes.

use serde::ser::{Error, Serialize};

use super::super::fault::Failure;
use super::compound::{Compound, Form};
use super::ser::{Serializer, unknown};

/// Writes a key: a string into an object, anything else into a `Map`.
pub(super) struct MapKey<'c, 's, 'a>(pub(super) &'c mut Compound<'s, 'a>);

impl<'c, 's, 'a> MapKey<'c, 's, 'a> {
    fn text(self, key: &str) -> Result<(), Failure> {
        match self.0.form {
            Form::Undecided => self.0.begin(b"o", Form::Object),
            Form::Error => {
                // Letters, not strings.
                self.0.ser.write.put(key.as_bytes());
                return Ok(());
            }
            _ => {}
        }
        self.0.ser.key(key)
    }

    fn other(self) -> Result<&'c mut Serializer<'a>, Failure> {
        match self.0.form {
            Form::Undecided => self.0.begin(b";", Form::Map),
            Form::Object => {
                return Err(Error::custom(
                    "a map has keys that are strings and others; put one that is none first",
                ));
            }
            _ => return Err(unknown()),
        }
        self.0.ser.add(1)?;
        Ok(self.0.ser)
    }
}

macro_rules! others {
    ($($name:ident($($arg:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $name(self, $($arg: $type),*) -> Result<$ok, Failure> {
            self.other()?.$name($($arg),*)
        }
    )*};
}

impl<'c, 'a> serde::Serializer for MapKey<'c, '_, 'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Compound<'c, 'a>;
    type SerializeTuple = Compound<'c, 'a>;
    type SerializeTupleStruct = Compound<'c, 'a>;
    type SerializeTupleVariant = Compound<'c, 'a>;
    type SerializeMap = Compound<'c, 'a>;
    type SerializeStruct = Compound<'c, 'a>;
    type SerializeStructVariant = Compound<'c, 'a>;

    others! {
        serialize_bool(value: bool) -> ();
        serialize_i8(number: i8) -> ();
        serialize_i16(number: i16) -> ();
        serialize_i32(number: i32) -> ();
        serialize_i64(number: i64) -> ();
        serialize_i128(number: i128) -> ();
        serialize_u8(number: u8) -> ();
        serialize_u16(number: u16) -> ();
        serialize_u32(number: u32) -> ();
        serialize_u64(number: u64) -> ();
        serialize_u128(number: u128) -> ();
        serialize_f32(number: f32) -> ();
        serialize_f64(number: f64) -> ();
        serialize_bytes(bytes: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Compound<'c, 'a>;
        serialize_tuple(len: usize) -> Compound<'c, 'a>;
        serialize_tuple_struct(name: &'static str, len: usize) -> Compound<'c, 'a>;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> Compound<'c, 'a>;
        serialize_map(len: Option<usize>) -> Compound<'c, 'a>;
        serialize_struct(name: &'static str, len: usize) -> Compound<'c, 'a>;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> Compound<'c, 'a>;
    }

    fn serialize_char(self, char: char) -> Result<(), Failure> {
        self.text(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Failure> {
        self.text(text)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Failure> {
        self.text(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.other()?
            .serialize_newtype_variant(name, index, variant, value)
    }
}

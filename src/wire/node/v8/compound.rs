//! Containers that are being written.

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::super::fault::Failure;
use super::ser::{Serializer, unknown};

/// A container that is being written.
pub(super) struct Compound<'s, 'a> {
    pub(super) ser: &'s mut Serializer<'a>,
    pub(super) form: Form,
    /// How many elements or entries there are.
    count: u32,
    /// It stands inside of the object that stands for an enum.
    is_variant: bool,
}

/// What a container is written as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The length that was promised, or the place where it is missing.
    Array(Result<u32, usize>),
    Set,
    /// An object or a `Map`: what its first key is will tell.
    Undecided,
    Object,
    Map,
    /// Of this length.
    Sparse(u32),
    Error,
}

impl<'s, 'a> Compound<'s, 'a> {
    pub(super) fn array(ser: &'s mut Serializer<'a>, len: Option<usize>) -> Result<Self, Failure> {
        let len = len.map(u32::try_from);
        let mut new = Self::new(ser, b"A", Form::Array(Ok(0)))?;
        new.form = Form::Array(match len {
            Some(Ok(len)) => {
                // Those that are promised, so that a promise beyond the limit fails at once.
                new.ser.add(len.into())?;
                new.ser.write.varint(len);
                Ok(len)
            }
            _ => Err(new.ser.write.varint_later()),
        });
        Ok(new)
    }

    pub(super) fn set(ser: &'s mut Serializer<'a>) -> Result<Self, Failure> {
        Self::new(ser, b"'", Form::Set)
    }

    pub(super) fn undecided(ser: &'s mut Serializer<'a>) -> Result<Self, Failure> {
        ser.enter()?;
        Ok(Self {
            ser,
            form: Form::Undecided,
            count: 0,
            is_variant: false,
        })
    }

    pub(super) fn object(ser: &'s mut Serializer<'a>) -> Result<Self, Failure> {
        Self::new(ser, b"o", Form::Object)
    }

    pub(super) fn map(ser: &'s mut Serializer<'a>) -> Result<Self, Failure> {
        Self::new(ser, b";", Form::Map)
    }

    pub(super) fn sparse(ser: &'s mut Serializer<'a>, length: u32) -> Result<Self, Failure> {
        let new = Self::new(ser, b"a", Form::Sparse(length))?;
        new.ser.write.varint(length);
        Ok(new)
    }

    pub(super) fn error(ser: &'s mut Serializer<'a>, class: u32) -> Result<Self, Failure> {
        let mut new = Self::undecided(ser)?;
        new.form = Form::Error;
        new.ser.error(class);
        Ok(new)
    }

    fn new(ser: &'s mut Serializer<'a>, tag: &[u8], form: Form) -> Result<Self, Failure> {
        let mut new = Self::undecided(ser)?;
        new.begin(tag, form);
        Ok(new)
    }

    pub(super) fn begin(&mut self, tag: &[u8], form: Form) {
        self.ser.object(tag);
        self.form = form;
    }

    pub(super) fn of_variant(mut self) -> Self {
        self.is_variant = true;
        self
    }

    pub(super) fn count_one(&mut self) -> Result<(), Failure> {
        let count = self.count.checked_add(1);
        self.count = count.ok_or_else(|| Failure::custom("it has over 2^32 items"))?;
        Ok(())
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.count_one()?;
        match self.form {
            Form::Array(Ok(promised)) if self.count > promised => return Err(broken()),
            Form::Array(Ok(_)) => {}
            _ => self.ser.add(1)?,
        }
        value.serialize(&mut *self.ser)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Failure> {
        self.count_one()?;
        self.ser.key(key)?;
        value.serialize(&mut *self.ser)
    }

    fn finish(mut self) -> Result<(), Failure> {
        let ser = match self.form {
            Form::Undecided => {
                self.begin(b"o", Form::Object);
                return self.finish();
            }
            Form::Array(length) => {
                let ser = self.ser;
                match length {
                    Ok(promised) if promised != self.count => return Err(broken()),
                    Ok(_) => {}
                    Err(missing) => ser.write.fill(missing, self.count),
                }
                ser.write.put(b"$\0");
                ser.write.varint(self.count);
                ser
            }
            Form::Error => {
                self.ser.end_error();
                self.ser
            }
            Form::Sparse(length) => {
                self.ser.write.put(b"@");
                self.ser.write.varint(self.count);
                self.ser.write.varint(length);
                self.ser
            }
            Form::Set | Form::Object | Form::Map => {
                let (tag, count) = match self.form {
                    Form::Set => (b",", Some(self.count)),
                    Form::Object => (b"{", Some(self.count)),
                    // Keys and values.
                    _ => (b":", self.count.checked_mul(2)),
                };
                self.ser.write.put(tag);
                self.ser
                    .write
                    .varint(count.ok_or_else(|| Failure::custom("it has over 2^31 entries"))?);
                self.ser
            }
        };
        ser.leave();
        if self.is_variant {
            ser.end_variant();
        }
        Ok(())
    }
}

#[cold]
fn broken() -> Failure {
    Error::custom("its `Serialize` promises another length than it writes")
}

macro_rules! elements {
    ($($of:ident $name:ident;)*) => {$(
        impl $of for Compound<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn $name<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
                self.element(value)
            }

            fn end(self) -> Result<(), Failure> {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($of:ident)*) => {$(
        impl $of for Compound<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Failure> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Failure> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.count_one()?;
        match self.form {
            Form::Map => {
                self.ser.add(1)?;
                key.serialize(&mut *self.ser)
            }
            Form::Undecided | Form::Object | Form::Sparse(_) | Form::Error => {
                key.serialize(super::map_key::MapKey(self))
            }
            Form::Array(_) | Form::Set => Err(unknown()),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        value.serialize(&mut *self.ser)
    }

    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}

//! Messages that are not for the program.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Serialization;
use crate::wire::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    /// A control message that means nothing here.
    Unknown,
}

/// Looks whom a message is for.
pub(super) fn kind(serialization: Serialization, body: &[u8], limits: Limits) -> Kind {
    match is_control(serialization, body, limits) {
        true => Kind::Unknown,
        false => Kind::Message,
    }
}

/// Refuses a message of the program that a Node peer would take for a control message.
pub(crate) fn check(
    serialization: Serialization,
    body: &[u8],
    limits: Limits,
    name: &str,
) -> Result<()> {
    if is_control(serialization, body, limits) {
        let text = format!(
            "encode a {name}: its `cmd` begins with {PREFIX:?}, and Node keeps such messages to itself"
        );
        return Err(Error::new(ErrorKind::Encode, text));
    }
    Ok(())
}

/// Whether Node would keep the message to itself. Cheap for all that are far from it.
fn is_control(serialization: Serialization, body: &[u8], limits: Limits) -> bool {
    may_be_control(serialization, body)
        && serialization
            .decode::<Command<'_>>(body, limits)
            .is_ok_and(|Command(cmd)| {
                cmd.is_some_and(|cmd| cmd.len() > PREFIX.len() && cmd.starts_with(PREFIX))
            })
}

fn may_be_control(serialization: Serialization, body: &[u8]) -> bool {
    let has = |needle: &[u8]| memmem::find(body, needle).is_some();
    match serialization {
        Serialization::Json => {
            let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
            // Each letter of the prefix can also be escaped, and then is \u004x or \u005f.
            first == Some(&b'{') && (has(PREFIX.as_bytes()) || has(b"\\u004") || has(b"\\u005"))
        }
        Serialization::Advanced => {
            // Behind the version, which has two bytes, and padding.
            let value = body.get(2..).unwrap_or_default();
            let first = value.iter().find(|byte| **byte != 0);
            matches!(first, Some(b'o' | b'\\'))
                && (has(PREFIX.as_bytes()) || has(b"N\0O\0D\0E\0_\0"))
        }
    }
}

/// The `cmd` of an object, if that is a string. Of several the last one counts, as in JavaScript.
struct Command<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Command<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Command<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut cmd = None;
        while let Some(Text(key)) = map.next_key()? {
            if key.as_deref() == Some("cmd") {
                let Text(value) = map.next_value()?;
                cmd = value;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Command(cmd))
    }
}

/// A string, or nothing if it is anything else.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyText)
    }
}

struct AnyText;

/// Answers what is no string.
macro_rules! no_text {
    ($($visit:ident($type:ty))*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Text(None))
        })*
    };
}

impl<'de> Visitor<'de> for AnyText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    no_text! {
        visit_bool(bool)
        visit_i64(i64)
        visit_i128(i128)
        visit_u64(u64)
        visit_u128(u128)
        visit_f64(f64)
        visit_bytes(&[u8])
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
        use serde::de::VariantAccess as _;
        let (IgnoredAny, variant) = data.variant()?;
        variant.newtype_variant::<IgnoredAny>()?;
        Ok(Text(None))
    }
}

const PREFIX: &str = "NODE_";

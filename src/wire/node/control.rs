//! Messages that are not for the program.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Format, Serialization};
use crate::wire::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    /// A handle comes with it.
    Handle(Carrier),
    /// The answer to a handle.
    Answer {
        arrived: bool,
    },
    /// A control message that means nothing here.
    Unknown,
}

/// A control message around a message with a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carrier {
    /// How many times it is wrapped up: Node sends a second time what it has already wrapped.
    pub(crate) layers: u8,
    /// Node sends it again if it learns that the handle has not arrived.
    pub(crate) again: bool,
    /// What is inside is not for the program either.
    pub(crate) foreign: bool,
}

/// Looks whom a message is for.
pub(super) fn kind(format: Format, body: &[u8], limits: Limits) -> Kind {
    let serialization = format.serialization;
    let is_ours = |command| format.cluster && command == CLUSTER;
    if !may_be_control(serialization, body) {
        return Kind::Message;
    }
    // What cannot be decoded is for the program, which learns why.
    let Ok(Any::Object(outer)) = serialization.decode::<Any<'_>>(body, limits) else {
        return Kind::Message;
    };
    match outer.command() {
        None => Kind::Message,
        Some(command) if is_ours(command) => Kind::Message,
        Some(HANDLE) => {
            let (layers, inner) = match outer.message() {
                Some(inner) if inner.command() == Some(HANDLE) => (2, inner.message()),
                inner => (1, inner),
            };
            Kind::Handle(Carrier {
                layers,
                again: matches!(&outer.kind, Any::Text(kind) if kind == "net.Socket" || kind == "net.Native"),
                foreign: inner
                    .and_then(Object::command)
                    .is_some_and(|command| !is_ours(command)),
            })
        }
        Some(ACK) => Kind::Answer { arrived: true },
        Some(NACK) => Kind::Answer { arrived: false },
        Some(_) => Kind::Unknown,
    }
}

/// Appends a message with which a handle goes.
pub(crate) fn encode_with_handle<M: Serialize + ?Sized>(
    format: Format,
    handle: HandleKind,
    message: &M,
    limits: Limits,
    out: &mut Vec<u8>,
) -> Result<()> {
    let (type_, dgram) = match handle {
        HandleKind::Server => ("net.Server", None),
        // A worker wants the bare connection.
        HandleKind::Socket if format.cluster => ("net.Native", None),
        HandleKind::Socket => ("net.Socket", None),
        HandleKind::Udp4 => ("dgram.Socket", Some("udp4")),
        HandleKind::Udp6 => ("dgram.Socket", Some("udp6")),
    };
    let carrier = Outgoing {
        cmd: HANDLE,
        kind: type_,
        dgram,
        msg: message,
    };
    let start = out.len();
    format.serialization.encode(&carrier, limits, out)?;
    match kind(format, &out[start..], limits) {
        Kind::Handle(Carrier { foreign: true, .. }) => Err(kept_by_node(type_name::<M>())),
        _ => Ok(()),
    }
}

/// Appends the answer to a handle.
pub(crate) fn encode_answer(
    serialization: Serialization,
    arrived: bool,
    limits: Limits,
    out: &mut Vec<u8>,
) -> Result<()> {
    let cmd = if arrived { ACK } else { NACK };
    serialization.encode(&Answer { cmd }, limits, out)
}

/// What Node makes of an open socket that travels beside a message.
///
/// # Examples
///
/// See [`Outbox::push_with_handle`](crate::wire::Outbox::push_with_handle).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandleKind {
    /// A `net.Server`.
    Server,
    /// A `net.Socket`. Node sends it again if it hears that it has not arrived, and so should others.
    Socket,
    /// A `dgram.Socket` over IPv4.
    Udp4,
    /// A `dgram.Socket` over IPv6.
    Udp6,
}

struct Outgoing<'a, M: ?Sized> {
    cmd: &'a str,
    kind: &'a str,
    dgram: Option<&'a str>,
    msg: &'a M,
}

impl<M: Serialize + ?Sized> Serialize for Outgoing<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count = 3 + usize::from(self.dgram.is_some());
        let mut object = serializer.serialize_struct("Handle", count)?;
        object.serialize_field("cmd", self.cmd)?;
        object.serialize_field("type", self.kind)?;
        if let Some(dgram) = self.dgram {
            object.serialize_field("dgramType", dgram)?;
        }
        object.serialize_field("msg", self.msg)?;
        object.end()
    }
}

struct Answer<'a> {
    cmd: &'a str,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Answer", 1)?;
        object.serialize_field("cmd", self.cmd)?;
        object.end()
    }
}

/// The message within a control message.
pub(crate) struct Inner<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InnerVisitor(PhantomData))
    }
}

struct InnerVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for InnerVisitor<T> {
    type Value = Inner<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message with a handle")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut message = None;
        while let Some(key) = map.next_key::<Any<'_>>()? {
            match key {
                Any::Text(key) if key == "msg" => message = Some(map.next_value()?),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        // Node leaves out what is undefined.
        match message {
            Some(message) => Ok(Inner(message)),
            None => T::deserialize(().into_deserializer()).map(Inner),
        }
    }
}

/// Refuses a message of the program that a Node peer would take for a control message. Cheap for all that are far from it.
pub(crate) fn check(format: Format, body: &[u8], limits: Limits, name: &str) -> Result<()> {
    match kind(format, body, limits) {
        Kind::Message => Ok(()),
        _ => Err(kept_by_node(name)),
    }
}

#[cold]
fn kept_by_node(name: &str) -> Error {
    let text = format!(
        "encode a {name}: its `cmd` begins with {PREFIX:?}, and Node keeps such messages to itself"
    );
    Error::new(ErrorKind::Encode, text)
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

/// As much of any value as control messages are known by.
enum Any<'a> {
    Text(Cow<'a, str>),
    Object(Box<Object<'a>>),
    Other,
}

/// Of several properties of one name the last one counts, as in JavaScript.
struct Object<'a> {
    cmd: Any<'a>,
    kind: Any<'a>,
    msg: Any<'a>,
}

impl Object<'_> {
    /// The command, if this is a control message.
    fn command(&self) -> Option<&str> {
        match &self.cmd {
            Any::Text(cmd) if cmd.len() > PREFIX.len() && cmd.starts_with(PREFIX) => Some(cmd),
            _ => None,
        }
    }

    fn message(&self) -> Option<&Self> {
        match &self.msg {
            Any::Object(inner) => Some(inner),
            Any::Text(_) | Any::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Any<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

/// Answers what is neither text nor object.
macro_rules! no_text {
    ($($visit:ident($type:ty))*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Any::Other)
        })*
    };
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Any<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Owned(text.to_owned())))
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
        Ok(Any::Other)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Any::Other)
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
        Ok(Any::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object {
            cmd: Any::Other,
            kind: Any::Other,
            msg: Any::Other,
        };
        while let Some(key) = map.next_key()? {
            let name = match &key {
                Any::Text(name) => &**name,
                Any::Object(_) | Any::Other => "",
            };
            match name {
                "cmd" => object.cmd = map.next_value()?,
                "type" => object.kind = map.next_value()?,
                "msg" => object.msg = map.next_value()?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(Any::Object(Box::new(object)))
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
        use serde::de::VariantAccess as _;
        let (IgnoredAny, variant) = data.variant()?;
        variant.newtype_variant::<IgnoredAny>()?;
        Ok(Any::Other)
    }
}

const PREFIX: &str = "NODE_";
const HANDLE: &str = "NODE_HANDLE";
const ACK: &str = "NODE_HANDLE_ACK";
const NACK: &str = "NODE_HANDLE_NACK";
const CLUSTER: &str = "NODE_CLUSTER";

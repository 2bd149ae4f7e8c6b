//! serde to JSON text and back.

mod buffer;
mod formatter;
mod text;

use std::any::type_name;
use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Deserializer;
use serde_json::de;

use self::buffer::WithBuffers;
use self::formatter::{Counter, Limited};
use super::super::Limits;
use super::super::capped::Capped;
use super::Fault;
use crate::{Error, ErrorKind, Result};

/// Appends one JSON text, in which there is no line end. What it has written when it fails, or when `message` panics,
/// is for the caller to take back.
pub(crate) fn encode<M: Serialize + ?Sized>(
    message: &M,
    limits: Limits,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let mut writer = Capped::new(bytes, limits.max_message());
    let counter = Counter::new(limits);
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut writer, Limited::new(&counter));
    let written = message.serialize(&mut serializer);
    let excess = writer.excess();
    let during = || format!("encode a {} as JSON", type_name::<M>());
    if let Some(fault) = counter.fault() {
        return Err(fault.error(during()));
    }
    written.map_err(|cause| Error::new(ErrorKind::Encode, during()).with_source(cause))?;
    if let Some(size) = excess {
        return Err(Fault::large(size, limits).error(during()));
    }
    Ok(())
}

/// Checks and decodes one JSON text, with any white space around it.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], limits: Limits) -> Result<T> {
    let during = || format!("decode a {} from JSON", type_name::<T>());
    let text = text::read(bytes, limits).map_err(|fault| fault.error(during()))?;
    let decoded = match &text {
        Cow::Borrowed(text) => parse(Deserializer::from_str(text)),
        // What was mended does not live long enough to be borrowed from.
        Cow::Owned(text) => parse(Deserializer::from_reader(text.as_bytes())),
    };
    decoded.map_err(|cause| {
        // serde_json stops at the first thing that is wrong. If the text is good JSON, then it is the type that is.
        let kind = match parse::<IgnoredAny, _>(Deserializer::from_str(&text)) {
            Ok(IgnoredAny) => ErrorKind::Decode,
            Err(_) => ErrorKind::Malformed,
        };
        Error::new(kind, during()).with_source(cause)
    })
}

fn parse<'de, T: Deserialize<'de>, R: de::Read<'de>>(
    mut deserializer: Deserializer<R>,
) -> serde_json::Result<T> {
    // The depth was checked, to our own limit.
    deserializer.disable_recursion_limit();
    let value = T::deserialize(WithBuffers(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

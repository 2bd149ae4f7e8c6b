//! serde to V8's structured clone and back.

mod access;
mod compound;
mod de;
mod key;
mod map_key;
mod parts;
mod reader;
mod scan;
mod ser;
mod writer;

use std::any::type_name;

use serde::{Deserialize, Serialize};

use self::de::Deserializer;
use self::ser::Serializer;
use super::super::Limits;
use super::fault::Fault;
use crate::{ErrorKind, Result};

/// Appends the header and one value. What it has written when it fails, or when `message` panics, is for the caller to take
/// back.
pub(crate) fn encode<M: Serialize + ?Sized>(
    message: &M,
    limits: Limits,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let mut serializer = Serializer::new(bytes, limits);
    let written = message.serialize(&mut serializer);
    let size = serializer.write.size();
    let during = || format!("encode a {} for Node.js", type_name::<M>());
    written.map_err(|cause| cause.error(ErrorKind::Encode, during()))?;
    if size > limits.max_message() as u64 {
        return Err(Fault::large(size, limits).error(during()));
    }
    Ok(())
}

/// Checks and decodes the header and one value.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], limits: Limits) -> Result<T> {
    let during = || format!("decode a {} of Node.js", type_name::<T>());
    let scan = scan::scan(bytes, limits).map_err(|fault| fault.error(during()))?;
    let mut deserializer = Deserializer::new(bytes, limits, &scan);
    T::deserialize(&mut deserializer).map_err(|cause| cause.error(ErrorKind::Decode, during()))
}

/// The version of the format that is written: the oldest that every Node.js since 12 reads, and the newest takes. Nothing that
/// is written here looks different in a later one.
const VERSION: u8 = 13;

//! serde to JSON text and back.

use std::any::type_name;

use serde::{Deserialize, Serialize};

use super::super::Limits;
use super::super::capped::Capped;
use crate::{Error, ErrorKind, Result};

/// Appends one JSON text, without a line end.
pub(crate) fn encode<M: Serialize + ?Sized>(
    message: &M,
    limits: Limits,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let start = bytes.len();
    let mut writer = Capped::new(bytes, limits.max_message());
    serde_json::to_writer(&mut writer, message).map_err(|cause| {
        Error::new(
            ErrorKind::Encode,
            format!("encode a {} as JSON", type_name::<M>()),
        )
        .with_source(cause)
    })?;
    let lost = writer.lost;
    if lost > 0 {
        let size = (bytes.len() - start) as u64 + lost;
        let limit = limits.max_message() as u64;
        let text = format!(
            "encode a {} as JSON: it takes {size} bytes, {limit} are allowed",
            type_name::<M>()
        );
        return Err(Error::new(ErrorKind::TooLarge { size, limit }, text));
    }
    Ok(())
}

/// Checks and decodes one JSON text.
pub(crate) fn decode<'a, T: Deserialize<'a>>(text: &'a [u8], _limits: Limits) -> Result<T> {
    serde_json::from_slice(text).map_err(|cause| {
        let kind = if cause.is_data() {
            ErrorKind::Decode
        } else {
            ErrorKind::Malformed
        };
        Error::new(
            kind,
            format!("decode a {} from JSON: {cause}", type_name::<T>()),
        )
        .with_source(cause)
    })
}

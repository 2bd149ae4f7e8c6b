//! serde to bytes and back.

use std::io;

use serde::{Deserialize, Serialize};

use super::Encoding;
use super::frame::too_large;
use crate::{Error, ErrorKind, Result};

/// Appends one value to `out`. What it has written when it fails, or when `message` panics, is for the caller to
/// take back.
pub(super) fn encode<M: Serialize + ?Sized>(
    message: &M,
    encoding: Encoding,
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut writer = Capped {
        room: usize::try_from(limit).unwrap_or(usize::MAX),
        size: 0,
        out,
    };
    let written = match encoding {
        Encoding::Named => {
            message.serialize(&mut rmp_serde::Serializer::new(&mut writer).with_struct_map())
        }
        Encoding::Compact => message.serialize(&mut rmp_serde::Serializer::new(&mut writer)),
    };
    let size = writer.size;
    written.map_err(|error| {
        let text = format!("encode a message of type {}", std::any::type_name::<M>());
        Error::new(ErrorKind::Encode, text).with_source(error)
    })?;
    if size > limit {
        Err(too_large("send", size, limit))
    } else {
        Ok(())
    }
}

/// Decodes bytes that [`scan`](super::scan::scan) has found to be one value.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    T::deserialize(&mut deserializer).map_err(|error| {
        let text = format!("decode a message as {}", std::any::type_name::<T>());
        Error::new(ErrorKind::Decode, text).with_source(error)
    })
}

/// Appends until there is no more room, and from then on only counts, so that the error can tell the true size.
struct Capped<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
    size: u64,
}

impl io::Write for Capped<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        if bytes.len() <= self.room {
            self.room -= bytes.len();
            self.out.extend_from_slice(bytes);
        } else {
            self.room = 0;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! serde to bytes and back.

use std::any::type_name;
use std::io::Write;

use rmp_serde::{Deserializer, Serializer};
use serde::{Deserialize, Serialize};

use super::capped::Capped;
use super::limits::{Encoding, Limits};
#[cfg(any(feature = "blocking", feature = "tokio"))]
use super::outline::{Gap, Gapped, Sparse};
use super::scan::{Bytes, Fault, scan};
use crate::{Error, ErrorKind, Result};

/// Appends one value to `out`. What it has written when it fails, or when `message` panics, is for the caller to
/// take back.
pub(super) fn encode<M: Serialize + ?Sized>(
    message: &M,
    encoding: Encoding,
    limits: Limits,
    out: &mut Vec<u8>,
) -> Result<()> {
    let start = out.len();
    let mut writer = Capped::new(out, limits.max_message());
    let written = serialize(message, encoding, &mut writer);
    let excess = writer.excess();
    check_encoded(written, excess, &out[start..], limits)
        .map_err(|cause| cause.error("encode", type_name::<M>()))
}

/// Does so without the large bytes in it, and tells where these belong, counted from the beginning of `out`.
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub(super) fn outline<M: Serialize + ?Sized>(
    message: &M,
    encoding: Encoding,
    limits: Limits,
    out: &mut Vec<u8>,
) -> Result<Vec<Gap>> {
    let start = out.len();
    let mut writer = Gapped::new(Capped::new(out, limits.max_message()));
    let written = serialize(message, encoding, &mut writer);
    let Gapped { small, gaps } = writer;
    let excess = small.excess();
    let checked = match gaps.is_empty() {
        true => check_encoded(written, excess, &out[start..], limits),
        false => check_encoded(written, excess, &Sparse::new(out, start, &gaps), limits),
    };
    checked.map_err(|cause| cause.error("encode", type_name::<M>()))?;
    Ok(gaps)
}

/// Has `message` write itself.
pub(super) fn serialize<M: Serialize + ?Sized>(
    message: &M,
    encoding: Encoding,
    writer: &mut impl Write,
) -> Result<(), rmp_serde::encode::Error> {
    match encoding {
        Encoding::Named => message.serialize(&mut Serializer::new(writer).with_struct_map()),
        Encoding::Compact => message.serialize(&mut Serializer::new(writer)),
    }
}

/// Finds out here what the peer would refuse: this is where the mistake is, and the connection can go on.
#[inline]
fn check_encoded<B: Bytes + ?Sized>(
    written: Result<(), rmp_serde::encode::Error>,
    excess: Option<u64>,
    value: &B,
    limits: Limits,
) -> Result<(), Cause> {
    match (written, excess) {
        (Ok(()), None) => scan(value, limits).map_err(Cause::encoded),
        (Ok(()), Some(size)) => Err(Cause::Large {
            size,
            limit: limits.max_message() as u64,
        }),
        (Err(error), _) => Err(Cause::Encode(error)),
    }
}

/// Checks and decodes one value.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], limits: Limits) -> Result<T> {
    let decoded = || {
        scan(bytes, limits).map_err(Cause::Fault)?;
        let mut deserializer = Deserializer::from_read_ref(bytes);
        // The scan has counted already, and more strictly. This is for a `Deserialize` implementation that reads the
        // bytes in another way than the scan did. One more, because the limit itself is refused.
        deserializer.set_max_depth(Limits::MAX_DEPTH as usize + 1);
        let value = T::deserialize(&mut deserializer).map_err(Cause::Decode)?;
        // There is no other way to ask whether it has come to the end.
        match bool::deserialize(&mut deserializer) {
            Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err(Cause::Unread),
        }
    };
    decoded().map_err(|cause: Cause| cause.error("decode", type_name::<T>()))
}

/// Why a value could not be encoded or decoded.
enum Cause {
    Encode(rmp_serde::encode::Error),
    Decode(rmp_serde::decode::Error),
    Large { size: u64, limit: u64 },
    Fault(Fault),
    Broken(Fault),
    Unread,
}

impl Cause {
    #[cold]
    fn encoded(fault: Fault) -> Self {
        match fault {
            // The `Serialize` implementation has not kept its word about a length, say.
            Fault::Short | Fault::Trailing(_) | Fault::Reserved(_) => Self::Broken(fault),
            Fault::Deep(_) | Fault::Many(_) => Self::Fault(fault),
        }
    }

    #[cold]
    #[inline(never)]
    fn error(self, doing: &str, name: &str) -> Error {
        let error = |kind, why: String| Error::new(kind, format!("{doing} a {name}: {why}"));
        match self {
            Self::Encode(cause) => {
                Error::new(ErrorKind::Encode, format!("{doing} a {name}")).with_source(cause)
            }
            Self::Decode(cause) => {
                Error::new(ErrorKind::Decode, format!("{doing} a {name}")).with_source(cause)
            }
            Self::Large { size, limit } => error(
                ErrorKind::TooLarge { size, limit },
                format!(
                    "it takes {size} bytes, {limit} are allowed; `Config::max_message` of both sides says how many"
                ),
            ),
            Self::Fault(fault) => {
                let kind = match fault {
                    Fault::Deep(limit) => ErrorKind::TooDeep { limit },
                    Fault::Many(limit) => ErrorKind::TooManyItems { limit },
                    Fault::Short | Fault::Trailing(_) | Fault::Reserved(_) => ErrorKind::Malformed,
                };
                error(kind, fault.to_string())
            }
            Self::Broken(fault) => error(
                ErrorKind::Encode,
                format!("its `Serialize` writes no good value: {fault}"),
            ),
            Self::Unread => error(
                ErrorKind::Decode,
                "its `Deserialize` does not read the whole value".to_owned(),
            ),
        }
    }
}

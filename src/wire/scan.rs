//! Structural check of MessagePack, before serde sees it.

use super::Limits;
use super::frame::too_large;
use crate::{Error, ErrorKind, Result};

/// Checks that `bytes` are exactly one MessagePack value, within the limits.
///
/// Without recursion and without allocation, so that it is safe on bytes from anybody. It looks at structure only:
/// whether a string is UTF-8 is checked where it is decoded.
pub(super) fn scan(bytes: &[u8], limits: Limits) -> Result<()> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(too_large("read", bytes.len() as u64, u64::from(u32::MAX)));
    }
    let len = value(bytes, limits)?;
    if len < bytes.len() {
        let text = format!(
            "read a message: {} bytes follow its value",
            bytes.len() - len
        );
        return Err(Error::new(ErrorKind::Malformed, text));
    }
    Ok(())
}

/// Finds the length of the value at the beginning of `bytes`.
pub(super) fn value(bytes: &[u8], limits: Limits) -> Result<usize> {
    let mut outer = [0u32; Limits::MAX_DEPTH as usize];
    let mut depth = 0;
    // Values that must still come: in the innermost container, and in all of them together.
    let mut left = 1u32;
    let mut owed = 1u64;
    let mut items = 0u64;
    let mut at = 0;
    loop {
        let Some(&marker) = bytes.get(at) else {
            return Err(cut_off(bytes));
        };
        left -= 1;
        owed -= 1;
        let (size, inside, entries) = match SHAPES[marker as usize] {
            Shape::Fixed(size) => (u64::from(size), 0, 0),
            Shape::Sized { width, extra } => {
                let Some(n) = uint(bytes, at + 1, width) else {
                    return Err(cut_off(bytes));
                };
                (1 + u64::from(width) + u64::from(extra) + n, 0, 0)
            }
            Shape::Inline { per_entry } => {
                let n = u64::from(marker & 0x0f);
                (1, n * u64::from(per_entry), n)
            }
            Shape::Counted { width, per_entry } => {
                let Some(n) = uint(bytes, at + 1, width) else {
                    return Err(cut_off(bytes));
                };
                (1 + u64::from(width), n * u64::from(per_entry), n)
            }
            Shape::Reserved => {
                let text =
                    format!("read a message: byte {at} is 0xc1, which MessagePack does not use");
                return Err(Error::new(ErrorKind::Malformed, text));
            }
        };
        let rest = (bytes.len() - at) as u64;
        // Every value that was promised takes a byte at least.
        if size + owed + inside > rest {
            return Err(cut_off(bytes));
        }
        at += size as usize;
        if NESTS[marker as usize] {
            if depth >= limits.max_depth() as usize {
                return Err(too_deep(limits.max_depth()));
            }
            items += entries;
            if items > u64::from(limits.max_items()) {
                return Err(too_many(limits.max_items()));
            }
            if inside > 0 {
                outer[depth] = left;
                depth += 1;
                left = inside as u32;
                owed += inside;
            }
        }
        while left == 0 {
            if depth == 0 {
                return Ok(at);
            }
            depth -= 1;
            left = outer[depth];
        }
    }
}

/// How much a value takes, by its first byte.
#[derive(Clone, Copy)]
enum Shape {
    /// So many bytes in all.
    Fixed(u8),
    /// A length of so many bytes, so many extra bytes, and as many bytes as the length says.
    Sized { width: u8, extra: u8 },
    /// A container whose count is in the first byte.
    Inline { per_entry: u8 },
    /// A container with a count of so many bytes.
    Counted { width: u8, per_entry: u8 },
    /// 0xc1.
    Reserved,
}

const SHAPES: [Shape; 256] = {
    let mut table = [Shape::Fixed(1); 256];
    let mut marker = 0;
    while marker < 256 {
        table[marker] = match marker as u8 {
            0x80..=0x8f => Shape::Inline { per_entry: 2 },
            0x90..=0x9f => Shape::Inline { per_entry: 1 },
            n @ 0xa0..=0xbf => Shape::Fixed(1 + (n & 0x1f)),
            0xc1 => Shape::Reserved,
            0xc4 | 0xd9 => Shape::Sized { width: 1, extra: 0 },
            0xc5 | 0xda => Shape::Sized { width: 2, extra: 0 },
            0xc6 | 0xdb => Shape::Sized { width: 4, extra: 0 },
            0xc7 => Shape::Sized { width: 1, extra: 1 },
            0xc8 => Shape::Sized { width: 2, extra: 1 },
            0xc9 => Shape::Sized { width: 4, extra: 1 },
            0xcc | 0xd0 => Shape::Fixed(2),
            0xcd | 0xd1 => Shape::Fixed(3),
            0xca | 0xce | 0xd2 => Shape::Fixed(5),
            0xcb | 0xcf | 0xd3 => Shape::Fixed(9),
            0xd4 => Shape::Fixed(3),
            0xd5 => Shape::Fixed(4),
            0xd6 => Shape::Fixed(6),
            0xd7 => Shape::Fixed(10),
            0xd8 => Shape::Fixed(18),
            0xdc => Shape::Counted {
                width: 2,
                per_entry: 1,
            },
            0xdd => Shape::Counted {
                width: 4,
                per_entry: 1,
            },
            0xde => Shape::Counted {
                width: 2,
                per_entry: 2,
            },
            0xdf => Shape::Counted {
                width: 4,
                per_entry: 2,
            },
            _ => Shape::Fixed(1),
        };
        marker += 1;
    }
    table
};

/// Which first bytes begin a value that has other values in it: maps, arrays, and extensions.
const NESTS: [bool; 256] = {
    let mut table = [false; 256];
    let mut marker = 0;
    while marker < 256 {
        table[marker] = matches!(marker, 0x80..=0x9f | 0xc7..=0xc9 | 0xd4..=0xd8 | 0xdc..=0xdf);
        marker += 1;
    }
    table
};

/// Reads a big-endian number of `width` bytes.
#[inline]
pub(super) fn uint(bytes: &[u8], at: usize, width: u8) -> Option<u64> {
    let bytes = bytes.get(at..at + usize::from(width))?;
    Some(bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
}

#[cold]
fn cut_off(bytes: &[u8]) -> Error {
    let text = format!(
        "read a message: its value claims more than its {} bytes",
        bytes.len()
    );
    Error::new(ErrorKind::Malformed, text)
}

#[cold]
fn too_deep(limit: u32) -> Error {
    Error::new(
        ErrorKind::TooDeep { limit },
        format!("handle a message: it has more than {limit} levels"),
    )
}

#[cold]
fn too_many(limit: u32) -> Error {
    Error::new(
        ErrorKind::TooManyItems { limit },
        format!("handle a message: it has more than {limit} items"),
    )
}

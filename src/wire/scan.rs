//! Structural check of MessagePack, before serde sees it.

mod numbers;

use std::fmt;

use self::numbers::LONG;
use super::Limits;

/// Checks that `bytes` are exactly one MessagePack value, within the limits.
///
/// Without recursion and without allocation, so that it is safe on bytes from anybody. It looks at structure only:
/// whether a string is UTF-8 is checked where it is decoded.
///
/// serde alone would not do: rmp-serde does not count enums when it limits the depth, allocates ahead for elements
/// that never come, and does not see what follows the value.
#[inline(never)] // so that tools see what it costs
pub(super) fn scan<B: Bytes + ?Sized>(bytes: &B, limits: Limits) -> Result<(), Fault> {
    match bytes.len() - value(bytes, limits)? {
        0 => Ok(()),
        extra => Err(Fault::Trailing(extra)),
    }
}

/// Finds the length of the value at the beginning of `bytes`.
#[inline]
pub(super) fn value<B: Bytes + ?Sized>(bytes: &B, limits: Limits) -> Result<usize, Fault> {
    match flat(bytes, limits) {
        Some(len) => Ok(len),
        None => nested(bytes, limits),
    }
}

/// Does so if it is a good value of the commonest shape: a few fields, and nothing inside them.
#[inline]
fn flat<B: Bytes + ?Sized>(bytes: &B, limits: Limits) -> Option<usize> {
    let head = bytes.at(0)?;
    let entries = head & 0x0f;
    let values = match head {
        0x80..=0x8f => 2 * entries,
        0x90..=0x9f => entries,
        _ => return None,
    };
    if limits.max_depth() == 0 || u32::from(entries) > limits.max_items() {
        return None;
    }
    let mut at = 1;
    for _ in 0..values {
        let size = FIXED[usize::from(bytes.at(at)?)];
        if size == 0 {
            return None;
        }
        at += usize::from(size);
    }
    (at <= bytes.len()).then_some(at)
}

/// Does so for values of any shape.
#[inline(never)]
fn nested<B: Bytes + ?Sized>(bytes: &B, limits: Limits) -> Result<usize, Fault> {
    // Few values have many levels, and to clear a place for each would cost more than to look at a small message.
    if let Some(len) = walk::<8, B>(bytes, limits)? {
        return Ok(len);
    }
    let len = walk::<{ Limits::MAX_DEPTH as usize }, B>(bytes, limits)?;
    len.ok_or(Fault::Deep(limits.max_depth()))
}

/// Does so if the value has at most `LEVELS` levels, else finds nothing.
fn walk<const LEVELS: usize, B: Bytes + ?Sized>(
    bytes: &B,
    limits: Limits,
) -> Result<Option<usize>, Fault> {
    // How many values must still come: in each container around the innermost one, in all of these, in the innermost.
    let mut outer = [0u32; LEVELS];
    let mut outside = 0u64;
    let mut left = 1u32;
    let mut depth = 0;
    let mut items = 0u64;
    let mut at = 0;
    // How few must be left before it looks for a run again.
    let mut again = u32::MAX;
    loop {
        // Most values say by their first byte how long they are.
        let marker = loop {
            if left == 0 {
                if depth == 0 {
                    return if at <= bytes.len() {
                        Ok(Some(at))
                    } else {
                        Err(Fault::Short)
                    };
                }
                depth -= 1;
                left = outer[depth];
                outside -= u64::from(left);
                continue;
            }
            let marker = bytes.at(at).ok_or(Fault::Short)?;
            left -= 1;
            let size = FIXED[usize::from(marker)];
            if size == 0 {
                break marker;
            }
            at += usize::from(size);
            if left >= LONG && left <= again {
                let (len, values) = numbers::run(bytes.rest(at), marker, left);
                at += len;
                left -= values;
                // What has none is slower to look at in this way.
                again = left.saturating_sub(if values < LONG { 8 * LONG } else { 0 });
            }
        };
        let number = |width| bytes.uint(at + 1, width).ok_or(Fault::Short);
        // How many bytes it takes without what is inside, how many entries are inside, and of how many values each.
        let (size, entries, values) = match marker {
            0x80..=0x8f => (1, u64::from(marker & 0x0f), 2),
            0x90..=0x9f => (1, u64::from(marker & 0x0f), 1),
            0xc4 | 0xd9 => (2 + number(1)?, 0, 0),
            0xc5 | 0xda => (3 + number(2)?, 0, 0),
            0xc6 | 0xdb => (5 + number(4)?, 0, 0),
            0xc7 => (3 + number(1)?, 0, 0),
            0xc8 => (4 + number(2)?, 0, 0),
            0xc9 => (6 + number(4)?, 0, 0),
            0xd4..=0xd8 => (2 + (1 << (marker - 0xd4)), 0, 0),
            0xdc => (3, number(2)?, 1),
            0xdd => (5, number(4)?, 1),
            0xde => (3, number(2)?, 2),
            0xdf => (5, number(4)?, 2),
            _ => return Err(Fault::Reserved(at)),
        };
        let inside = entries * values;
        // Every value that was promised takes a byte at least.
        if size + inside + u64::from(left) + outside > (bytes.len() - at) as u64 {
            return Err(Fault::Short);
        }
        at += size as usize;
        if matches!(marker, 0xc4..=0xc6 | 0xd9..=0xdb) {
            continue;
        }
        if depth >= limits.max_depth() as usize {
            return Err(Fault::Deep(limits.max_depth()));
        }
        if depth == LEVELS {
            return Ok(None);
        }
        items += entries;
        if items > u64::from(limits.max_items()) {
            return Err(Fault::Many(limits.max_items()));
        }
        outer[depth] = left;
        outside += u64::from(left);
        depth += 1;
        left = u32::try_from(inside).map_err(|_| Fault::Short)?;
        // The fields of a struct are no run.
        again = if values == 1 { left } else { 0 };
    }
}

/// Bytes, of which those inside strings and binaries need not be at hand.
pub(super) trait Bytes {
    fn len(&self) -> usize;

    fn at(&self, at: usize) -> Option<u8>;

    /// Reads a big-endian number of `width` bytes.
    fn uint(&self, at: usize, width: usize) -> Option<u64>;

    /// Bytes that are at hand from there on, if it is known that they are; there may be more.
    fn rest(&self, _at: usize) -> &[u8] {
        &[]
    }
}

impl Bytes for [u8] {
    #[inline]
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn at(&self, at: usize) -> Option<u8> {
        self.get(at).copied()
    }

    #[inline]
    fn uint(&self, at: usize, width: usize) -> Option<u64> {
        uint(self, at, width)
    }

    #[inline]
    fn rest(&self, at: usize) -> &[u8] {
        self.get(at..).unwrap_or_default()
    }
}

/// Why bytes are not one good value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes end before the value does, or cannot hold all that is claimed.
    Short,
    /// So many bytes follow the value.
    Trailing(usize),
    /// The byte at this place begins nothing.
    Reserved(usize),
    /// There are more levels than this.
    Deep(u32),
    /// There are more items than this.
    Many(u32),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the value claims more than is there"),
            Self::Trailing(extra) => write!(f, "{extra} bytes follow the value"),
            Self::Reserved(at) => write!(f, "byte {at} is 0xc1, which MessagePack does not use"),
            Self::Deep(limit) => write!(f, "the value has more than {limit} levels"),
            Self::Many(limit) => write!(
                f,
                "the value has more than {limit} items (array elements, map entries); `Config::max_items` of both sides \
                 says how many may be, and bytes in a `serde_bytes` type are none"
            ),
        }
    }
}

/// How many bytes a value takes by its first byte alone; 0 where more must be looked at.
const FIXED: [u8; 256] = {
    let mut table = [1; 256];
    let mut marker = 0;
    while marker < 256 {
        table[marker] = match marker as u8 {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => 1,
            string @ 0xa0..=0xbf => 1 + (string & 0x1f),
            0xcc | 0xd0 => 2,
            0xcd | 0xd1 => 3,
            0xca | 0xce | 0xd2 => 5,
            0xcb | 0xcf | 0xd3 => 9,
            _ => 0,
        };
        marker += 1;
    }
    table
};

/// Reads a big-endian number of `width` bytes.
#[inline]
pub(super) fn uint(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + width)?;
    Some(bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8], limits: Limits) -> Result<(), Fault> {
        super::scan(bytes, limits)
    }

    fn value(bytes: &[u8], limits: Limits) -> Result<usize, Fault> {
        super::value(bytes, limits)
    }

    /// The same written without care for stack or time, straight from the MessagePack specification.
    fn reference(bytes: &[u8], depth: u32, items: &mut u64, limits: Limits) -> Option<usize> {
        let number = |width| uint(bytes, 1, width);
        let nested = |items: &mut u64, head: usize, entries: u64, values: u64| {
            *items += entries;
            let mut at = head;
            if depth >= limits.max_depth() || *items > u64::from(limits.max_items()) {
                return None;
            }
            for _ in 0..entries * values {
                at += reference(bytes.get(at..)?, depth + 1, items, limits)?;
            }
            Some(at)
        };
        let extension = |len| (depth < limits.max_depth()).then_some(len);
        let len = match *bytes.first()? {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 1,
            map @ 0x80..=0x8f => nested(items, 1, u64::from(map - 0x80), 2)?,
            array @ 0x90..=0x9f => nested(items, 1, u64::from(array - 0x90), 1)?,
            string @ 0xa0..=0xbf => 1 + usize::from(string - 0xa0),
            0xc1 => return None,
            0xc4 | 0xd9 => 2 + number(1)? as usize,
            0xc5 | 0xda => 3 + number(2)? as usize,
            0xc6 | 0xdb => 5 + number(4)? as usize,
            0xc7 => extension(2 + 1 + number(1)? as usize)?,
            0xc8 => extension(3 + 1 + number(2)? as usize)?,
            0xc9 => extension(5 + 1 + number(4)? as usize)?,
            0xcc | 0xd0 => 1 + 1,
            0xcd | 0xd1 => 1 + 2,
            0xce | 0xd2 | 0xca => 1 + 4,
            0xcf | 0xd3 | 0xcb => 1 + 8,
            0xd4 => extension(2 + 1)?,
            0xd5 => extension(2 + 2)?,
            0xd6 => extension(2 + 4)?,
            0xd7 => extension(2 + 8)?,
            0xd8 => extension(2 + 16)?,
            0xdc => nested(items, 3, number(2)?, 1)?,
            0xdd => nested(items, 5, number(4)?, 1)?,
            0xde => nested(items, 3, number(2)?, 2)?,
            0xdf => nested(items, 5, number(4)?, 2)?,
        };
        (len <= bytes.len()).then_some(len)
    }

    #[test]
    fn agrees_with_the_specification_of_messagepack() {
        let all_limits = [(4, 40), (4, 40), (1, 2), (0, 9)]
            .map(|(depth, items)| Limits::new().with_max_depth(depth).with_max_items(items));
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let mut good = 0;
        // An interpreter does far less in the same time.
        let rounds = if cfg!(miri) { 1_000 } else { 200_000 };
        for _ in 0..rounds {
            let bytes: Vec<_> = (0..random(24))
                .map(|_| match random(4) {
                    0 => random(256) as u8,
                    1 => 0xc0 + random(32) as u8,
                    2 => 0x80 + random(0x24) as u8,
                    _ => random(3) as u8,
                })
                .collect();
            let limits = all_limits[random(all_limits.len())];
            let expected = reference(&bytes, 0, &mut 0, limits);
            assert_eq!(value(&bytes, limits).ok(), expected, "{bytes:02x?}");
            good += u32::from(expected.is_some());
        }
        let (few, many) = (rounds / 4, rounds / 4 * 3);
        assert!((few..many).contains(&good), "{good}: no good mix");
    }

    #[test]
    fn long_lists_agree_with_the_specification_too() {
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) as usize % below
        };
        // What begins the values, mostly one of them. 0xcc may be a second byte, too.
        let markers = [0x07, 0xcc, 0xcd, 0xce, 0xcb, 0xe0, 0xc3, 0xa3, 0x91, 0xc1];
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let mut good = 0;
        for _ in 0..rounds {
            let (len, behind) = (random(200), random(30));
            let (main, others, mixed) = (random(markers.len() - 1), random(10), random(100));
            // A list in a list, so that more of the same may follow.
            let mut bytes = vec![0xdc, 0, 1 + behind as u8, 0xdc, 0, len as u8];
            for _ in 0..len + behind {
                let marker = match random(100) {
                    n if n < others => markers[random(markers.len() - usize::from(n > 0))],
                    n if n < mixed && main < 2 => markers[1 - main],
                    _ => markers[main],
                };
                bytes.push(marker);
                match FIXED[usize::from(marker)] {
                    0 => bytes.push(0x7f),
                    size => bytes.extend((1..size).map(|_| [0xcc, 0x01, 0x7f][random(3)])),
                }
            }
            match random(4) {
                0 => bytes.truncate(bytes.len() - random(bytes.len().min(12))),
                1 => bytes.push(0xcc),
                _ => {}
            }
            let limits = Limits::new().with_max_items(210);
            let expected = reference(&bytes, 0, &mut 0, limits);
            assert_eq!(value(&bytes, limits).ok(), expected, "{bytes:02x?}");
            good += u32::from(expected.is_some());
        }
        let (few, many) = (rounds / 4, rounds / 10 * 9);
        assert!((few..many).contains(&good), "{good}: no good mix");
    }

    #[test]
    fn every_first_byte_has_its_size() {
        for marker in 0..=255 {
            let mut bytes = vec![0; 300];
            bytes[0] = marker;
            let expected = reference(&bytes, 0, &mut 0, Limits::new());
            assert_eq!(value(&bytes, Limits::new()).ok(), expected, "{marker:#04x}");
        }
    }

    #[test]
    fn a_value_that_is_cut_off_anywhere_is_short() {
        let whole = b"\x85\xa1a\x93\x01\xcd\x02\x03\xc0\xa1b\xc4\x02xy\xa1c\xc7\x02\x05xy\xa1d\x81\x01\x90\xa1e\xcb12345678";
        assert_eq!(scan(whole, Limits::new()), Ok(()));
        for cut in 0..whole.len() {
            assert_eq!(
                scan(&whole[..cut], Limits::new()),
                Err(Fault::Short),
                "cut at {cut}"
            );
        }
        let extra = [&whole[..], &[0]].concat();
        assert_eq!(scan(&extra, Limits::new()), Err(Fault::Trailing(1)));
    }

    #[test]
    fn what_cannot_fit_is_refused_at_its_head() {
        // Any two of the three arrays would fit, and 0xc1 is not even looked at.
        let bytes = [0x93, 0x93, 0x93, 0xc1, 0xc1, 0xc1, 0xc1, 0xc1];
        assert_eq!(scan(&bytes, Limits::new()), Err(Fault::Short));
        assert_eq!(
            scan(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc1], Limits::new()),
            Err(Fault::Short)
        );
        assert_eq!(
            scan(&[0xdf, 0x80, 0x00, 0x00, 0x00, 0xc1], Limits::new()),
            Err(Fault::Short)
        );
    }
}

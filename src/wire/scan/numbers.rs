//! How far a list of numbers goes on: many of them at a time.

use super::FIXED;

/// From so many values on it is worth looking for a run.
pub(super) const LONG: u32 = 16;

/// Finds how many bytes at the beginning of `bytes`, and how many values, at most `most`, go on in the way of a number
/// that began with `marker`. They are good; the last one may need a byte more than there is.
///
/// To look at one value after the other is slow for a long list, where each has to wait until the one before has told
/// its length.
#[inline(never)]
pub(super) fn run(bytes: &[u8], marker: u8, most: u32) -> (usize, u32) {
    match marker {
        0x00..=0x7f | 0xcc => run_of_bytes(bytes, most),
        0xc0 | 0xc2 | 0xc3 | 0xca | 0xcb | 0xcd..=0xd3 | 0xe0..=0xff => {
            let size = FIXED[usize::from(marker)];
            let equal = bytes
                .chunks_exact(usize::from(size))
                .take(most as usize)
                .take_while(|value| FIXED[usize::from(value[0])] == size)
                .count();
            (equal * usize::from(size), equal as u32)
        }
        _ => (0, 0),
    }
}

/// Does so for numbers of 0 to 255: one byte, or 0xcc and another one. Eight bytes at a time.
fn run_of_bytes(bytes: &[u8], most: u32) -> (usize, u32) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The highest bits of eight bytes, the first one's lowest.
    let highest =
        |bytes: u64| ((bytes >> 7 & EACH).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    let (mut len, mut values) = (0, 0);
    // Whether the next byte is the second one of its value.
    let mut second = 0;
    for eight in bytes.chunks_exact(8) {
        if most - values < 8 {
            break;
        }
        let Ok(eight) = eight.try_into().map(u64::from_le_bytes) else {
            break;
        };
        let other = eight ^ (0xcc * EACH); // 0 is 0xcc
        let large = highest(eight);
        let heads = !highest(((other & (0x7f * EACH)) + 0x7f * EACH) | other);
        let seconds = SECONDS[usize::from(heads & !second)] | u16::from(second);
        let firsts = !(seconds as u8);
        if firsts & large & !heads != 0 {
            break;
        }
        second = (seconds >> 8) as u8;
        values += firsts.count_ones();
        len += 8;
    }
    (len + usize::from(second), values)
}

/// Which of nine bytes are the second ones of their values, if these of the first eight are 0xcc.
const SECONDS: [u16; 256] = {
    let mut table = [0; 256];
    let mut heads = 0;
    while heads < 256 {
        let mut at = 0;
        while at < 8 {
            if heads >> at & 1 == 1 && table[heads] >> at & 1 == 0 {
                table[heads] |= 2 << at;
            }
            at += 1;
        }
        heads += 1;
    }
    table
};

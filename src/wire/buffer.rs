//! Memory for bytes on their way: how it grows, and when it is given back.

use std::mem;

/// Bytes that arrived and were not taken yet, with room for the next read behind them.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// All of it is initialised, so that a read can go straight into it without `unsafe`.
    ///
    /// ```text
    /// 0 ... start ... end ... len
    ///  taken |  unread | room
    /// ```
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read left no room, so the next one would like more.
    was_full: bool,
    sizes: Sizes,
}

impl Buffer {
    /// Room for a read; `need` is how many unread bytes there must be to get further, as far as known.
    pub(super) fn room(&mut self, need: usize) -> &mut [u8] {
        if self.start == self.end {
            self.rewind();
        }
        let unread = self.end - self.start;
        let missing = need.saturating_sub(unread);
        // The rest of a frame that is nearly there is enough; otherwise small reads would cost too many calls.
        let wanted = if missing == 0 {
            SMALL
        } else {
            missing.min(SMALL)
        };
        let grow = self.wants_more();
        if self.bytes.len() - self.end < wanted || grow {
            // No byte is moved often: a frame that comes in pieces is moved once, and where whole frames wait, the
            // room doubles.
            self.compact();
            let usual = if grow {
                (4 * self.bytes.len()).clamp(SMALL, READ)
            } else {
                SMALL
            };
            let needed = if missing == 0 {
                unread + unread.max(SMALL)
            } else {
                unread + missing
            };
            // What a header claims is believed only as far as bytes have come.
            let plausible = (4 * unread).min(2 * unread + READ);
            let len = needed.min(plausible).max(usual);
            if self.bytes.capacity() == 0 {
                // Memory that is new to the process is zero already, and the allocator knows.
                self.bytes = vec![0; len];
            } else if len > self.bytes.len() {
                self.bytes.resize(len, 0);
            }
            self.was_full = false;
        }
        &mut self.bytes[self.end..]
    }

    /// Takes note of a read, and gives what has arrived.
    pub(super) fn filled(&mut self, n: usize) -> &mut [u8] {
        let room = self.bytes.len() - self.end;
        assert!(
            n <= room,
            "{n} bytes cannot have arrived, there was room for {room}"
        );
        self.end += n;
        self.was_full = n == room;
        &mut self.bytes[self.end - n..self.end]
    }

    /// Drops the last `n` unread bytes.
    pub(super) fn drop_last(&mut self, n: usize) {
        self.end -= n;
    }

    /// Adds bytes read elsewhere and leaves `bytes` empty.
    pub(super) fn absorb(&mut self, bytes: &mut Vec<u8>) {
        self.was_full = false;
        if self.start == self.end {
            self.rewind();
            mem::swap(&mut self.bytes, bytes);
            bytes.clear();
        } else {
            if self.start >= self.end - self.start {
                self.compact();
            }
            self.bytes.truncate(self.end);
            self.bytes.append(bytes);
        }
        self.end = self.bytes.len();
    }

    /// The unread bytes, and the place to count up when some are taken: what was taken may still be borrowed then.
    pub(super) fn reader(&mut self) -> (&[u8], &mut usize) {
        (&self.bytes[self.start..self.end], &mut self.start)
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Gives all memory back that holds no unread bytes.
    pub(super) fn trim(&mut self) {
        self.compact();
        self.bytes.truncate(self.end);
        self.bytes.shrink_to_fit();
        self.was_full = false;
        self.sizes = Sizes::default();
    }

    fn wants_more(&self) -> bool {
        self.was_full && self.bytes.len() < READ
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Begins at the front again, all having been taken. Here is where an idle connection waits, so a buffer that
    /// was needed for one large message only goes back to the allocator.
    fn rewind(&mut self) {
        if self.end > 0 {
            self.sizes.record(self.end);
            (self.start, self.end) = (0, 0);
        }
        let capacity = self.bytes.capacity();
        if capacity > 2 * SMALL && !self.wants_more() {
            let keep = self.sizes.worth_keeping();
            if capacity <= 2 * keep {
                return;
            }
            self.bytes.truncate(keep);
            self.bytes.shrink_to(keep);
            // That a large frame filled its room exactly does not mean that more is coming.
            self.was_full = false;
        }
    }
}

/// The last few sizes that a buffer was needed for.
///
/// One large message among small ones does not keep its buffer. A steady run of large ones does, so that not each of
/// them allocates.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    last: [usize; 4],
    next: usize,
}

impl Sizes {
    pub(super) fn record(&mut self, size: usize) {
        self.last[self.next] = size;
        self.next = (self.next + 1) % self.last.len();
    }

    /// Whether so much memory is likely to be needed again.
    pub(super) fn are_worth(&self, capacity: usize) -> bool {
        capacity <= SMALL || capacity <= self.worth_keeping()
    }

    /// The capacity that is likely to be needed again.
    fn worth_keeping(&self) -> usize {
        let mut sorted = self.last;
        sorted.sort_unstable();
        // A buffer that grows doubles, so it may be twice as large as what was in it.
        (2 * sorted[sorted.len() - 2]).max(SMALL)
    }
}

/// The first room for reading, and what an idle connection may keep for each direction.
const SMALL: usize = 4 * 1024;

/// The room for reading while much is coming.
const READ: usize = 64 * 1024;

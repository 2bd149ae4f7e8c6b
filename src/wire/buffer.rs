//! How large a buffer is worth keeping.

/// The last few sizes that a buffer was needed for.
///
/// One large message among small ones does not keep its buffer. A steady run of large ones does, so that it does not
/// allocate for each.
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

    /// The capacity that is likely to be needed again.
    pub(super) fn worth_keeping(&self) -> usize {
        let mut sorted = self.last;
        sorted.sort_unstable();
        // A buffer that grows doubles, so it may be twice as large as what was in it.
        (2 * sorted[sorted.len() - 2]).max(SMALL)
    }
}

/// What an idle connection may keep for each direction.
pub(super) const SMALL: usize = 4096;

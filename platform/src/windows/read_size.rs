//! How large a buffer a read gets.

/// How much to read at once. An idle connection holds a buffer of this size, so it begins small and follows the
/// traffic: four times as much after a full buffer, a quarter after a row of nearly empty ones.
#[derive(Debug)]
pub(super) struct ReadSize {
    size: usize,
    small_ones: u8,
}

impl ReadSize {
    const MIN: usize = 1024;
    pub(super) const MAX: usize = 64 * 1024;
    const PATIENCE: u8 = 16;

    pub(super) fn prepare(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        if buffer.capacity() != self.size {
            *buffer = Vec::with_capacity(self.size);
        }
    }

    pub(super) fn learn(&mut self, used: usize) {
        if used >= self.size {
            self.size = (self.size * 4).min(Self::MAX);
            self.small_ones = 0;
        } else if used > self.size / 4 {
            self.small_ones = 0;
        } else {
            self.small_ones += 1;
            if self.small_ones == Self::PATIENCE {
                self.size = (self.size / 4).max(Self::MIN);
                self.small_ones = 0;
            }
        }
    }
}

impl Default for ReadSize {
    fn default() -> Self {
        Self {
            size: Self::MIN,
            small_ones: 0,
        }
    }
}

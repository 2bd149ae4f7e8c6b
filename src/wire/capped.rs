//! Bytes up to a limit.

use std::io;

/// Appends until the limit is reached, and from then on only counts, so that the error can tell the true size.
///
/// The limit is looked at only where memory would have to grow: what there is may hold a little more. So ask for
/// [`excess`](Self::excess) at the end.
pub(super) struct Capped<'a> {
    out: &'a mut Vec<u8>,
    /// How long `out` was at the beginning.
    start: usize,
    limit: usize,
    /// How many bytes were not stored here.
    elsewhere: u64,
}

impl<'a> Capped<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self {
            start: out.len(),
            limit,
            elsewhere: 0,
            out,
        }
    }

    /// Counts bytes that are stored elsewhere; tells where they belong.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(super) fn leave_out(&mut self, bytes: &[u8]) -> usize {
        self.elsewhere += bytes.len() as u64;
        self.out.len()
    }

    /// How many bytes it would have been, if that is too many.
    pub(super) fn excess(&self) -> Option<u64> {
        let size = self.size();
        (size > self.limit as u64).then_some(size)
    }

    fn size(&self) -> u64 {
        (self.out.len() - self.start) as u64 + self.elsewhere
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, bytes: &[u8]) {
        if self.size() + bytes.len() as u64 > self.limit as u64 {
            self.elsewhere += bytes.len() as u64;
        } else {
            self.out.extend_from_slice(bytes);
        }
    }
}

impl io::Write for Capped<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= self.out.capacity() - self.out.len() {
            self.out.extend_from_slice(bytes);
        } else {
            self.grow(bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Bytes up to a limit.

use std::io;

/// Appends until the limit is reached, and from then on only counts, so that the error can tell the true size.
pub(super) struct Capped<'a> {
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
    /// How many bytes were not stored.
    pub(super) lost: u64,
}

impl<'a> Capped<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, room: usize) -> Self {
        Self {
            end: out.len().saturating_add(room),
            lost: 0,
            out,
        }
    }

    /// Counts bytes that are stored elsewhere; tells where they belong.
    #[cfg(feature = "blocking")]
    pub(super) fn leave_out(&mut self, bytes: &[u8]) -> usize {
        if bytes.len() <= self.end - self.out.len() {
            self.end -= bytes.len();
        } else {
            self.lose(bytes);
        }
        self.out.len()
    }

    #[cold]
    fn lose(&mut self, bytes: &[u8]) {
        self.lost += bytes.len() as u64;
        self.end = self.out.len();
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
        if bytes.len() <= self.end - self.out.len() {
            self.out.extend_from_slice(bytes);
        } else {
            self.lose(bytes);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

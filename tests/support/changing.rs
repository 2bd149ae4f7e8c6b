//! A message that breaks its word about what it is.

use std::cell::Cell;

use serde::{Serialize, Serializer};
use serde_bytes::Bytes;

/// Does not write the same twice.
pub(crate) struct Changing {
    size: usize,
    times: Cell<u32>,
    panics: bool,
}

impl Changing {
    /// `size` is that of its bytes, of which there are two. The second time one is shorter, or it panics.
    pub(crate) fn new(size: usize, panics: bool) -> Self {
        let times = Cell::new(0);
        Self {
            size,
            times,
            panics,
        }
    }
}

impl Serialize for Changing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let times = self.times.replace(self.times.get() + 1);
        assert!(times == 0 || !self.panics, "the second time");
        let bytes = vec![0; self.size];
        // The first bytes are the same, and leave.
        let (first, second) = (&bytes[..], &bytes[..self.size - times as usize]);
        (Bytes::new(first), Bytes::new(second)).serialize(serializer)
    }
}

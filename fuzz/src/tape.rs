//! [`Tape`]: the bytes of the fuzzer as a source of choices.

/// Bytes from which choices are read. When they run out, every choice is the first one.
///
/// So a small change of the bytes is a small change of what is chosen, which lets the fuzzer find its way.
pub(super) struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    /// A number below `n`, which is at most 256.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A number of any width, so that each form in which MessagePack writes numbers is met.
    pub(super) fn number(&mut self) -> u128 {
        let width = [0, 1, 2, 4, 8, 16][self.below(6)];
        self.bytes(width)
            .iter()
            .fold(0, |number, &byte| number << 8 | u128::from(byte))
    }

    pub(super) fn text(&mut self) -> String {
        let len = self.below(48);
        String::from_utf8_lossy(self.bytes(len)).into_owned()
    }
}

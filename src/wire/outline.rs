//! [`Outline`]: a message whose large bytes are still where the program has them.

use std::io;

use serde::Serialize;

use super::capped::Capped;
use super::limits::Encoding;
use super::{frame, msgpack, scan};

/// A frame without the large bytes of its message.
///
/// To copy many bytes takes long, most of all because the copy is not in the processor's cache. Who writes a message at
/// once, while the program lends it, can do without: the message is serialized twice, once for everything else, and
/// once to find the large bytes where they are.
#[derive(Debug)]
pub(crate) struct Outline {
    bytes: Vec<u8>,
    gaps: Vec<Gap>,
    encoding: Encoding,
}

/// Where large bytes belong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) at: usize,
    pub(super) len: usize,
}

/// Why not all of a frame was written.
#[derive(Debug)]
pub(crate) enum Unwritten<E> {
    /// The bytes could not be written.
    Failed(E),
    /// The message was another one than at first, by what its `Serialize` implementation writes.
    Changed,
}

impl Outline {
    /// A frame that begins at `start` of what the gaps are counted in.
    pub(super) fn new(
        mut bytes: Vec<u8>,
        start: usize,
        mut gaps: Vec<Gap>,
        encoding: Encoding,
    ) -> Self {
        gaps.iter_mut().for_each(|gap| gap.at -= start);
        frame::finish(&mut bytes, 0, missing(&gaps));
        Self {
            bytes,
            gaps,
            encoding,
        }
    }

    /// How many bytes the whole frame has.
    pub(crate) fn len(&self) -> u64 {
        (self.bytes.len() + missing(&self.gaps)) as u64
    }

    /// Gives all bytes of the frame to `write`, in order: the large ones of `message` from where they are, together with what
    /// comes before them.
    pub(crate) fn write<M: Serialize + ?Sized, E>(
        &self,
        message: &M,
        write: impl FnMut([&[u8]; 2]) -> Result<(), E>,
    ) -> Result<(), Unwritten<E>> {
        let mut filler = Filler {
            outline: self,
            at: 0,
            gap: 0,
            write,
            failure: None,
        };
        let serialized = msgpack::serialize(message, self.encoding, &mut filler);
        match filler.failure {
            Some(failure) => return Err(failure),
            None if serialized.is_err() || filler.gap < self.gaps.len() => {
                return Err(Unwritten::Changed);
            }
            None => {}
        }
        let rest = &self.bytes[filler.at..];
        (filler.write)([rest, &[]]).map_err(Unwritten::Failed)
    }
}

/// Leaves the gaps.
pub(super) struct Gapped<'a> {
    pub(super) small: Capped<'a>,
    pub(super) gaps: Vec<Gap>,
}

impl<'a> Gapped<'a> {
    pub(super) fn new(small: Capped<'a>) -> Self {
        let gaps = Vec::new();
        Self { small, gaps }
    }
}

impl io::Write for Gapped<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < LARGE {
            return self.small.write_all(bytes);
        }
        let (at, len) = (self.small.leave_out(bytes), bytes.len());
        self.gaps.push(Gap { at, len });
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fills the gaps.
struct Filler<'a, F, E> {
    outline: &'a Outline,
    /// How many bytes of the outline are written.
    at: usize,
    /// The gap that comes next.
    gap: usize,
    write: F,
    failure: Option<Unwritten<E>>,
}

impl<F: FnMut([&[u8]; 2]) -> Result<(), E>, E> Filler<'_, F, E> {
    fn fill(&mut self, bytes: &[u8]) -> Result<(), Unwritten<E>> {
        let gap = self.outline.gaps.get(self.gap);
        let gap = gap.filter(|gap| gap.len == bytes.len());
        let gap = *gap.ok_or(Unwritten::Changed)?;
        let before = &self.outline.bytes[self.at..gap.at];
        (self.write)([before, bytes]).map_err(Unwritten::Failed)?;
        self.at = gap.at;
        self.gap += 1;
        Ok(())
    }
}

impl<F: FnMut([&[u8]; 2]) -> Result<(), E>, E> io::Write for Filler<'_, F, E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < LARGE {
            return Ok(());
        }
        self.fill(bytes).map_err(|failure| {
            self.failure = Some(failure);
            io::ErrorKind::Other.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value without its large bytes, for the check of its structure: that does not look into strings and binaries.
pub(super) struct Sparse<'a> {
    bytes: &'a [u8],
    /// Counted from the beginning of the value.
    gaps: &'a [Gap],
    start: usize,
}

impl<'a> Sparse<'a> {
    /// The value that begins at `start`, where gaps are counted from the beginning of `bytes`.
    pub(super) fn new(bytes: &'a [u8], start: usize, gaps: &'a [Gap]) -> Self {
        Self { bytes, gaps, start }
    }

    /// Finds what would be at this place of the whole value.
    fn place(&self, at: usize) -> Option<usize> {
        let mut at = at.checked_add(self.start)?;
        for gap in self.gaps {
            if at < gap.at {
                break;
            }
            at = gap.at + (at - gap.at).checked_sub(gap.len)?;
        }
        Some(at)
    }
}

impl scan::Bytes for Sparse<'_> {
    fn len(&self) -> usize {
        self.bytes.len() - self.start + missing(self.gaps)
    }

    fn at(&self, at: usize) -> Option<u8> {
        self.bytes.get(self.place(at)?).copied()
    }

    fn uint(&self, at: usize, width: usize) -> Option<u64> {
        // No number has a gap within: those are as long as strings and binaries.
        scan::uint(self.bytes, self.place(at)?, width)
    }
}

fn missing(gaps: &[Gap]) -> usize {
    gaps.iter().map(|gap| gap.len).sum()
}

/// From this size on, bytes are not worth copying.
pub(super) const LARGE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use serde::ser::{SerializeSeq as _, Serializer};
    use serde_bytes::Bytes;

    use super::*;
    use crate::ErrorKind;
    use crate::wire::{Limits, Outbox};

    #[derive(Serialize)]
    struct Mixed<'a> {
        number: u32,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
        flags: [bool; 2],
        text: &'a str,
        parts: Vec<&'a Bytes>,
        last: Option<u8>,
    }

    fn collected<M: Serialize + ?Sized>(outline: &Outline, message: &M) -> Vec<u8> {
        let mut frame = Vec::new();
        let all = outline.write(message, |bytes| {
            frame.extend(bytes.concat());
            Ok::<_, ()>(())
        });
        all.expect("it writes the same twice");
        frame
    }

    #[test]
    fn the_frame_is_the_same_whether_or_not_large_bytes_are_copied() {
        let sizes = [0, 1, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE];
        let bytes: Vec<_> = (0..3 * LARGE).map(|i| i as u8).collect();
        let text = "x".repeat(3 * LARGE);
        for encoding in [Encoding::Named, Encoding::Compact] {
            for first in sizes {
                for second in sizes {
                    let message = Mixed {
                        number: 7,
                        bytes: &bytes[..first],
                        flags: [true, false],
                        text: &text[..second],
                        parts: vec![
                            Bytes::new(&bytes[..second]),
                            Bytes::new(&bytes[1..=first.min(9)]),
                        ],
                        last: Some(1),
                    };
                    let mut expected = Outbox::new(Limits::new(), encoding);
                    expected.push(&message).expect("it fits in");
                    let mut frame = Vec::new();
                    expected.take(&mut frame);

                    let mut outbox = Outbox::new(Limits::new(), encoding);
                    let outline = outbox.push_or_outline(&message).expect("it fits in");
                    assert_eq!(outline.is_some(), first.max(second) >= LARGE);
                    if let Some(outline) = outline {
                        assert!(outbox.is_empty());
                        assert_eq!(collected(&outline, &message), frame);
                        assert_eq!(outline.len(), frame.len() as u64);
                        outbox.take_outlined(&outline).expect("it is open");
                    }
                    assert_eq!(outbox.total(), frame.len() as u64);
                    assert_eq!(outbox.messages(), 1);
                }
            }
        }
    }

    /// Says that there will be one element more than there are.
    struct Liar<'a>(&'a [u8]);

    impl Serialize for Liar<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(Some(2))?;
            list.serialize_element(Bytes::new(self.0))?;
            list.end()
        }
    }

    #[test]
    fn what_is_refused_does_not_depend_on_size() {
        let limits = Limits::new().with_max_message(4 * LARGE);
        let mut outbox = Outbox::new(limits, Encoding::Named);
        for size in [1, LARGE] {
            let error = outbox.push_or_outline(&Liar(&vec![0; size])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
        }
        // The head of the bytes, and the two numbers before and behind, belong to the size.
        let most = 4 * LARGE - 5 - 1 - 2;
        let message = |size: usize| (1, serde_bytes::ByteBuf::from(vec![0; size]), 2);
        assert!(outbox.push_or_outline(&message(most)).is_ok());
        let error = outbox.push_or_outline(&message(most + 1)).unwrap_err();
        let (size, limit) = (4 * LARGE as u64 + 1, 4 * LARGE as u64);
        assert_eq!(error.kind(), ErrorKind::TooLarge { size, limit });
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_message_that_changes_is_noticed() {
        let message = |sizes: &[usize]| -> Vec<_> {
            let bytes = |size: &usize| serde_bytes::ByteBuf::from(vec![0; *size]);
            sizes.iter().map(bytes).collect()
        };
        let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
        let outline = outbox.push_or_outline(&message(&[LARGE, 1, LARGE]));
        let outline = outline.expect("it fits in").expect("it is large");
        for other in [
            &[][..],
            &[LARGE],
            &[LARGE, LARGE + 1],
            &[LARGE; 3],
            &[LARGE + 1; 2],
        ] {
            let written = outline.write(&message(other), |_| Ok::<_, ()>(()));
            assert!(matches!(written, Err(Unwritten::Changed)), "{other:?}");
        }
        let written = outline.write(&message(&[LARGE, LARGE]), |_| Err(()));
        assert!(matches!(written, Err(Unwritten::Failed(()))));
    }
}

//! The length prefix.

use super::limits::clamp_message;
use crate::{Error, ErrorKind, Result};

/// Outcome of looking for something complete at the beginning of some bytes.
///
/// # Examples
///
/// ```
/// use offspring::wire::{Frame, Parsed};
///
/// assert_eq!(Frame::parse(&[0, 0, 0, 2, 0x80], 1024)?, Parsed::Incomplete { need: 6 });
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parsed<T> {
    /// The bytes are the beginning of something good, which needs at least `need` bytes, counted from its first one.
    Incomplete {
        /// How many bytes there must be before another attempt is worth it.
        need: usize,
    },
    /// The first `len` bytes are complete.
    Complete {
        /// How many bytes it takes.
        len: usize,
        /// What was found.
        value: T,
    },
}

impl<T> Parsed<T> {
    /// How many bytes are missing from the beginning on; 0 if none.
    pub(super) fn need(&self) -> usize {
        match self {
            Self::Incomplete { need } => *need,
            Self::Complete { .. } => 0,
        }
    }
}

/// A frame: a kind and a body, still unexplained.
///
/// # Examples
///
/// ```
/// use offspring::wire::{Frame, Parsed};
///
/// let bytes = [0, 0, 0, 3, 0, 0x91, 0x07, 0xff];
/// let Parsed::Complete { len, value: frame } = Frame::parse(&bytes, 1024)? else { unreachable!() };
/// assert_eq!((len, frame.kind, frame.body), (7, 0, &[0x91, 0x07][..]));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// What the frame is for.
    pub kind: u8,
    /// What follows the kind.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Looks for one frame at the beginning of `bytes`; `max_message` is the size of the largest body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] as soon as the length is there, and [`ErrorKind::Protocol`] if the length is zero.
    /// After either nothing more can be read from the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::Frame;
    ///
    /// let error = Frame::parse(&[0, 0, 4, 2], 1024).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TooLarge { size: 1025, limit: 1024 });
    /// ```
    #[inline]
    pub fn parse(bytes: &'a [u8], max_message: u64) -> Result<Parsed<Self>> {
        let Some((length, rest)) = bytes.split_first_chunk() else {
            return Ok(Parsed::Incomplete { need: HEAD });
        };
        let length = u32::from_be_bytes(*length);
        let limit = clamp_message(max_message);
        match length {
            0 => Err(Error::new(
                ErrorKind::Protocol,
                "read a frame: its length is zero",
            )),
            // The limit is for the body, the length counts the kind too.
            _ if length - 1 > limit => Err(too_large(length - 1, limit)),
            _ => {
                // Where usize has 32 bits this may be more than there is address space: then it never completes.
                let len = (length as usize).saturating_add(LENGTH);
                match rest.get(..length as usize) {
                    Some([kind, body @ ..]) => Ok(Parsed::Complete {
                        len,
                        value: Self { kind: *kind, body },
                    }),
                    _ => Ok(Parsed::Incomplete { need: len }),
                }
            }
        }
    }
}

/// Appends the head of a frame whose body is written later, by [`finish`].
#[inline]
pub(super) fn begin(out: &mut Vec<u8>, kind: u8) {
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
}

/// Puts the length into the head at `start`, now that the body is there, but for so many bytes that are elsewhere.
#[inline]
pub(super) fn finish(out: &mut [u8], start: usize, elsewhere: usize) {
    let length = u32::try_from(out.len() - start - LENGTH + elsewhere)
        .expect("the body is within the limit, which is below 4 GiB");
    out[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
}

#[cold]
fn too_large(size: u32, limit: u32) -> Error {
    let text = format!("read a frame: its body has {size} bytes, {limit} are allowed");
    let (size, limit) = (size.into(), limit.into());
    Error::new(ErrorKind::TooLarge { size, limit }, text)
}

const LENGTH: usize = 4;

/// How many bytes come before the body.
pub(super) const HEAD: usize = LENGTH + 1;

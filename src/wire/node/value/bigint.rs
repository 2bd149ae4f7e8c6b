//! [`BigInt`]: an integer of any size.

use std::fmt;

/// An integer of any size: JavaScript's `bigint`.
///
/// # Examples
///
/// ```
/// use offspring::node::BigInt;
///
/// let big = BigInt::from(u64::MAX);
/// assert_eq!(u64::try_from(&big), Ok(u64::MAX));
/// assert!(i64::try_from(&big).is_err());
/// assert_eq!(format!("{big}"), "0xffffffffffffffff");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BigInt {
    negative: bool,
    /// Little-endian, without zeros at the end.
    magnitude: Vec<u8>,
}

impl BigInt {
    /// Creates one of its sign and the bytes of its magnitude, least significant first. There is no negative zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::BigInt;
    ///
    /// assert_eq!(BigInt::new(true, &[0, 1]), BigInt::from(-256));
    /// assert_eq!(BigInt::new(true, &[0]), BigInt::from(0));
    /// ```
    pub fn new(negative: bool, magnitude: &[u8]) -> Self {
        let magnitude = significant(magnitude);
        Self {
            negative: negative && !magnitude.is_empty(),
            magnitude: magnitude.to_vec(),
        }
    }

    /// Whether it is below zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::BigInt;
    ///
    /// assert!(BigInt::from(-1).is_negative());
    /// ```
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The bytes of its magnitude, least significant first, without zeros at the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::BigInt;
    ///
    /// assert_eq!(BigInt::from(-258).magnitude(), [2, 1]);
    /// ```
    pub fn magnitude(&self) -> &[u8] {
        &self.magnitude
    }

    fn digits(&self) -> Digits<'_> {
        Digits {
            negative: self.negative,
            magnitude: &self.magnitude,
        }
    }
}

/// In hexadecimal, with a sign: to write a large one in decimal takes time that grows with the square of its length.
impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negative { "-0x" } else { "0x" })?;
        let Some((last, rest)) = self.magnitude.split_last() else {
            return f.write_str("0");
        };
        write!(f, "{last:x}")?;
        rest.iter()
            .rev()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}n")
    }
}

/// A [`BigInt`] in bytes of a message.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Digits<'a> {
    pub(in super::super) negative: bool,
    /// Little-endian.
    pub(in super::super) magnitude: &'a [u8],
}

impl Digits<'_> {
    pub(in super::super) fn to_u128(self) -> Option<u128> {
        let number = self.unsigned()?;
        (!self.negative || number == 0).then_some(number)
    }

    pub(in super::super) fn to_i128(self) -> Option<i128> {
        let number = self.unsigned()?;
        if self.negative {
            0i128.checked_sub_unsigned(number)
        } else {
            i128::try_from(number).ok()
        }
    }

    fn unsigned(self) -> Option<u128> {
        let magnitude = significant(self.magnitude);
        let mut bytes = [0; 16];
        bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
        Some(u128::from_le_bytes(bytes))
    }
}

fn significant(magnitude: &[u8]) -> &[u8] {
    let len = magnitude.iter().rposition(|&byte| byte != 0);
    &magnitude[..len.map_or(0, |last| last + 1)]
}

impl From<u128> for BigInt {
    fn from(number: u128) -> Self {
        Self::new(false, &number.to_le_bytes())
    }
}

impl From<i128> for BigInt {
    fn from(number: i128) -> Self {
        Self::new(number < 0, &number.unsigned_abs().to_le_bytes())
    }
}

/// The [`BigInt`] has more bits than the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the integer is out of range")
    }
}

impl std::error::Error for OutOfRange {}

macro_rules! integers {
    ($wide:ty, $to:ident: $($narrow:ty)*) => {$(
        impl From<$narrow> for BigInt {
            fn from(number: $narrow) -> Self {
                Self::from(<$wide>::from(number))
            }
        }

        impl TryFrom<&BigInt> for $narrow {
            type Error = OutOfRange;

            fn try_from(number: &BigInt) -> Result<Self, OutOfRange> {
                let wide = <$wide>::try_from(number)?;
                wide.try_into().map_err(|_| OutOfRange)
            }
        }
    )*

        impl TryFrom<&BigInt> for $wide {
            type Error = OutOfRange;

            fn try_from(number: &BigInt) -> Result<Self, OutOfRange> {
                number.digits().$to().ok_or(OutOfRange)
            }
        }
    };
}

integers!(u128, to_u128: u32 u64);
integers!(i128, to_i128: i32 i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back() {
        for number in [0, 1, -1, 255, 256, i64::MAX, i64::MIN] {
            assert_eq!(i64::try_from(&BigInt::from(number)), Ok(number));
        }
        for number in [i128::MIN, i128::MAX] {
            assert_eq!(i128::try_from(&BigInt::from(number)), Ok(number));
        }
        assert_eq!(u128::try_from(&BigInt::from(u128::MAX)), Ok(u128::MAX));
        assert_eq!(u64::try_from(&BigInt::from(-1)), Err(OutOfRange));
        assert_eq!(i128::try_from(&BigInt::from(u128::MAX)), Err(OutOfRange));
        let wide = BigInt::new(false, &[0xff; 17]);
        assert_eq!(u128::try_from(&wide), Err(OutOfRange));
    }

    #[test]
    fn text_is_hexadecimal() {
        assert_eq!(BigInt::from(0).to_string(), "0x0");
        assert_eq!(format!("{:?}", BigInt::from(-0x0102)), "-0x102n");
    }
}

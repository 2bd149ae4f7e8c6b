//! [`View`]: what the bytes of an `ArrayBuffer` are looked at as.

/// What a view of bytes is: one of JavaScript's typed arrays, a `DataView`, or Node's `Buffer`.
///
/// # Examples
///
/// ```
/// use offspring::node::View;
///
/// assert_eq!(View::Float64.width(), 8);
/// assert_eq!(View::Buffer.width(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum View {
    /// `Int8Array`
    Int8,
    /// `Uint8Array`
    Uint8,
    /// `Uint8ClampedArray`
    Uint8Clamped,
    /// `Int16Array`
    Int16,
    /// `Uint16Array`
    Uint16,
    /// `Int32Array`
    Int32,
    /// `Uint32Array`
    Uint32,
    /// `Float32Array`
    Float32,
    /// `Float64Array`
    Float64,
    /// `DataView`
    DataView,
    /// Node's `Buffer`
    Buffer,
    /// `BigInt64Array`
    BigInt64,
    /// `BigUint64Array`
    BigUint64,
    /// `Float16Array`, which only newer versions of Node have.
    Float16,
}

impl View {
    /// How many bytes each element has. The length of the bytes must be a multiple of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::View;
    ///
    /// assert_eq!(View::Uint16.width(), 2);
    /// ```
    pub const fn width(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 | Self::Uint8Clamped | Self::DataView | Self::Buffer => 1,
            Self::Int16 | Self::Uint16 | Self::Float16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Float64 | Self::BigInt64 | Self::BigUint64 => 8,
        }
    }

    /// Whether it is bytes for people, rather than numbers.
    pub(in super::super) const fn is_bytes(self) -> bool {
        matches!(
            self,
            Self::Uint8 | Self::Uint8Clamped | Self::DataView | Self::Buffer
        )
    }

    /// What is in the bytes, without a cut element at the end.
    pub(in super::super) fn elements(
        self,
        bytes: &[u8],
    ) -> impl ExactSizeIterator<Item = Element> + '_ {
        bytes.chunks_exact(self.width()).map(move |element| {
            let mut bytes = [0; 8];
            bytes[..element.len()].copy_from_slice(element);
            let bits = u64::from_le_bytes(bytes);
            // Each keeps the bits that are its own.
            match self {
                Self::Int8 => Element::Int(i64::from(bits as i8)),
                Self::Int16 => Element::Int(i64::from(bits as i16)),
                Self::Int32 => Element::Int(i64::from(bits as i32)),
                Self::BigInt64 => Element::Int(bits as i64),
                Self::Float16 => Element::Float(half(bits as u16)),
                Self::Float32 => Element::Float(f64::from(f32::from_bits(bits as u32))),
                Self::Float64 => Element::Float(f64::from_bits(bits)),
                Self::Uint8
                | Self::Uint8Clamped
                | Self::Uint16
                | Self::Uint32
                | Self::DataView
                | Self::Buffer
                | Self::BigUint64 => Element::Uint(bits),
            }
        })
    }

    /// Node's number for it.
    pub(in super::super) fn index(self) -> u32 {
        ALL.iter()
            .zip(0..)
            .find(|&(&view, _)| view == self)
            .map_or(0, |(_, index)| index)
    }

    pub(in super::super) fn from_index(index: u32) -> Option<Self> {
        ALL.get(index as usize).copied()
    }

    /// From V8's letter for it.
    pub(in super::super) fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            b'b' => Self::Int8,
            b'B' => Self::Uint8,
            b'C' => Self::Uint8Clamped,
            b'w' => Self::Int16,
            b'W' => Self::Uint16,
            b'd' => Self::Int32,
            b'D' => Self::Uint32,
            b'h' => Self::Float16,
            b'f' => Self::Float32,
            b'F' => Self::Float64,
            b'q' => Self::BigInt64,
            b'Q' => Self::BigUint64,
            b'?' => Self::DataView,
            _ => return None,
        })
    }
}

/// An element of a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Element {
    Int(i64),
    Uint(u64),
    Float(f64),
}

impl Element {
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Uint(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// IEEE 754 with 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// In the order of Node's numbers.
const ALL: [View; 14] = [
    View::Int8,
    View::Uint8,
    View::Uint8Clamped,
    View::Int16,
    View::Uint16,
    View::Int32,
    View::Uint32,
    View::Float32,
    View::Float64,
    View::DataView,
    View::Buffer,
    View::BigInt64,
    View::BigUint64,
    View::Float16,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_what_their_bits_say() {
        let elements = |view: View, bytes: &[u8]| view.elements(bytes).collect::<Vec<_>>();
        assert_eq!(
            elements(View::Int8, &[0xff, 1]),
            [Element::Int(-1), Element::Int(1)]
        );
        assert_eq!(elements(View::Int16, &[0, 0x80]), [Element::Int(-0x8000)]);
        assert_eq!(
            elements(View::BigUint64, &[0xff; 8]),
            [Element::Uint(u64::MAX)]
        );
        assert_eq!(
            elements(View::Float32, &[0, 0, 0xc0, 0x3f]),
            [Element::Float(1.5)]
        );
    }

    #[test]
    fn halves_are_floats() {
        for (bits, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(half(bits), number);
        }
        assert!(half(0x7e00).is_nan());
    }
}

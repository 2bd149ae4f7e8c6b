//! [`Item`]: a message that can go wrong in every way.

use serde::ser::{Error, Serialize, SerializeSeq, Serializer};

/// A message that serialises as asked. Those that are good arrive as arrays of numbers.
pub(crate) enum Item {
    Number(u32),
    /// So many bytes of MessagePack.
    Bytes(usize),
    /// So many arrays, one in the other.
    Deep(u32),
    /// So many elements.
    Wide(u32),
    /// Fails when half of it is written.
    Fails,
    /// Panics when half of it is written.
    Panics,
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let broken = |serializer: S| {
            let mut seq = serializer.serialize_seq(Some(2))?;
            seq.serialize_element("the first half is long enough to be seen")?;
            Ok(seq)
        };
        match *self {
            Self::Number(number) => [number].serialize(serializer),
            Self::Bytes(size) => {
                let head = match size {
                    0..34 => 1,
                    34..258 => 2,
                    258..65_539 => 3,
                    _ => 5,
                };
                "x".repeat(size - head).serialize(serializer)
            }
            Self::Deep(0) => 0.serialize(serializer),
            Self::Deep(levels) => [Self::Deep(levels - 1)].serialize(serializer),
            Self::Wide(items) => vec![0u8; items as usize].serialize(serializer),
            Self::Fails => {
                broken(serializer)?;
                Err(S::Error::custom("this one cannot be serialised"))
            }
            Self::Panics => {
                let _seq = broken(serializer)?;
                panic!("on purpose, in the middle of a message")
            }
        }
    }
}

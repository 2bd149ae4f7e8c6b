//! [`Sample`]: a message with everything in it that serde knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::tape::Tape;

/// A message with everything in it that serde knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Sample {
    Unit,
    Wrapped(Box<Self>),
    Numbers(u8, i16, u32, i64),
    Wide(Wide),
    Floats { both: Floats },
    Text(String),
    Letters(Vec<char>),
    Bytes(ByteBuf),
    Parts(Parts),
    List(Vec<Self>),
    Map(BTreeMap<u16, Self>),
    Outcome(Result<bool, Nothing>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Parts {
    first: Option<Box<Sample>>,
    second: (String, [u8; 3]),
    third: Nothing,
    #[serde(with = "serde_bytes")]
    fourth: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Wide(u128, i128);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Nothing;

/// Floats that are equal if their bits are: NaN too, but not 0 and -0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Floats(f32, f64);

impl PartialEq for Floats {
    fn eq(&self, other: &Self) -> bool {
        let bits = |floats: &Self| (floats.0.to_bits(), floats.1.to_bits());
        bits(self) == bits(other)
    }
}

impl Sample {
    pub(super) fn read(tape: &mut Tape<'_>, depth: usize) -> Self {
        let nested = |tape: &mut Tape<'_>| Self::read(tape, depth - 1);
        match tape.below(if depth == 0 { 9 } else { 14 }) {
            0 => Self::Unit,
            1 => Self::Numbers(
                tape.number() as u8,
                tape.number() as i16,
                tape.number() as u32,
                tape.number() as i64,
            ),
            2 => Self::Wide(Wide(tape.number(), !tape.number() as i128)),
            3 => Self::Floats {
                both: Floats(
                    f32::from_bits(tape.number() as u32),
                    f64::from_bits(tape.number() as u64),
                ),
            },
            4 => Self::Text(tape.text()),
            5 => Self::Letters(tape.text().chars().collect()),
            6 => {
                // Around the places where the length needs another byte.
                let len = [0, 1, 31, 255, 256, 65_535, 65_536][tape.below(7)];
                let mut bytes = tape.bytes(len.min(16)).to_vec();
                bytes.resize(len, 0xc1);
                Self::Bytes(bytes.into())
            }
            7 => Self::Outcome(Ok(true)),
            8 => Self::Outcome(Err(Nothing)),
            9 => Self::Wrapped(Box::new(nested(tape))),
            10 => Self::Parts(Parts {
                first: (tape.below(2) == 1).then(|| Box::new(nested(tape))),
                second: (tape.text(), [tape.byte(), 2, 3]),
                third: Nothing,
                fourth: tape.bytes(5).to_vec(),
            }),
            11 => {
                // Around the places where the count needs another byte, mostly with small elements.
                let len = [0, 1, 3, 15, 16, 300][tape.below(6)];
                Self::List(
                    (0..len)
                        .map(|n| if n < 4 { nested(tape) } else { Self::Unit })
                        .collect(),
                )
            }
            12 => Self::Map(
                (0..tape.below(20))
                    .map(|n| (n as u16 * 100, nested(tape)))
                    .collect(),
            ),
            // A level of `Wrapped` is one level on the wire: some of these are too deep.
            _ => (0..tape.byte()).fold(Self::Unit, |inner, _| Self::Wrapped(Box::new(inner))),
        }
    }
}

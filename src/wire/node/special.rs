//! How [`Value`](super::Value) and the codec of V8 talk through serde about what serde has no words for.
//!
//! A `Value` names its newtype struct [`NAME`]. Other formats see nothing but what is inside. The codec of V8 shows that it
//! understands:
//!
//! - writing, by being of another opinion about [`is_human_readable`](serde::Serializer::is_human_readable) inside than
//!   outside. It then gets a newtype variant: a number, the [`Kind`], and what is inside.
//! - reading, by giving a sequence: the number of the `Kind`, and its parts.

/// What no other type is called.
pub(super) const NAME: &str = "offspring::node::Value";

macro_rules! kinds {
    ($($kind:ident)*) => {
        /// What a value is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $($kind,)*
        }

        impl Kind {
            pub(super) const ALL: &[Self] = &[$(Self::$kind,)*];

            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }

            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($kind) => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

// Behind each the number, and what is inside when it is written; and the parts when it is read, if they differ. A simple one
// is a boolean, number, string, or the sign and the bytes of a bigint.
//
// Undefined, Null, Hole: 0, ()
// Bool: read only: bool
// Number: read only: f64
// String: read only: string
// BigInt: whether it is negative, bytes; bool, bytes
// Boxed: 0, simple; kind, simple
// BoxedBigInt: written only: as BigInt
// Date: 0, f64
// RegExp: flags, string; u32, string
// ArrayBuffer: 0, bytes
// View: Node's number, bytes; u8, bytes
// Array: read only: length, elements, then keys and values
// SparseArray: length, map; length, keys and values
// Object, Map: 0, map; keys and values
// Set: 0, sequence; elements
// Error: V8's letter or 0, map with V8's letters for keys; the map as letters and values, and a letter of the class among them alone
// Shared: number, value
// Reference: number, ()
kinds! {
    Undefined Null Hole Bool Number String BigInt Boxed BoxedBigInt Date RegExp ArrayBuffer View Array SparseArray Object Map
    Set Error Shared Reference
}

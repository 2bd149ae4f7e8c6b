//! Types that serde, or a codec of ours, reads each in a way of its own.

use std::collections::{BTreeMap, HashMap};

use offspring::Result;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_bytes::{ByteBuf, Bytes};

use super::sample::Sample;
use super::{Verdict, check_text, fixtures, is_skipped};

/// One message, in whatever format.
pub(super) trait Source<'a>: Copy {
    fn decode<T: Deserialize<'a>>(self) -> Result<T>;

    /// Whether it is a `T`. If not, then no more than this message is lost.
    fn verdict<T: DeserializeOwned>(self) -> Verdict {
        match self.decode::<T>() {
            Ok(_) => Ok(()),
            Err(error) => {
                check_text(&error);
                assert!(is_skipped(error.kind()), "{error:?}");
                Err(error.kind())
            }
        }
    }
}

pub(super) fn read_as_types<'a>(source: impl Source<'a>) {
    let _ = source.verdict::<fixtures::Value>();
    let _ = source.verdict::<Sample>();
    let _ = source.verdict::<Tree>();
    let _ = source.verdict::<Branches>();
    let _ = source.verdict::<Untagged>();
    let _ = source.verdict::<Tagged>();
    let _ = source.verdict::<Flat>();
    let _ = source.verdict::<Option<Option<(u8, i16, f32)>>>();
    let _ = source.verdict::<HashMap<Option<char>, Vec<u64>>>();
    let _ = source.verdict::<Vec<std::result::Result<u128, i128>>>();
    let _ = source.verdict::<Vec<ByteBuf>>();
    let _ = source.verdict::<String>();
    let _ = source.verdict::<u64>();
    let _ = source.decode::<(&str, &[u8])>();
    let _ = source.decode::<BTreeMap<&str, &Bytes>>();
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Tree(Vec<Self>);

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
enum Branches {
    Leaf,
    Neg(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Named { inner: Option<Box<Self>> },
}

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is only decoded")]
enum Untagged {
    Leaf(u8),
    Branch(Vec<Self>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(tag = "t", content = "c")]
#[expect(dead_code, reason = "it is only decoded")]
enum Tagged {
    A,
    B(Box<Self>),
    C { x: Vec<Self> },
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Flat {
    #[serde(default)]
    a: u8,
    #[serde(flatten)]
    rest: HashMap<String, Untagged>,
}

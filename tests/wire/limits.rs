//! Messages that would cost too much stack or too many items.

use std::collections::HashMap;
use std::thread;

use offspring::wire::{Body, Limits};
use offspring::{ErrorKind, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::fixtures::Value;

/// rmp-serde does not count the levels of an enum: without the scan, 17 KB of this abort a debug build.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
enum Enum {
    Leaf,
    Neg(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Named { inner: Box<Self> },
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Tree(Vec<Self>);

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is only decoded")]
enum Untagged {
    Leaf(u8),
    Branch(Vec<Self>),
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Known {
    known: u8,
}

/// Runs on the stack that a thread of a runtime has.
fn on_two_mib(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

fn nested(opening: &[u8], levels: usize, leaf: &[u8]) -> Vec<u8> {
    let mut bytes = opening.repeat(levels);
    bytes.extend_from_slice(leaf);
    bytes
}

fn kind<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<ErrorKind> {
    Body::new(bytes, Limits::new())
        .decode::<T>()
        .err()
        .map(|error| error.kind())
}

const TOO_DEEP: Option<ErrorKind> = Some(ErrorKind::TooDeep { limit: 128 });

#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    on_two_mib(|| {
        for levels in [129, 600, 1_100, 200_000] {
            let arrays = nested(&[0x91], levels, &[0x90]);
            assert_eq!(kind::<IgnoredAny>(&arrays), TOO_DEEP);
            assert_eq!(kind::<Value>(&arrays), TOO_DEEP);
            assert_eq!(kind::<Tree>(&arrays), TOO_DEEP);
            assert_eq!(kind::<Untagged>(&arrays), TOO_DEEP);

            let maps = nested(b"\x81\xa1a", levels, &[0xc0]);
            assert_eq!(kind::<IgnoredAny>(&maps), TOO_DEEP);
            assert_eq!(kind::<HashMap<String, IgnoredAny>>(&maps), TOO_DEEP);
            let keys = [vec![0x81; levels], vec![0xc0; levels + 1]].concat();
            assert_eq!(kind::<IgnoredAny>(&keys), TOO_DEEP);

            let negs = nested(b"\x81\xa3Neg", levels, b"\xa4Leaf");
            assert_eq!(kind::<Enum>(&negs), TOO_DEEP);
            assert_eq!(
                kind::<Enum>(&nested(b"\x81\xa5Named\x81\xa5inner", levels, b"\xa4Leaf")),
                TOO_DEEP
            );
            let both = nested(b"\x81\xa4Both\x92\xa4Leaf", levels, b"\xa4Leaf");
            assert_eq!(kind::<Enum>(&both), TOO_DEEP);

            let unknown = [b"\x82\xa5known\x01\xa5other", &arrays[..]].concat();
            assert_eq!(kind::<Known>(&unknown), TOO_DEEP);
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "an interpreter has a stack of another kind")]
fn the_deepest_that_is_allowed_can_be_decoded_on_a_small_stack() {
    on_two_mib(|| {
        let arrays = nested(&[0x91], 127, &[0x90]);
        assert_eq!(kind::<IgnoredAny>(&arrays), None);
        assert_eq!(kind::<Value>(&arrays), None);
        assert_eq!(kind::<Tree>(&arrays), None);
        assert_eq!(kind::<Untagged>(&arrays), None);
        assert_eq!(
            kind::<Enum>(&nested(b"\x81\xa3Neg", 128, b"\xa4Leaf")),
            None
        );
        assert_eq!(
            kind::<Enum>(&nested(b"\x81\xa5Named\x81\xa5inner", 64, b"\xa4Leaf")),
            None
        );
        assert_eq!(
            kind::<IgnoredAny>(&nested(&[0x91], 127, &[0xd4, 1, 2])),
            None
        );
        assert_eq!(
            kind::<IgnoredAny>(&nested(&[0x91], 128, &[0xd4, 1, 2])),
            TOO_DEEP
        );
    });
}

#[test]
fn siblings_do_not_add_up_to_depth() {
    let many = [&[0xdc, 0x01, 0x2c][..], &b"\x81\xa3Neg\xa4Leaf".repeat(300)].concat();
    assert_eq!(kind::<Vec<Enum>>(&many), None);
}

#[test]
fn items_are_counted_in_the_whole_message() {
    let limits = Limits::new().with_max_items(10);
    let decode = |bytes: &[u8]| {
        let decoded = Body::new(bytes, limits).decode::<IgnoredAny>();
        decoded.err().map(|error| error.kind())
    };
    let too_many = Some(ErrorKind::TooManyItems { limit: 10 });
    assert_eq!(decode(&[&[0x9a][..], &[0xc0; 10]].concat()), None);
    assert_eq!(decode(&[&[0x9b][..], &[0xc0; 11]].concat()), too_many);
    assert_eq!(decode(&[&[0x8a][..], &[0xc0; 20]].concat()), None);
    assert_eq!(decode(&[&[0x8b][..], &[0xc0; 22]].concat()), too_many);
    // 2 + 4 + 4 and 2 + 4 + 5.
    assert_eq!(
        decode(&[&[0x92, 0x94][..], &[0xc0; 4], &[0x94], &[0xc0; 4]].concat()),
        None
    );
    assert_eq!(
        decode(&[&[0x92, 0x94][..], &[0xc0; 4], &[0x95], &[0xc0; 5]].concat()),
        too_many
    );
}

#[test]
#[cfg_attr(miri, ignore = "a million items take an interpreter minutes")]
fn small_items_that_become_large_ones_are_capped() {
    let limits = Limits::new();
    let items = limits.max_items() + 1;
    for item in [0x80, 0xc0, 0x90] {
        let bytes = [
            &[0xdd][..],
            &items.to_be_bytes(),
            &vec![item; items as usize],
        ]
        .concat();
        let error = Body::new(&bytes, limits)
            .decode::<Vec<Option<[u64; 32]>>>()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyItems { limit: 1_100_000 });
    }
}

#[test]
fn a_value_that_is_not_read_to_its_end_is_no_success() -> Result<()> {
    /// Takes the tag of an extension and leaves the rest.
    #[derive(Debug)]
    struct Tag;

    impl<'de> Deserialize<'de> for Tag {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct First;
            impl<'de> serde::de::Visitor<'de> for First {
                type Value = Tag;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an extension")
                }
                fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                    self,
                    inner: D,
                ) -> Result<Tag, D::Error> {
                    inner.deserialize_any(self)
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut seq: A,
                ) -> Result<Tag, A::Error> {
                    seq.next_element::<i8>()?;
                    Ok(Tag)
                }
            }
            deserializer.deserialize_any(First)
        }
    }

    let error = Body::new(&[0xd4, 1, 2], Limits::new())
        .decode::<Tag>()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(
        error.to_string().ends_with("does not read the whole value"),
        "{error}"
    );
    Ok(())
}

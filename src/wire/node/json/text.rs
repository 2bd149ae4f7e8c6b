//! What is done to a text before serde_json reads it: limits are checked, and what JavaScript can say but a Rust string
//! cannot hold is replaced.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::super::super::Limits;
use super::super::Fault;

/// Checks the limits, and mends what is not Unicode as Node does when it makes UTF-8 of it: what is not UTF-8, or half
/// of a surrogate pair, becomes U+FFFD. Copies only if there is some.
pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Cow<'_, str>, Fault> {
    let mut text = String::from_utf8_lossy(bytes);
    let counts = count(&text);
    if counts.depth > limits.max_depth() {
        return Err(Fault::Deep(limits.max_depth()));
    }
    if counts.items > u64::from(limits.max_items()) {
        return Err(Fault::Many(limits.max_items()));
    }
    if let Some(first) = counts.first_lone {
        text = Cow::Owned(mend(&text, first));
    }
    Ok(text)
}

/// What is in a text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// How deep arrays and objects are nested.
    pub(super) depth: u32,
    /// How many elements and entries they have in all.
    pub(super) items: u64,
    /// Where the first escape of half a surrogate pair is.
    first_lone: Option<usize>,
}

/// Counts, without recursion and without allocation. Whether the text is JSON is for serde_json to say: up to the first
/// fault both see the same, and there serde_json ends.
pub(super) fn count(text: &str) -> Counts {
    let bytes = text.as_bytes();
    let mut counts = Counts::default();
    let mut depth = 0u32;
    // An opening bracket promises an item, unless the closing one is the next thing.
    let mut is_open = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                is_open = false;
                continue;
            }
            _ => {}
        }
        counts.items += u64::from(is_open) + u64::from(byte == b',');
        is_open = matches!(byte, b'[' | b'{');
        if is_open {
            depth = depth.saturating_add(1);
            counts.depth = counts.depth.max(depth);
        } else if byte == b'"' {
            at = string(bytes, at, |lone| {
                counts.first_lone.get_or_insert(lone);
            });
        }
    }
    counts
}

/// Finds the end of a string which begins before `at`, and tells of each escape of half a surrogate pair.
fn string(bytes: &[u8], mut at: usize, mut lone: impl FnMut(usize)) -> usize {
    while let Some(found) = memchr2(b'"', b'\\', &bytes[at..]) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at = match escape(bytes, at) {
            Some(0xd800..0xdc00) if matches!(escape(bytes, at + 6), Some(0xdc00..0xe000)) => {
                at + 12
            }
            Some(0xd800..0xe000) => {
                lone(at);
                at + 6
            }
            // The one behind the backslash is not the end, whatever it is.
            _ => (at + 2).min(bytes.len()),
        };
    }
    bytes.len()
}

/// The code unit that an escape of the form `\u1234` at this place stands for.
fn escape(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else {
        return None;
    };
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })
}

#[cold]
fn mend(text: &str, first: usize) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut done = 0;
    let mut replace = |lone: usize| {
        mended.push_str(&text[done..lone]);
        mended.push_str("\\ufffd");
        done = lone + 6;
    };
    // `first` is inside of a string, and what is behind that string is found in the same way as before.
    let mut at = string(text.as_bytes(), first, &mut replace);
    while let Some(quote) = memchr(b'"', &text.as_bytes()[at..]) {
        at = string(text.as_bytes(), at + quote + 1, &mut replace);
    }
    mended.push_str(&text[done..]);
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> (u32, u64) {
        let counts = count(text);
        (counts.depth, counts.items)
    }

    #[test]
    fn items_are_elements_and_entries() {
        assert_eq!(counted("7"), (0, 0));
        assert_eq!(counted("[]"), (1, 0));
        assert_eq!(counted("[ ]"), (1, 0));
        assert_eq!(counted("[1]"), (1, 1));
        assert_eq!(counted("[ [ ] , { } ]"), (2, 2));
        assert_eq!(counted(r#"{"a":[1,2],"b":{"c":3}}"#), (2, 5));
        assert_eq!(counted(r#"["[,{\"[,"]"#), (1, 1));
    }

    #[test]
    fn broken_text_is_no_trouble() {
        for text in [
            "",
            "\"",
            "\"\\",
            "\"\\u",
            "\"\\ud800",
            "]",
            "]]]",
            "[",
            "\"\\ud800\\",
            "\"\\\u{e9}",
        ] {
            let _ = count(text);
            let _ = read(text.as_bytes(), Limits::new());
        }
    }

    fn mended(text: &str) -> String {
        let read = read(text.as_bytes(), Limits::new());
        match read {
            Ok(Cow::Owned(text)) => text,
            other => panic!("not mended: {other:?}"),
        }
    }

    #[test]
    fn half_a_pair_is_replaced_and_a_whole_one_is_not() {
        assert_eq!(mended(r#""a\ud800b""#), r#""a\ufffdb""#);
        assert_eq!(
            mended(r#"["\uD800\ud83d\ude00","\uDFFF",{"\udc00":1}]"#),
            r#"["\ufffd\ud83d\ude00","\ufffd",{"\ufffd":1}]"#
        );
        assert_eq!(mended(r#""\ude00\ud83d""#), r#""\ufffd\ufffd""#);
        assert_eq!(mended(r#""\ud83d\ud83d\ude00""#), r#""\ufffd\ud83d\ude00""#);
        for good in [
            r#""\ud83d\ude00""#,
            r#""\\ud800""#,
            r#""\\\\ud800""#,
            "\"\u{10000}\"",
        ] {
            assert!(
                matches!(read(good.as_bytes(), Limits::new()), Ok(Cow::Borrowed(_))),
                "{good}"
            );
        }
    }
}

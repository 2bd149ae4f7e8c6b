//! Names and addresses.

use std::ffi::OsStr;

use offspring::{ErrorKind, Name};
// The rules for both systems are plain functions, but each system shows only its own one.
use offspring_platform::NameError;

use super::Verdict;

#[path = "../../platform/src/name/rules.rs"]
mod rules;

/// Takes the bytes as a label, as the path of a socket and as the path of a pipe: at most one of them is allowed, and
/// it is what it seems to be.
pub fn name(bytes: &[u8]) -> Verdict {
    let text = std::str::from_utf8(bytes).ok();
    let is_label = text.is_some_and(label);
    let is_socket = socket(bytes);
    let is_pipe = text.is_some_and(pipe);
    by_path(bytes);
    match u8::from(is_label) + u8::from(is_socket) + u8::from(is_pipe) {
        0 => Err(ErrorKind::InvalidName),
        1 => Ok(()),
        _ => panic!("{bytes:?} is more than one thing"),
    }
}

fn label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_good = matches!(bytes, [first, ..] if !b".-".contains(first))
        && bytes.last() != Some(&b'.')
        && bytes.len() <= 64
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
    match Name::new(text) {
        Ok(name) => {
            assert!(is_good, "{text:?}");
            assert_eq!(name.to_string(), text);
            assert_eq!(text.parse::<Name>().ok().as_ref(), Some(&name));
            // Asking the system where sockets are is nothing that an interpreter can do.
            if !cfg!(miri) {
                check_place(&name, text);
            }
        }
        Err(error) => check_refusal(&error, is_good),
    }
    assert_eq!(rules::check_label(text).is_ok(), is_good);
    is_good
}

/// Two labels never share a place, and no label leads out of the folder.
fn check_place(name: &Name, label: &str) {
    // A user without a folder of his own has no names.
    let Ok(path) = name.path() else { return };
    let Ok(other) = Name::new("x").and_then(|name| name.path()) else {
        panic!("one label has a place, another has none")
    };
    let (path, other) = (path.to_string_lossy(), other.to_string_lossy());
    let folder = &other[..other.rfind("x").unwrap_or(0)];
    assert!(
        path.starts_with(folder) && path[folder.len()..].starts_with(label),
        "{path:?}"
    );
}

fn socket(bytes: &[u8]) -> bool {
    let is_good = |limit| {
        bytes.first() == Some(&b'/')
            && bytes.last() != Some(&b'/')
            && !bytes.contains(&0)
            && bytes.len() <= limit
    };
    for limit in [103, 107] {
        assert_eq!(
            rules::check_socket_path(bytes, limit).is_ok(),
            is_good(limit)
        );
    }
    is_good(103)
}

fn pipe(text: &str) -> bool {
    let rest = text
        .get(..9)
        .filter(|prefix| prefix.eq_ignore_ascii_case(r"\\.\pipe\"))
        .map(|_| &text[9..]);
    let is_good = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.ends_with(['.', ' '])
            && !rest.contains(['\\', '/', '\0', '\u{fffd}'])
            && text.encode_utf16().count() <= 256
    });
    assert_eq!(rules::check_pipe_path(text).is_ok(), is_good, "{text:?}");
    is_good
}

/// The rule of the system that this runs on, as a user meets it.
#[cfg(unix)]
fn by_path(bytes: &[u8]) {
    use std::os::unix::ffi::OsStrExt as _;
    check_path(OsStr::from_bytes(bytes));
}

#[cfg(windows)]
fn by_path(bytes: &[u8]) {
    check_path(String::from_utf8_lossy(bytes).as_ref().as_ref());
}

fn check_path(path: &OsStr) {
    let is_good = rules::check_path(path).is_ok();
    match Name::from_path(path) {
        Ok(name) => {
            assert!(is_good, "{path:?}");
            assert_eq!(name.path().ok().as_deref(), Some(path.as_ref()));
        }
        Err(error) => check_refusal(&error, is_good),
    }
}

fn check_refusal(error: &offspring::Error, is_good: bool) {
    super::check_text(error);
    assert!(
        !is_good && error.kind() == ErrorKind::InvalidName,
        "{error:?}"
    );
}

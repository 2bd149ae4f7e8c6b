//! What a name may be. The rules for all systems are here, and tested on all systems.

use std::ffi::OsStr;

use super::NameError;

/// The rule for labels, the same on every system, so that a name which works on one works on all.
pub(super) fn check_label(label: &str) -> Result<(), NameError> {
    let name = || label.to_owned();
    let (Some(first), Some(last)) = (label.chars().next(), label.chars().next_back()) else {
        return Err(NameError::Empty);
    };
    if let Some(character) = label
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
    {
        return Err(NameError::Character {
            name: name(),
            character,
        });
    }
    // "." and ".." are folders, hidden files surprise, and "-x" is an option to many a tool.
    if matches!(first, '.' | '-') {
        return Err(NameError::Edge {
            name: name(),
            character: first,
        });
    }
    // Windows drops the dots at the end of a path: "jobs." would be another name for "jobs".
    if last == '.' {
        return Err(NameError::Edge {
            name: name(),
            character: last,
        });
    }
    if label.len() > LABEL_LIMIT {
        return Err(NameError::TooLong {
            name: name(),
            size: label.len(),
            limit: LABEL_LIMIT,
        });
    }
    Ok(())
}

#[cfg(unix)]
pub(super) fn check_path(path: &OsStr) -> Result<(), NameError> {
    use std::os::unix::ffi::OsStrExt as _;
    check_socket_path(path.as_bytes(), SOCKET_PATH_LIMIT)
}

#[cfg(windows)]
pub(super) fn check_path(path: &OsStr) -> Result<(), NameError> {
    // A lone surrogate becomes U+FFFD here, which the rule refuses.
    check_pipe_path(&path.to_string_lossy())
}

/// The rule for exact addresses on Unix.
///
/// The limit leaves room for the closing NUL: Linux binds without it, but then nobody can connect through std.
#[cfg_attr(
    not(any(unix, test)),
    expect(dead_code, reason = "tested on every system")
)]
pub(crate) fn check_socket_path(path: &[u8], limit: usize) -> Result<(), NameError> {
    let name = || String::from_utf8_lossy(path).into_owned();
    match path {
        [] => Err(NameError::Empty),
        _ if path.contains(&0) => Err(NameError::Character {
            name: name(),
            character: '\0',
        }),
        [first, ..] if *first != b'/' => Err(NameError::NotLocal { name: name() }),
        [.., b'/'] => Err(NameError::Edge {
            name: name(),
            character: '/',
        }),
        _ if path.len() > limit => Err(NameError::TooLong {
            name: name(),
            size: path.len(),
            limit,
        }),
        _ => Ok(()),
    }
}

/// The rule for exact addresses on Windows.
///
/// Remote pipes (`\\host\pipe\…`) are refused: whoever owns that host would answer.
#[cfg_attr(
    not(any(windows, test)),
    expect(dead_code, reason = "tested on every system")
)]
pub(crate) fn check_pipe_path(path: &str) -> Result<(), NameError> {
    let name = || path.to_owned();
    if path.is_empty() {
        return Err(NameError::Empty);
    }
    let (Some(prefix), Some(rest)) = (path.get(..PIPE_PREFIX.len()), path.get(PIPE_PREFIX.len()..))
    else {
        return Err(NameError::NotLocal { name: name() });
    };
    if !prefix.eq_ignore_ascii_case(PIPE_PREFIX) || rest.is_empty() {
        return Err(NameError::NotLocal { name: name() });
    }
    // Windows makes backslashes of slashes before it looks for the pipe, so both would make another folder.
    if let Some(character) = rest
        .chars()
        .find(|c| matches!(c, '\\' | '/' | '\0' | '\u{fffd}'))
    {
        return Err(NameError::Character {
            name: name(),
            character,
        });
    }
    // Windows drops these at the end of a path: two spellings would be one pipe.
    if let Some(character) = rest.chars().next_back().filter(|c| matches!(c, '.' | ' ')) {
        return Err(NameError::Edge {
            name: name(),
            character,
        });
    }
    let size = path.encode_utf16().count();
    if size > PIPE_PATH_LIMIT {
        return Err(NameError::TooLong {
            name: name(),
            size,
            limit: PIPE_PATH_LIMIT,
        });
    }
    Ok(())
}

const LABEL_LIMIT: usize = 64;

/// `sizeof(sockaddr_un.sun_path) - 1`.
#[cfg(unix)]
pub(crate) const SOCKET_PATH_LIMIT: usize = if cfg!(any(target_os = "linux", target_os = "android"))
{
    107
} else {
    103
};

pub(crate) const PIPE_PREFIX: &str = r"\\.\pipe\";
pub(crate) const PIPE_PATH_LIMIT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_paths_are_absolute_whole_and_short_enough() {
        let path = |size| format!("/{}", "x".repeat(size - 1)).into_bytes();
        assert_eq!(check_socket_path(b"/run/x.sock", 107), Ok(()));
        assert_eq!(check_socket_path(b"/\xff", 107), Ok(()));
        assert_eq!(check_socket_path(&path(103), 103), Ok(()));
        assert_eq!(check_socket_path(&path(107), 107), Ok(()));
        assert_eq!(check_socket_path(b"", 107), Err(NameError::Empty));
        for (limit, size) in [(103, 104), (107, 108), (107, 109), (107, 300)] {
            let Err(NameError::TooLong {
                size: told,
                limit: allowed,
                ..
            }) = check_socket_path(&path(size), limit)
            else {
                panic!("{size} bytes were accepted where {limit} are allowed");
            };
            assert_eq!((told, allowed), (size, limit));
        }
        assert!(matches!(
            check_socket_path(b"a/b", 107),
            Err(NameError::NotLocal { .. })
        ));
        // What would be an abstract socket, which has no permissions at all.
        assert!(matches!(
            check_socket_path(b"\0x", 107),
            Err(NameError::Character { .. })
        ));
        assert!(matches!(
            check_socket_path(b"/a\0b", 107),
            Err(NameError::Character { .. })
        ));
        assert!(matches!(
            check_socket_path(b"/a/", 107),
            Err(NameError::Edge { .. })
        ));
        assert!(matches!(
            check_socket_path(b"/", 107),
            Err(NameError::Edge { .. })
        ));
    }

    #[test]
    fn pipe_paths_are_local_flat_and_short_enough() {
        let path = |size: usize| format!(r"\\.\pipe\{}", "x".repeat(size - 9));
        for good in [r"\\.\pipe\x", r"\\.\PIPE\a b.c", &path(256)] {
            assert_eq!(check_pipe_path(good), Ok(()), "{good}");
        }
        assert_eq!(check_pipe_path(""), Err(NameError::Empty));
        for bad in [
            r"\\server\pipe\x",
            r"\\?\pipe\x",
            r"C:\x",
            "/x",
            r"\\.\pipe\",
            r"\\.\pip",
            "x",
        ] {
            assert!(
                matches!(check_pipe_path(bad), Err(NameError::NotLocal { .. })),
                "{bad}"
            );
        }
        for bad in [
            r"\\.\pipe\a\b",
            r"\\.\pipe\a/b",
            "\\\\.\\pipe\\a\0",
            r"\\.\pipe\..\x",
        ] {
            assert!(
                matches!(check_pipe_path(bad), Err(NameError::Character { .. })),
                "{bad}"
            );
        }
        for bad in [r"\\.\pipe\..", r"\\.\pipe\a.", r"\\.\pipe\a "] {
            assert!(
                matches!(check_pipe_path(bad), Err(NameError::Edge { .. })),
                "{bad}"
            );
        }
        assert!(matches!(
            check_pipe_path(&path(257)),
            Err(NameError::TooLong {
                size: 257,
                limit: 256,
                ..
            })
        ));
        // The prefix ends inside a character of two bytes.
        assert!(matches!(
            check_pipe_path(r"\\.\pipeé"),
            Err(NameError::NotLocal { .. })
        ));
    }
}

//! Names that unrelated programs meet by.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::sys;

mod rules;

pub(crate) use rules::*;

/// The name of a server: what it binds, and what its clients connect to.
///
/// A [label](Self::new) such as `editor.language-server` belongs to the user who runs the program: two users can
/// both have a server `jobs`, and neither can reach or take the other's. A [path](Self::from_path) is an exact
/// address, for programs that must meet a server which chose its own.
///
/// A name that exists is a valid one; only its length is checked again when a label meets the folder it lives in.
///
/// # Platform notes
///
/// [`path`](Self::path) tells the real address, so that a program in any language can connect to it. Windows and
/// the usual file systems of macOS take `jobs` and `Jobs` for one name: do not rely on a difference in case.
///
/// # Examples
///
/// ```
/// use offspring_platform::Name;
///
/// let name = Name::new("editor.language-server")?;
/// assert_eq!(name.to_string(), "editor.language-server");
/// assert!(Name::new("no/slashes").is_err());
/// # Ok::<(), offspring_platform::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Address);

/// The two forms of a name, for the backends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// Passed [`check_label`].
    Label(Box<str>),
    /// Passed the path rule of this system.
    Path(PathBuf),
}

impl Name {
    /// Creates a per-user name from a label: 1 to 64 bytes of `A-Z a-z 0-9 . _ -`, which does not begin with `.`
    /// or `-` and does not end with `.`.
    ///
    /// # Errors
    ///
    /// [`NameError`] says which rule the label breaks.
    pub fn new(label: impl AsRef<str>) -> Result<Self, NameError> {
        let label = label.as_ref();
        check_label(label)?;
        Ok(Self(Address::Label(label.into())))
    }

    /// Creates a name from an exact address: an absolute socket path on Unix, a local pipe `\\.\pipe\…` on Windows.
    ///
    /// The folder of a socket path is the caller's business: it is never created, and whoever can write to it
    /// decides who answers. The user of the other side is checked all the same.
    ///
    /// # Errors
    ///
    /// [`NameError`] says which rule the path breaks.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, NameError> {
        let path = path.as_ref();
        check_path(path.as_os_str())?;
        Ok(Self(Address::Path(path.to_path_buf())))
    }

    /// Creates a name that nobody else has or can guess: 128 random bits.
    ///
    /// # Errors
    ///
    /// If the system has no randomness to give.
    pub fn unique() -> io::Result<Self> {
        let label = hex(&random()?);
        Ok(Self(Address::Label(label.into())))
    }

    /// Where the name lives on this system: the path of a socket, or the path of a pipe.
    ///
    /// Nothing is created by asking.
    ///
    /// # Errors
    ///
    /// `NotFound` if the user has no private folder that sockets could live in; `InvalidInput`, with a
    /// [`NameError`] inside, if the path would be longer than the system allows.
    pub fn path(&self) -> io::Result<PathBuf> {
        sys::address(self)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(label: &str) -> Result<Self, NameError> {
        Self::new(label)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Label(label) => f.write_str(label),
            Address::Path(path) => path.display().fmt(f),
        }
    }
}

/// Why something is not a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty.
    Empty,
    /// The name, or the address made from it, is longer than the system allows.
    TooLong {
        /// The name or address.
        name: String,
        /// Its size, in bytes (in UTF-16 units for a Windows pipe).
        size: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// The name contains a character that it must not contain.
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// The name begins or ends with a character that it must not begin or end with.
    Edge {
        /// The name.
        name: String,
        /// The character.
        character: char,
    },
    /// The path is not an address of this computer: not an absolute path on Unix, not `\\.\pipe\…` on Windows.
    NotLocal {
        /// The path.
        name: String,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name must not be empty"),
            Self::TooLong { name, size, limit } => {
                write!(
                    f,
                    "the name {name:?} is too long: {size} bytes, {limit} are allowed"
                )
            }
            Self::Character { name, character } => {
                write!(f, "the name {name:?} must not contain {character:?}")
            }
            Self::Edge { name, character } => {
                write!(
                    f,
                    "the name {name:?} must not begin or end with {character:?}"
                )
            }
            Self::NotLocal { name } if cfg!(windows) => {
                write!(
                    f,
                    r"the name {name:?} must be the path of a local pipe, \\.\pipe\…"
                )
            }
            Self::NotLocal { name } => write!(f, "the name {name:?} must be an absolute path"),
        }
    }
}

impl std::error::Error for NameError {}

impl From<NameError> for io::Error {
    fn from(error: NameError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// 128 bits from the system's random number generator.
pub(crate) fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_allowed_characters_are_names() {
        let longest = "x".repeat(64);
        for label in ["a", "Z", "0", "_", "a.b", "a-b_c.9", "a-", "con", &longest] {
            let name = Name::new(label).unwrap();
            assert_eq!(name.to_string(), label);
            assert_eq!(label.parse::<Name>().unwrap(), name);
        }
    }

    #[test]
    fn labels_that_break_a_rule_are_refused_with_the_rule() {
        let too_long = "x".repeat(65);
        let edge = |name: &str, character| NameError::Edge {
            name: name.into(),
            character,
        };
        let character = |name: &str, character| NameError::Character {
            name: name.into(),
            character,
        };
        for (label, error) in [
            ("", NameError::Empty),
            (".", edge(".", '.')),
            ("..", edge("..", '.')),
            (".hidden", edge(".hidden", '.')),
            ("-x", edge("-x", '-')),
            ("jobs.", edge("jobs.", '.')),
            ("a/b", character("a/b", '/')),
            ("a\\b", character("a\\b", '\\')),
            ("a b", character("a b", ' ')),
            ("a\0b", character("a\0b", '\0')),
            ("é", character("é", 'é')),
            ("a\n", character("a\n", '\n')),
            (
                &too_long,
                NameError::TooLong {
                    name: too_long.clone(),
                    size: 65,
                    limit: 64,
                },
            ),
        ] {
            assert_eq!(Name::new(label), Err(error), "{label:?}");
        }
    }

    #[test]
    fn unique_names_are_valid_and_differ() {
        let (one, other) = (Name::unique().unwrap(), Name::unique().unwrap());
        assert_ne!(one, other);
        assert_eq!(Name::new(one.to_string()).unwrap(), one);
        assert_eq!(one.to_string().len(), 32);
    }

    #[test]
    fn an_error_names_the_name_the_size_and_the_limit() {
        let text = Name::new("y".repeat(70)).unwrap_err().to_string();
        assert!(
            text.contains("yyy") && text.contains("70") && text.contains("64"),
            "{text}"
        );
    }
}

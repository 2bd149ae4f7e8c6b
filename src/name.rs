//! [`Name`]: what unrelated programs meet by.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use offspring_platform as platform;

use crate::error::{Error, ErrorKind, Result};

/// The name of a server: what a [`Listener`](crate::Listener) binds, and what its clients
/// [connect](crate::Connection::connect) to.
///
/// A [label](Self::new) such as `editor.language-server` belongs to the user who runs the program: two users can
/// both have a server `jobs`, and neither can reach or take the other's. A [path](Self::from_path) is an exact
/// address, for programs that must meet a server which chose its own.
///
/// # Platform notes
///
/// A label is a socket in the user's runtime directory on Unix and a named pipe with the user's SID in its name on
/// Windows. [`path`](Self::path) tells the real address, so that a program in any language can connect to it. Windows
/// and the usual file systems of macOS take `jobs` and `Jobs` for one name.
///
/// # Examples
///
/// ```
/// use offspring::{ErrorKind, Name};
///
/// # fn main() -> offspring::Result<()> {
/// let name = Name::new("editor.language-server")?;
/// assert_eq!(name.to_string(), "editor.language-server");
///
/// let error = Name::new("no/slashes").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidName);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(platform::Name);

impl Name {
    /// Creates a per-user name from a label: 1 to 64 bytes of `A-Z a-z 0-9 . _ -`, which does not begin with `.`
    /// or `-` and does not end with `.`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`]; the text says which rule the label breaks.
    ///
    /// # Examples
    ///
    /// ```
    /// let name = offspring::Name::new("my-app")?;
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn new(label: impl AsRef<str>) -> Result<Self> {
        platform::Name::new(label).map(Self).map_err(invalid)
    }

    /// Creates a name from an exact address: an absolute socket path on Unix, a local pipe `\\.\pipe\…` on Windows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`]; the text says which rule the path breaks.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Name;
    ///
    /// let path = if cfg!(windows) { r"\\.\pipe\my-app" } else { "/home/ada/.my-app/socket" };
    /// let name = Name::from_path(path)?;
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        platform::Name::from_path(path).map(Self).map_err(invalid)
    }

    /// Creates a name that nobody else has or can guess: a label of 128 random bits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the system has no random numbers to give.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::Name;
    ///
    /// assert_ne!(Name::unique()?, Name::unique()?);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn unique() -> Result<Self> {
        platform::Name::unique()
            .map(Self)
            .map_err(|error| Error::io("make a unique name", error))
    }

    /// Where the name lives on this system.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] if the address would be longer than the system allows, [`ErrorKind::Refused`] if
    /// there is no place for it that other users cannot change.
    ///
    /// # Examples
    ///
    /// ```
    /// let path = offspring::Name::new("my-app")?.path()?;
    /// println!("python3 client.py {}", path.display());
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn path(&self) -> Result<PathBuf> {
        self.0
            .path()
            .map_err(|error| Error::io(format_args!("locate {self:?}"), error))
    }

    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn as_platform(&self) -> &platform::Name {
        &self.0
    }

    /// A client of the server with this name, in words.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn client(&self, pid: Option<u32>) -> String {
        match pid {
            Some(pid) => format!("a client of {self:?} (pid {pid})"),
            None => format!("a client of {self:?}"),
        }
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(label: &str) -> Result<Self> {
        Self::new(label)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.to_string())
    }
}

fn invalid(error: platform::NameError) -> Error {
    Error::new(ErrorKind::InvalidName, error.to_string()).with_source(error)
}

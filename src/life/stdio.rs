//! [`Stdio`]: what a child finds at a standard stream.

#[cfg(feature = "node")]
use std::any::Any;
use std::fs::File;
use std::io;
use std::process;

use offspring_platform::Stdin;

/// What a child finds at a standard stream. The same choices as [`std::process::Stdio`].
///
/// A type of our own is needed for the standard input, because what the user asked for is handed over by
/// [`Command`](crate::Command) itself. [`Command::stdout`](crate::Command::stdout) and `stderr` take either type.
///
/// # Examples
///
/// ```
/// use offspring::{Command, Stdio};
///
/// let mut command = Command::new("./worker");
/// command.stdin(Stdio::null()).stdout(Stdio::piped());
/// ```
#[derive(Debug)]
pub struct Stdio(Stdin);

#[cfg(all(feature = "node", unix))]
type Open = std::os::fd::OwnedFd;
#[cfg(all(feature = "node", windows))]
type Open = std::os::windows::io::OwnedHandle;

impl Stdio {
    /// The stream of this process.
    ///
    /// # Examples
    ///
    /// ```
    /// let stdio = offspring::Stdio::inherit();
    /// # let _ = stdio;
    /// ```
    pub fn inherit() -> Self {
        Self(Stdin::Inherit)
    }

    /// Nothing: reads end at once, writes vanish.
    ///
    /// # Examples
    ///
    /// ```
    /// let stdio = offspring::Stdio::null();
    /// # let _ = stdio;
    /// ```
    pub fn null() -> Self {
        Self(Stdin::Null)
    }

    /// A pipe to this process: [`Child::stdin`](crate::Child::stdin) and its siblings.
    ///
    /// # Examples
    ///
    /// ```
    /// let stdio = offspring::Stdio::piped();
    /// # let _ = stdio;
    /// ```
    pub fn piped() -> Self {
        Self(Stdin::Piped)
    }

    /// Takes `stdio` for one of ours, if it can be told what is in it: in one of std's it cannot.
    #[cfg(feature = "node")]
    pub(crate) fn known(
        stdio: impl Into<process::Stdio> + 'static,
    ) -> Result<Self, process::Stdio> {
        let mut stdio = Some(stdio);
        let any: &mut dyn Any = &mut stdio;
        if let Some(ours) = any.downcast_mut::<Option<Self>>().and_then(Option::take) {
            return Ok(ours);
        }
        if let Some(file) = any.downcast_mut::<Option<File>>().and_then(Option::take) {
            return Ok(file.into());
        }
        if let Some(open) = any.downcast_mut::<Option<Open>>().and_then(Option::take) {
            return Ok(open.into());
        }
        // Nobody has taken it.
        Err(stdio.map_or_else(process::Stdio::inherit, Into::into))
    }

    /// For a spawn of its own: a command may be spawned many times.
    pub(crate) fn to_stdin(&self) -> io::Result<Stdin> {
        Ok(match &self.0 {
            Stdin::Null => Stdin::Null,
            Stdin::Piped => Stdin::Piped,
            Stdin::Owned(owned) => Stdin::Owned(owned.try_clone()?),
            _ => Stdin::Inherit,
        })
    }
}

impl From<File> for Stdio {
    /// An open file.
    fn from(file: File) -> Self {
        Self(Stdin::Owned(file.into()))
    }
}

#[cfg(unix)]
impl From<std::os::fd::OwnedFd> for Stdio {
    /// Anything open.
    fn from(fd: std::os::fd::OwnedFd) -> Self {
        Self(Stdin::Owned(fd))
    }
}

#[cfg(windows)]
impl From<std::os::windows::io::OwnedHandle> for Stdio {
    /// Anything open.
    fn from(handle: std::os::windows::io::OwnedHandle) -> Self {
        Self(Stdin::Owned(handle))
    }
}

impl From<process::ChildStdout> for Stdio {
    /// The output of another child.
    fn from(stdout: process::ChildStdout) -> Self {
        Self(Stdin::Owned(stdout.into()))
    }
}

impl From<Stdio> for process::Stdio {
    fn from(stdio: Stdio) -> Self {
        match stdio.0 {
            Stdin::Null => Self::null(),
            Stdin::Piped => Self::piped(),
            Stdin::Owned(owned) => owned.into(),
            _ => Self::inherit(),
        }
    }
}

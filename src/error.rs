//! The one error type of the crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::process::ExitStatus;

/// A [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of this crate.
///
/// One opaque type, one word wide. Programs branch on [`kind`](Self::kind); the text names the thing that failed
/// (which program, which name, which limit), is meant for people, and may change in any release. The cause, if
/// there is one, is [`source`](StdError::source).
///
/// # Examples
///
/// ```
/// use offspring::{Error, ErrorKind};
///
/// fn explain(error: &Error) -> String {
///     match error.kind() {
///         ErrorKind::TooLarge { size, limit } => format!("split it up: {size} bytes, {limit} are allowed"),
///         ErrorKind::Disconnected => "the other process is gone".to_owned(),
///         _ => error.to_string(),
///     }
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    text: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error. The text is a lower-case fragment that fits after "failed to …", and names the thing.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            text: text.into(),
            source: None,
        }))
    }

    /// Adds the cause.
    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts in front what was being done: `send to child "resize" (pid 7): …`.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    #[cold]
    pub(crate) fn during(mut self, what: impl fmt::Display) -> Self {
        self.0.text = format!("{what}: {}", self.0.text).into();
        self
    }

    /// What the operating system said while `what` was done.
    #[cold]
    pub(crate) fn io(what: impl fmt::Display, source: io::Error) -> Self {
        use io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::NotFound | Io::ConnectionRefused => ErrorKind::NotFound,
            Io::AddrInUse | Io::AlreadyExists => ErrorKind::NameInUse,
            Io::PermissionDenied => ErrorKind::Refused,
            Io::TimedOut => ErrorKind::Timeout,
            Io::InvalidInput => ErrorKind::InvalidName,
            _ => ErrorKind::Io,
        };
        Self::new(kind, format!("{what}: {source}")).with_source(source)
    }

    /// What the operating system said when a name was to be taken.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    #[cold]
    pub(crate) fn bind(name: &impl fmt::Debug, source: io::Error) -> Self {
        match source.kind() {
            // The folder of a path is missing. `NotFound` is for names on which nobody listens.
            io::ErrorKind::NotFound => {
                Self::new(ErrorKind::Io, format!("listen on {name:?}: {source}"))
                    .with_source(source)
            }
            _ => Self::io(format_args!("listen on {name:?}"), source),
        }
    }

    /// Adds to the text, without changing the kind.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    #[cold]
    pub(crate) fn and_then_text(mut self, more: impl fmt::Display) -> Self {
        self.0.text = format!("{}{more}", self.0.text).into();
        self
    }

    /// What went wrong, for programs.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, Name};
    ///
    /// let error = Name::new("not/a/name").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidName);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl ErrorKind {
    /// Whether a `recv` that fails with this will fail with it again: the connection has ended. After any other error the
    /// connection is still good.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    ///
    /// assert!(ErrorKind::Disconnected.ends_connection());
    /// assert!(!ErrorKind::Decode.ends_connection()); // that message was skipped
    /// ```
    pub fn ends_connection(self) -> bool {
        !matches!(
            self,
            Self::Encode
                | Self::Decode
                | Self::Malformed
                | Self::TooDeep { .. }
                | Self::TooManyItems { .. }
                | Self::Full
                | Self::Empty
                | Self::Stalled
                | Self::Unsupported
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `main() -> Result<()>` prints this form, so it should read like a sentence.
        write!(f, "{} ({:?})", self.0.text, self.0.kind)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            // What the system said often stands in the text already.
            let text = error.to_string();
            if !self.0.text.contains(&text) {
                write!(f, ": {text}")?;
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        use io::ErrorKind as Io;
        let kind = match error.kind() {
            ErrorKind::Disconnected | ErrorKind::Closed => Io::BrokenPipe,
            ErrorKind::Truncated => Io::UnexpectedEof,
            ErrorKind::Timeout | ErrorKind::Stalled => Io::TimedOut,
            ErrorKind::Full | ErrorKind::Empty => Io::WouldBlock,
            ErrorKind::NotFound => Io::NotFound,
            ErrorKind::NameInUse => Io::AddrInUse,
            ErrorKind::Refused => Io::PermissionDenied,
            ErrorKind::InvalidName | ErrorKind::Encode => Io::InvalidInput,
            ErrorKind::Decode
            | ErrorKind::Malformed
            | ErrorKind::TooLarge { .. }
            | ErrorKind::TooDeep { .. }
            | ErrorKind::TooManyItems { .. }
            | ErrorKind::Protocol
            | ErrorKind::Incompatible => Io::InvalidData,
            ErrorKind::Unsupported => Io::Unsupported,
            _ => Io::Other,
        };
        Self::new(kind, error)
    }
}

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A message could not be serialised. Nothing was sent; the connection is still good.
    Encode,
    /// A message arrived whole but is not of the expected type. It was skipped; the connection is still good.
    Decode,
    /// A message arrived whole but is not valid MessagePack, or with Node.js not valid JSON or no structured clone. It was skipped; the connection is still good.
    Malformed,
    /// A message is larger than the limit. At the sender nothing was sent and the connection is still good; at the
    /// receiver the connection is unusable from here on, for the rest of the message was not read.
    TooLarge {
        /// The size of the message, in bytes.
        size: u64,
        /// The limit, in bytes. It is the smaller one of the two sides' [`Config::max_message`](crate::Config::max_message).
        limit: u64,
    },
    /// A message is nested too deeply. It was not sent, or skipped; the connection is still good.
    TooDeep {
        /// The limit, in levels.
        limit: u32,
    },
    /// A message has too many items (map and array elements in all). It was not sent, or skipped; the connection
    /// is still good.
    TooManyItems {
        /// The limit, in items.
        limit: u32,
    },
    /// The other side is gone without having said goodbye, or goes on no more.
    Disconnected,
    /// The other side was cut off in the middle of a message.
    Truncated,
    /// This side has already said goodbye.
    Closed,
    /// The other side does not keep to the wire format, or is not an offspring program at all.
    Protocol,
    /// The two sides have no wire version or no application protocol in common.
    Incompatible,
    /// There is no room to take the message at this moment (`try_send`), or was none in time (`send_timeout`).
    Full,
    /// No message is there at this moment (`try_recv`), or none came in time (`recv_timeout`).
    Empty,
    /// A deadline passed. A started program that has not said hello in time does not call
    /// [`Parent::attach`](crate::Parent::attach), or calls it too late.
    Timeout,
    /// Neither side reads: what arrived fills the read-ahead limit, and the other side takes nothing.
    Stalled,
    /// A name breaks the rules for names.
    InvalidName,
    /// A live server already owns the name, or a foreign file is in its place.
    NameInUse,
    /// Nobody listens on the name.
    NotFound,
    /// The other side belongs to another user, or the place of a name could be changed by one. Or the server has as many
    /// clients as it takes.
    Refused,
    /// A program could not be started.
    Spawn,
    /// A child ended before it attached to its parent.
    ExitedEarly {
        /// Its exit status.
        status: ExitStatus,
    },
    /// The program was started by hand, not by [`Command`](crate::Command).
    NotAChild,
    /// The program has already attached to its parent.
    AlreadyAttached,
    /// This system, or the other side, does not know such a thing.
    Unsupported,
    /// The operating system reported something else; see [`source`](StdError::source).
    Io,
}

//! Why bytes of Node.js, or for it, are no good.

use std::fmt;

use serde::{de, ser};

use super::super::Limits;
use crate::{Error, ErrorKind};

/// What is wrong with bytes, before or beside serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// They are larger than this.
    Large { size: u64, limit: u64 },
    /// There are more levels than this.
    Deep(u32),
    /// There are more items than this.
    Many(u32),
    /// They end before the value does, or cannot hold all that is claimed.
    Short,
    /// So many follow the value.
    Trailing(usize),
    /// They do not begin as they should.
    Header,
    /// The byte at this place begins nothing.
    Tag { at: usize, tag: u8 },
    /// What ends at this place is wrong.
    Broken { at: usize, what: &'static str },
}

impl Fault {
    pub(super) fn large(size: u64, limits: Limits) -> Self {
        let limit = limits.max_message() as u64;
        Self::Large { size, limit }
    }

    #[cold]
    pub(super) fn error(self, during: impl fmt::Display) -> Error {
        let kind = match self {
            Self::Large { size, limit } => ErrorKind::TooLarge { size, limit },
            Self::Deep(limit) => ErrorKind::TooDeep { limit },
            Self::Many(limit) => ErrorKind::TooManyItems { limit },
            _ => ErrorKind::Malformed,
        };
        Error::new(kind, format!("{during}: {self}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Large { size, limit } => write!(
                f,
                "it takes {size} bytes, {limit} are allowed; `Config::max_message` says how many"
            ),
            Self::Deep(limit) => write!(f, "the value has more than {limit} levels"),
            Self::Many(limit) => write!(
                f,
                "the value has more than {limit} items; `Config::max_items` says how many may be"
            ),
            Self::Short => f.write_str("the value claims more than is there"),
            Self::Trailing(extra) => write!(f, "{extra} bytes follow the value"),
            Self::Header => f.write_str("it does not begin with 0xff and a version of 13 to 15"),
            Self::Tag { at, tag } => write!(f, "byte {at} is {tag:#04x}, which begins nothing"),
            Self::Broken { at, what } => write!(f, "{what}, at byte {at}"),
        }
    }
}

/// What serde gets when something fails here: a [`Fault`], or what a type has to say.
#[derive(Debug)]
pub(super) struct Failure(Box<Reason>);

#[derive(Debug)]
enum Reason {
    Fault(Fault),
    Custom(String),
}

impl Failure {
    /// The error of the crate. `kind` is that of what types say.
    #[cold]
    pub(super) fn error(self, kind: ErrorKind, during: impl fmt::Display) -> Error {
        match *self.0 {
            Reason::Fault(fault) => fault.error(during),
            Reason::Custom(_) => Error::new(kind, during.to_string()).with_source(self),
        }
    }
}

impl From<Fault> for Failure {
    #[cold]
    fn from(fault: Fault) -> Self {
        Self(Box::new(Reason::Fault(fault)))
    }
}

impl de::Error for Failure {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(Box::new(Reason::Custom(text.to_string())))
    }
}

impl ser::Error for Failure {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(Box::new(Reason::Custom(text.to_string())))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Reason::Fault(fault) => fault.fmt(f),
            Reason::Custom(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

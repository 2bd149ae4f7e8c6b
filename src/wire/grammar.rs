//! [`Grammar`]: how messages are found in what has arrived, by the rules of either format.

use super::envelope::Envelope;
use super::format::Format;
use super::frame::{Frame, Parsed};
use super::limits::Limits;
#[cfg(feature = "node")]
use super::node;
use super::order::Order;
use crate::{Error, ErrorKind, Result};

#[cfg(feature = "node")]
pub(super) type Transfers = node::Transfers;
#[cfg(not(feature = "node"))]
pub(super) type Transfers = ();

/// How messages are found in what has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grammar {
    Frames(Limits),
    #[cfg(feature = "node")]
    Node(node::Reader),
}

impl Grammar {
    pub(super) fn new(format: Format, limits: Limits) -> Self {
        match format {
            Format::Offspring => Self::Frames(limits),
            #[cfg(feature = "node")]
            Format::Node(format) => Self::Node(node::Reader::new(format, limits)),
        }
    }

    pub(super) fn is_polite(&self) -> bool {
        matches!(self, Self::Frames(_))
    }

    /// Moves what belongs to the messages to the front of what has just arrived, and tells how much that is.
    pub(super) fn strip(&mut self, arrived: &mut [u8], transfers: &mut Transfers) -> usize {
        match self {
            Self::Frames(_) => {
                _ = transfers;
                arrived.len()
            }
            #[cfg(feature = "node")]
            Self::Node(reader) => reader.strip(arrived, transfers),
        }
    }

    /// Finds the next envelope from `at` on, and moves `at` behind it.
    #[inline(always)] // not left to chance: it is done for every message
    pub(super) fn walk<'a>(
        &mut self,
        unread: &'a [u8],
        at: &mut usize,
        order: &mut Order,
    ) -> Result<Option<Envelope<'a>>> {
        match self {
            Self::Frames(limits) => walk(unread, at, order, *limits),
            #[cfg(feature = "node")]
            Self::Node(reader) => reader.walk(unread, at),
        }
    }

    /// Notes that the first `count` unread bytes were taken.
    pub(super) fn taken(&mut self, count: usize) {
        match self {
            Self::Frames(_) => _ = count,
            #[cfg(feature = "node")]
            Self::Node(reader) => reader.taken(count),
        }
    }

    pub(super) fn need(&self, unread: &[u8]) -> usize {
        match self {
            Self::Frames(limits) => {
                let parsed = Frame::parse(unread, limits.max_message() as u64);
                parsed.map_or(0, |parsed| parsed.need())
            }
            #[cfg(feature = "node")]
            Self::Node(reader) => reader.need(unread),
        }
    }

    /// What the end of the stream means when only `rest` is left.
    pub(super) fn end(&self, rest: &[u8]) -> Result<()> {
        let need = self.need(rest);
        match self {
            Self::Frames(_) if rest.is_empty() || need == 0 => Ok(()),
            Self::Frames(_) => Err(cut_off("frame", rest, need)),
            #[cfg(feature = "node")]
            Self::Node(reader) => reader.end(rest),
        }
    }
}

/// Finds the next frame that is not to be ignored, from `at` on, and moves `at` behind it.
#[inline(always)] // not left to chance: it is done for every message
fn walk<'a>(
    unread: &'a [u8],
    at: &mut usize,
    order: &mut Order,
    limits: Limits,
) -> Result<Option<Envelope<'a>>> {
    loop {
        let Parsed::Complete { len, value } =
            Frame::parse(&unread[*at..], limits.max_message() as u64)?
        else {
            return Ok(None);
        };
        let envelope = Envelope::open(value, limits)?;
        if let Some(envelope) = &envelope {
            order.follow(envelope)?;
        }
        *at += len;
        if envelope.is_some() {
            return Ok(envelope);
        }
    }
}

pub(super) fn cut_off(what: &str, found: &[u8], need: usize) -> Error {
    let text = format!(
        "read a {what}: the stream ended after {} of at least {need} bytes",
        found.len()
    );
    Error::new(ErrorKind::Truncated, text)
}

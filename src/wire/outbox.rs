//! Bytes waiting to leave.

use std::mem;

use serde::Serialize;

use super::buffer::Sizes;
use super::format::Format;
use super::hello::Hello;
use super::limits::{Encoding, Limits};
#[cfg(feature = "node")]
use super::node;
#[cfg(any(feature = "blocking", feature = "tokio"))]
use super::outline::{Gap, Outline};
use super::{envelope, frame, msgpack};
use crate::{Error, ErrorKind, Result};

/// Bytes waiting to leave: messages go in, bytes come out.
///
/// Messages are serialised straight into the buffer that is written later. Each one is in it whole or not at all,
/// whatever fails.
///
/// # Examples
///
/// ```
/// use offspring::wire::{Encoding, Hello, Limits, Outbox};
///
/// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
/// outbox.push_hello(&Hello::new());
/// outbox.push("hi")?;
///
/// let mut batch = Vec::new();
/// outbox.take(&mut batch);
/// assert!(batch.ends_with(&[0, 0, 0, 4, 0, 0xa2, b'h', b'i']));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Those of this side, with the smaller one of the two sides' sizes as far as known.
    limits: Limits,
    max_message: usize,
    encoding: Encoding,
    format: Format,
    /// Bytes that have been taken.
    taken: u64,
    messages: u64,
    closed: bool,
    sizes: Sizes,
}

impl Outbox {
    /// Creates an empty one.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// assert!(Outbox::new(Limits::new(), Encoding::default()).is_empty());
    /// ```
    pub fn new(limits: Limits, encoding: Encoding) -> Self {
        Self::with_format(limits, encoding, Format::Offspring)
    }

    pub(crate) fn with_format(limits: Limits, encoding: Encoding, format: Format) -> Self {
        Self {
            bytes: Vec::new(),
            limits,
            max_message: limits.max_message(),
            encoding,
            format,
            taken: 0,
            messages: 0,
            closed: false,
            sizes: Sizes::default(),
        }
    }

    /// Adds the hello. It comes before everything else.
    ///
    /// # Panics
    ///
    /// If anything has been added before.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Hello, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push_hello(&Hello::new());
    /// assert_eq!(outbox.total(), outbox.len() as u64);
    /// ```
    pub fn push_hello(&mut self, hello: &Hello) {
        assert!(self.total() == 0, "the hello comes first");
        hello.encode(&mut self.bytes);
    }

    /// Adds a message.
    ///
    /// Until the peer's hello is known, and with it the limit of the peer, only the limit of this side is checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`] if the message cannot be serialised; [`ErrorKind::TooLarge`], [`ErrorKind::TooDeep`]
    /// or [`ErrorKind::TooManyItems`] if it is over a limit; [`ErrorKind::Closed`] after a goodbye. Everything is as
    /// before then, also when a `Serialize` implementation panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new().with_max_message(100), Encoding::Named);
    /// let error = outbox.push(&"a".repeat(200)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TooLarge { size: 202, limit: 100 });
    /// assert!(outbox.is_empty());
    /// ```
    pub fn push<M: Serialize + ?Sized>(&mut self, message: &M) -> Result<()> {
        self.check_open()?;
        match self.format {
            Format::Offspring => {
                let draft = Draft::begin(&mut self.bytes, envelope::MESSAGE);
                msgpack::encode(message, self.encoding, self.limits, draft.bytes)?;
                draft.finish();
            }
            #[cfg(feature = "node")]
            Format::Node(format) => {
                let (serialization, limits) = (format.serialization, self.limits);
                self.push_for_node(format, None, |bytes| {
                    let body = bytes.len();
                    serialization.encode(message, limits, bytes)?;
                    let name = std::any::type_name::<M>();
                    node::check(format, &bytes[body..], limits, name)
                })?;
            }
        }
        self.messages += 1;
        Ok(())
    }

    #[cfg(feature = "node")]
    pub(super) fn push_for_node(
        &mut self,
        format: node::Format,
        transfer: Option<node::Transfer<'_>>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let draft = Draft::of(&mut self.bytes, |bytes| {
            node::begin(bytes, format, transfer)
        });
        encode(draft.bytes)?;
        draft.finish_with(|bytes, start| {
            node::finish(bytes, start, format, transfer.is_some());
        });
        Ok(())
    }

    #[cfg(feature = "node")]
    pub(super) fn push_counted(
        &mut self,
        push: impl FnOnce(&mut Self, Limits) -> Result<()>,
    ) -> Result<()> {
        self.check_open()?;
        let limits = self.limits;
        push(self, limits)?;
        self.messages += 1;
        Ok(())
    }

    #[cfg(feature = "node")]
    pub(super) fn format(&self) -> Format {
        self.format
    }

    #[cfg(feature = "node")]
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Adds a message as [`push`](Self::push) does, unless it has large bytes: then nothing is added yet.
    ///
    /// The caller writes such a one itself, see [`take_outlined`](Self::take_outlined), or pushes it.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(crate) fn push_or_outline<M: Serialize + ?Sized>(
        &mut self,
        message: &M,
    ) -> Result<Option<Outline>> {
        if !self.format.is_polite() {
            return self.push(message).map(|()| None);
        }
        self.check_open()?;
        let draft = Draft::begin(&mut self.bytes, envelope::MESSAGE);
        let gaps = msgpack::outline(message, self.encoding, self.limits, draft.bytes)?;
        if !gaps.is_empty() {
            return Ok(Some(draft.outline(gaps, self.encoding)));
        }
        draft.finish();
        self.messages += 1;
        Ok(None)
    }

    /// Counts an outlined message as taken. The caller writes it now, before anything that is added later.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(crate) fn take_outlined(&mut self, outline: &Outline) -> Result<()> {
        self.check_open()?;
        debug_assert!(self.is_empty(), "what was added before has left");
        self.taken += outline.len();
        self.messages += 1;
        // What there is no room for waits in a buffer after all.
        self.sizes.record(outline.len() as usize);
        Ok(())
    }

    /// Gives away the buffer, if nothing is in it: for what there is no room for of an outlined message.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(crate) fn lend(&mut self, batch: &mut Vec<u8>) {
        if self.bytes.is_empty() && self.bytes.capacity() > batch.capacity() {
            mem::swap(&mut self.bytes, batch);
        }
    }

    #[inline]
    fn check_open(&self) -> Result<()> {
        match self.closed {
            true => Err(Error::new(
                ErrorKind::Closed,
                "send a message: this side has said goodbye",
            )),
            false => Ok(()),
        }
    }

    /// Adds the goodbye: no message of this side comes after it. `taken` is how many messages of the peer this
    /// side's program has taken so far.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] if there is one already.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push_goodbye(0)?;
    /// assert_eq!(outbox.push("more").unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn push_goodbye(&mut self, taken: u64) -> Result<()> {
        if mem::replace(&mut self.closed, true) {
            return Err(Error::new(
                ErrorKind::Closed,
                "say goodbye: this side has already done so",
            ));
        }
        if self.format.is_polite() {
            self.push_count(envelope::GOODBYE, taken);
        }
        Ok(())
    }

    /// Adds how many messages of the peer this side's program has taken so far. It may come after the goodbye.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push_taken(3);
    /// assert_eq!(outbox.len(), 13);
    /// ```
    pub fn push_taken(&mut self, count: u64) {
        if self.format.is_polite() {
            self.push_count(envelope::TAKEN, count);
        }
    }

    /// Sets the size of the largest message that the peer receives, once its hello is there.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.set_peer_limit(100);
    /// assert!(outbox.push(&"a".repeat(200)).is_err());
    /// ```
    pub fn set_peer_limit(&mut self, max_message: u64) {
        let theirs = usize::try_from(max_message).unwrap_or(usize::MAX);
        self.limits = self.limits.with_max_message(theirs.min(self.max_message));
    }

    /// Moves everything into `batch`: by swapping buffers if it is empty, else to its end.
    ///
    /// Call it once more, with the batch cleared, when all has been written: then it gives a buffer that was needed
    /// for one large message only back to the allocator, and keeps the one that will be needed again.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push(&7)?;
    /// let mut batch = Vec::new();
    /// outbox.take(&mut batch);
    /// assert_eq!(batch, [0, 0, 0, 2, 0, 7]);
    /// assert!(outbox.is_empty());
    /// # Ok::<(), offspring::Error>(())
    /// ```
    #[inline]
    pub fn take(&mut self, batch: &mut Vec<u8>) {
        self.taken += self.bytes.len() as u64;
        if !batch.is_empty() {
            batch.append(&mut self.bytes);
            return;
        }
        mem::swap(&mut self.bytes, batch);
        if batch.is_empty() {
            // Everything has left. The larger buffer serves the next message, so that only one of them grows.
            if batch.capacity() > self.bytes.capacity() {
                mem::swap(&mut self.bytes, batch);
            }
            *batch = Vec::new();
        } else {
            self.sizes.record(batch.len());
        }
        if !self.sizes.are_worth(self.bytes.capacity()) {
            self.bytes = Vec::new();
        }
    }

    /// Gives memory back that only future messages would need, for a connection that has been idle for a while.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.trim();
    /// ```
    pub fn trim(&mut self) {
        self.sizes = Sizes::default();
        self.bytes.shrink_to_fit();
    }

    /// How many bytes wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push(&7)?;
    /// assert_eq!(outbox.len(), 6);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no bytes wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// assert!(Outbox::new(Limits::new(), Encoding::Named).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes have ever been added. When that many have been written, all that is in now has left.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push(&7)?;
    /// outbox.take(&mut Vec::new());
    /// assert_eq!(outbox.total(), 6);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn total(&self) -> u64 {
        self.taken + self.bytes.len() as u64
    }

    /// How many messages have ever been added.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push(&7)?;
    /// outbox.push_taken(1);
    /// assert_eq!(outbox.messages(), 1);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn messages(&self) -> u64 {
        self.messages
    }

    fn push_count(&mut self, kind: u8, count: u64) {
        let draft = Draft::begin(&mut self.bytes, kind);
        draft.bytes.extend_from_slice(&count.to_be_bytes());
        draft.finish();
    }
}

/// A frame that is being written. Unless it is finished, it vanishes.
struct Draft<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
    finished: bool,
}

impl<'a> Draft<'a> {
    #[inline]
    fn begin(bytes: &'a mut Vec<u8>, kind: u8) -> Self {
        Self::of(bytes, |bytes| frame::begin(bytes, kind))
    }

    #[inline]
    fn of(bytes: &'a mut Vec<u8>, begin: impl FnOnce(&mut Vec<u8>)) -> Self {
        let start = bytes.len();
        begin(bytes);
        Self {
            bytes,
            start,
            finished: false,
        }
    }

    /// Takes it away again, as a frame with gaps.
    #[cfg(any(feature = "blocking", feature = "tokio"))]
    fn outline(self, gaps: Vec<Gap>, encoding: Encoding) -> Outline {
        Outline::new(self.bytes.split_off(self.start), self.start, gaps, encoding)
    }

    #[inline]
    fn finish(self) {
        self.finish_with(|bytes, start| frame::finish(bytes, start, 0));
    }

    #[inline]
    fn finish_with(mut self, finish: impl FnOnce(&mut Vec<u8>, usize)) {
        finish(self.bytes, self.start);
        self.finished = true;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.bytes.truncate(self.start);
        }
    }
}

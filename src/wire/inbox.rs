//! Bytes that arrived.

use super::agreement::Agreement;
use super::buffer::Buffer;
use super::envelope::Envelope;
use super::format::Format;
use super::frame::Parsed;
use super::grammar::{Grammar, Transfers, cut_off};
use super::hello::Hello;
use super::limits::Limits;
use super::order::Order;
use crate::{Error, ErrorKind, Result};

/// Bytes that arrived: bytes go in, envelopes come out, never a half one.
///
/// # Examples
///
/// ```
/// use std::io::Read;
///
/// use offspring::wire::{Envelope, Hello, Inbox, Limits};
///
/// let mut source: &[u8] = b"\x89OFS\r\n\x1a\n\x01\x01\x00\x01\x80\x00\x00\x00\x04\x00\xa2hi";
/// let mut inbox = Inbox::new(Limits::new(), Hello::new());
/// loop {
///     if let Some(envelope) = inbox.next()? {
///         assert!(matches!(envelope, Envelope::Message(body) if body.decode::<&str>()? == "hi"));
///         continue;
///     }
///     match source.read(inbox.space()) {
///         Ok(0) => break inbox.end()?,
///         Ok(n) => inbox.filled(n),
///         Err(error) => panic!("{error}"),
///     }
/// }
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Debug)]
pub struct Inbox {
    buffer: Buffer,
    grammar: Grammar,
    ours: Hello,
    peer: Option<Hello>,
    agreement: Option<Agreement>,
    order: Order,
    /// How many unread bytes `look_ahead` has seen, and the order of what it has seen.
    seen: usize,
    order_seen: Order,
    /// How many of those are messages.
    messages_seen: u64,
    /// How many bytes have come in all.
    received: u64,
    /// Descriptions of sockets that stood between the pieces of Node's stream.
    pub(super) transfers: Transfers,
}

impl Inbox {
    /// Creates an empty one. `ours` is the hello that this side sends: the peer is held to its
    /// [`max_message`](Hello::max_message).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let limits = Limits::new().with_max_message(4096);
    /// let inbox = Inbox::new(limits, Hello::new().with_max_message(4096));
    /// assert_eq!(inbox.buffered(), 0);
    /// ```
    pub fn new(limits: Limits, ours: Hello) -> Self {
        Self::with_format(limits, ours, Format::Offspring)
    }

    pub(crate) fn with_format(limits: Limits, ours: Hello, format: Format) -> Self {
        let limits = limits.with_max_message(ours.max_message() as usize);
        Self {
            buffer: Buffer::default(),
            grammar: Grammar::new(format, limits),
            ours,
            peer: None,
            agreement: None,
            order: Order::default(),
            seen: 0,
            order_seen: Order::default(),
            messages_seen: 0,
            transfers: Transfers::default(),
            received: 0,
        }
    }

    /// Room for the next read; then tell [`filled`](Self::filled). Never empty.
    ///
    /// The room grows as bytes come, whatever a header claims: all in all it is at most twice what waits here, plus
    /// 64 KiB. It shrinks again when nothing waits and the last few reads needed less.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.space()[..3].copy_from_slice(b"\x89OF");
    /// inbox.filled(3);
    /// assert_eq!(inbox.buffered(), 3);
    /// ```
    pub fn space(&mut self) -> &mut [u8] {
        let need = self.need();
        self.buffer.room(need)
    }

    /// Takes note that the first `n` bytes of [`space`](Self::space) have arrived.
    ///
    /// # Panics
    ///
    /// If there was no room for so many.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.space()[0] = 0x89;
    /// inbox.filled(1);
    /// assert_eq!(inbox.buffered(), 1);
    /// ```
    pub fn filled(&mut self, n: usize) {
        self.received += n as u64;
        let arrived = self.buffer.filled(n);
        let kept = self.grammar.strip(arrived, &mut self.transfers);
        self.buffer.drop_last(n - kept);
    }

    /// Adds bytes that were read elsewhere, and leaves `bytes` empty. Swaps buffers if nothing waits here.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// let mut bytes = b"\x89OFS".to_vec();
    /// inbox.absorb(&mut bytes);
    /// assert_eq!((inbox.buffered(), bytes.len()), (4, 0));
    /// ```
    pub fn absorb(&mut self, bytes: &mut Vec<u8>) {
        self.received += bytes.len() as u64;
        let kept = self.grammar.strip(bytes, &mut self.transfers);
        bytes.truncate(kept);
        self.buffer.absorb(bytes);
    }

    /// Takes the next envelope; `None` if more bytes are needed. Checks the peer's hello first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`], [`ErrorKind::Incompatible`] or [`ErrorKind::TooLarge`]: nothing more can be read
    /// from this peer. What is wrong is not taken, so every later call gives the same error.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.absorb(&mut b"GET / HTTP/1.1\r\n".to_vec());
    /// assert_eq!(inbox.next().unwrap_err().kind(), ErrorKind::Protocol);
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "what it yields borrows from it"
    )]
    pub fn next(&mut self) -> Result<Option<Envelope<'_>>> {
        if !self.open()? {
            return Ok(None);
        }
        let (unread, taken) = self.buffer.reader();
        let mut len = 0;
        let envelope = self.grammar.walk(unread, &mut len, &mut self.order)?;
        *taken += len;
        self.grammar.taken(len);
        if self.seen < len {
            (self.seen, self.order_seen) = (len, self.order);
        } else if matches!(envelope, Some(Envelope::Message(_))) {
            self.messages_seen -= 1;
        }
        self.seen -= len;
        Ok(envelope)
    }

    /// Finds the next control envelope among those that wait, without taking anything. Messages are passed over, and
    /// nothing is seen twice.
    ///
    /// So a side that waits for the peer's goodbye learns of it although messages wait in front of it.
    /// [`next`](Self::next) still gives everything in its order, control envelopes too.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), which can still take what is in front of the fault.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Envelope, Hello, Inbox, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push_hello(&Hello::new());
    /// outbox.push("unread")?;
    /// outbox.push_goodbye(5)?;
    /// let mut bytes = Vec::new();
    /// outbox.take(&mut bytes);
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.absorb(&mut bytes);
    /// assert!(matches!(inbox.look_ahead()?, Some(Envelope::Goodbye { taken: 5 })));
    /// assert!(inbox.look_ahead()?.is_none());
    /// assert!(matches!(inbox.next()?, Some(Envelope::Message(_))));
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn look_ahead(&mut self) -> Result<Option<Envelope<'_>>> {
        if !self.open()? {
            return Ok(None);
        }
        let unread = self.buffer.unread();
        loop {
            let (seen, order) = (&mut self.seen, &mut self.order_seen);
            let envelope = self.grammar.walk(unread, seen, order)?;
            if !matches!(envelope, Some(Envelope::Message(_))) {
                return Ok(envelope);
            }
            self.messages_seen += 1;
        }
    }

    /// How many messages [`look_ahead`](Self::look_ahead) has passed over that wait to be taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Encoding, Hello, Inbox, Limits, Outbox};
    ///
    /// let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    /// outbox.push_hello(&Hello::new());
    /// outbox.push("one")?;
    /// outbox.push("two")?;
    /// let mut bytes = Vec::new();
    /// outbox.take(&mut bytes);
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.absorb(&mut bytes);
    /// assert!(inbox.look_ahead()?.is_none());
    /// assert_eq!(inbox.messages_ahead(), 2);
    /// inbox.next()?;
    /// assert_eq!(inbox.messages_ahead(), 1);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn messages_ahead(&self) -> u64 {
        self.messages_seen
    }

    /// What the end of the stream means at this point.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] if nothing came at all, [`ErrorKind::Truncated`] inside a hello or a frame, and
    /// what [`next`](Self::next) has given or will give if nothing more can be read from this peer.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// assert_eq!(inbox.end().unwrap_err().kind(), ErrorKind::Disconnected);
    /// inbox.absorb(&mut b"\x89OFS".to_vec());
    /// assert_eq!(inbox.end().unwrap_err().kind(), ErrorKind::Truncated);
    /// ```
    pub fn end(&self) -> Result<()> {
        let mut unread = self.buffer.unread();
        if self.awaits_hello() {
            match Hello::parse(unread)? {
                Parsed::Complete { len, value } => {
                    self.ours.agree(&value)?;
                    unread = &unread[len..];
                }
                Parsed::Incomplete { .. } if unread.is_empty() => {
                    let text =
                        "read the hello: the peer closed the connection before it said anything";
                    return Err(Error::new(ErrorKind::Disconnected, text));
                }
                Parsed::Incomplete { need } => return Err(cut_off("hello", unread, need)),
            }
        }
        let (mut at, mut order, mut grammar) = (0, self.order, self.grammar);
        while grammar.walk(unread, &mut at, &mut order)?.is_some() {}
        grammar.end(&unread[at..])
    }

    /// Whether [`next`](Self::next) gets further without more bytes. Cheap: it looks at one length.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// assert!(!Inbox::new(Limits::new(), Hello::new()).has_frame());
    /// ```
    pub fn has_frame(&self) -> bool {
        self.need() == 0
    }

    /// How many bytes wait to be taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// assert_eq!(Inbox::new(Limits::new(), Hello::new()).buffered(), 0);
    /// ```
    pub fn buffered(&self) -> usize {
        self.buffer.unread().len()
    }

    /// How many bytes have come in all, those included that were taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.absorb(&mut b"\x89OFS".to_vec());
    /// assert_eq!(inbox.received(), 4);
    /// ```
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The peer's hello, once [`next`](Self::next) or [`look_ahead`](Self::look_ahead) has found it.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// let mut bytes = Vec::new();
    /// Hello::new().with_max_message(4096).encode(&mut bytes);
    /// let mut inbox = Inbox::new(Limits::new(), Hello::new());
    /// inbox.absorb(&mut bytes);
    /// assert!(inbox.next()?.is_none());
    /// assert_eq!(inbox.peer().map(Hello::max_message), Some(4096));
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn peer(&self) -> Option<&Hello> {
        self.peer.as_ref()
    }

    /// What the two sides have in common, once the peer's hello is there.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// assert_eq!(Inbox::new(Limits::new(), Hello::new()).agreement(), None);
    /// ```
    pub fn agreement(&self) -> Option<Agreement> {
        self.agreement
    }

    /// Gives memory back that only future messages would need, for a connection that has been idle for a while.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// Inbox::new(Limits::new(), Hello::new()).trim();
    /// ```
    pub fn trim(&mut self) {
        self.buffer.trim();
    }

    /// Checks the peer's hello as soon as it is there, and tells whether frames can be read.
    #[inline]
    pub(crate) fn open(&mut self) -> Result<bool> {
        match self.awaits_hello() {
            true => self.take_hello(),
            false => Ok(true),
        }
    }

    #[cold]
    fn take_hello(&mut self) -> Result<bool> {
        let (unread, taken) = self.buffer.reader();
        let Parsed::Complete { len, value } = Hello::parse(unread)? else {
            return Ok(false);
        };
        self.agreement = Some(self.ours.agree(&value)?);
        self.peer = Some(value);
        *taken += len;
        Ok(true)
    }

    fn awaits_hello(&self) -> bool {
        self.peer.is_none() && self.grammar.is_polite()
    }

    /// How many unread bytes there must be until `next` gets further; 0 if it does so now.
    fn need(&self) -> usize {
        let unread = self.buffer.unread();
        if self.awaits_hello() {
            return Hello::parse(unread).map_or(0, |parsed| parsed.need());
        }
        self.grammar.need(unread)
    }
}

//! Bytes that arrived.

use std::mem;
use std::ops::Range;

use super::buffer::{SMALL, Sizes};
use super::envelope::{Body, Envelope};
use super::frame::{self, Frame, Parsed};
use super::hello::{Agreement, Hello};
use super::limits::Limits;
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
    /// All of it is initialised; what has arrived and was not taken yet is at `start..end`.
    ///
    /// ```text
    /// 0 ... start ... ahead ... end ... len
    ///   dead |     unread        | room
    /// ```
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How far `look_ahead` has come; never before `start`.
    ahead: usize,
    limits: Limits,
    ours: Hello,
    peer: Option<Hello>,
    agreement: Option<Agreement>,
    /// What `next` and `look_ahead` have found out about the order of frames, each at its own place.
    order: Order,
    order_ahead: Order,
    failed: Option<Error>,
    /// The last read left no room, so the next one would like more.
    was_full: bool,
    sizes: Sizes,
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
        Self {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            ahead: 0,
            limits,
            ours,
            peer: None,
            agreement: None,
            order: Order::default(),
            order_ahead: Order::default(),
            failed: None,
            was_full: false,
            sizes: Sizes::default(),
        }
    }

    /// Room for the next read; then tell [`filled`](Self::filled). Never empty.
    ///
    /// The room grows as bytes come, whatever a header claims: all in all it is at most twice what has arrived and
    /// waits, plus 64 KiB.
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
        if self.start == self.end {
            self.rewind();
        }
        let unread = self.end - self.start;
        let missing = self.need().saturating_sub(unread);
        // The rest of a frame that is nearly there is enough; otherwise small reads would cost too many calls.
        let wanted = if missing == 0 {
            SMALL
        } else {
            missing.min(SMALL)
        };
        let grow = self.wants_more();
        if self.bytes.len() - self.end < wanted || grow {
            // No byte is moved often: each frame that comes in pieces is moved once, and where whole frames wait,
            // the room doubles.
            self.compact();
            let usual = if grow {
                (4 * self.bytes.len()).clamp(SMALL, READ)
            } else {
                SMALL
            };
            let plausible = 2 * unread + READ;
            let needed = if missing == 0 {
                unread + unread.max(SMALL)
            } else {
                unread + missing
            };
            let len = needed.min(plausible).max(usual);
            if len > self.bytes.len() {
                self.bytes.resize(len, 0);
            }
            self.was_full = false;
        }
        &mut self.bytes[self.end..]
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
        let room = self.bytes.len() - self.end;
        assert!(
            n <= room,
            "{n} bytes cannot have arrived, there was room for {room}"
        );
        self.end += n;
        self.was_full = n == room;
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
        self.was_full = false;
        if self.start == self.end {
            self.rewind();
            mem::swap(&mut self.bytes, bytes);
            bytes.clear();
        } else {
            // As above: what is moved has to be less than what is gained.
            if self.start >= self.end - self.start {
                self.compact();
            }
            self.bytes.truncate(self.end);
            self.bytes.append(bytes);
        }
        self.end = self.bytes.len();
    }

    /// Takes the next envelope; `None` if more bytes are needed. Checks the peer's hello first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`], [`ErrorKind::Incompatible`] or [`ErrorKind::TooLarge`]: nothing more can be read
    /// from this peer, and every later call gives the same error.
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
        let (mut at, mut order) = (self.start, self.order);
        let found = self.walk(&mut at, &mut order);
        (self.start, self.order) = (at, order);
        if self.ahead < at {
            (self.ahead, self.order_ahead) = (at, order);
        }
        match found {
            Ok(found) => Ok(found.map(|found| self.envelope(found))),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Takes a look at the next control envelope among those that wait, without taking anything. Messages are passed
    /// over, and nothing is seen twice.
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
        let (mut at, mut order) = (self.ahead, self.order_ahead);
        let control = loop {
            match self.walk(&mut at, &mut order) {
                Ok(Some(Found::Message(_))) => {}
                Ok(Some(Found::Control(envelope))) => break Ok(Some(envelope)),
                Ok(None) => break Ok(None),
                Err(error) => break Err(error),
            }
        };
        (self.ahead, self.order_ahead) = (at, order);
        control
    }

    /// What the end of the stream means at this point.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] if nothing came at all, [`ErrorKind::Truncated`] inside a hello or a frame, and
    /// the error of [`next`](Self::next) if it has given one.
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
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        let mut at = self.start;
        if self.peer.is_none() {
            match Hello::parse(self.unread())? {
                Parsed::Complete { len, .. } => at += len,
                Parsed::Incomplete { .. } if self.start == self.end => {
                    return Err(Error::new(
                        ErrorKind::Disconnected,
                        "read the hello: the peer closed the connection before it said anything",
                    ));
                }
                Parsed::Incomplete { need } => return Err(cut_off("hello", self.end - at, need)),
            }
        }
        let mut order = self.order;
        while self.walk(&mut at, &mut order)?.is_some() {}
        match Frame::parse(&self.bytes[at..self.end], self.ours.max_message())? {
            Parsed::Incomplete { need } if at < self.end => {
                Err(cut_off("frame", self.end - at, need))
            }
            _ => Ok(()),
        }
    }

    /// The peer's hello, once it is there.
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
        self.end - self.start
    }

    /// Whether [`next`](Self::next) gets further without more bytes. Cheap: one length is looked at.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::{Hello, Inbox, Limits};
    ///
    /// assert!(!Inbox::new(Limits::new(), Hello::new()).has_frame());
    /// ```
    pub fn has_frame(&self) -> bool {
        let incomplete = if self.peer.is_none() {
            matches!(Hello::parse(self.unread()), Ok(Parsed::Incomplete { .. }))
        } else {
            let frame = Frame::parse(self.unread(), self.ours.max_message());
            matches!(frame, Ok(Parsed::Incomplete { .. }))
        };
        self.failed.is_some() || !incomplete
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
        self.compact();
        self.sizes = Sizes::default();
        self.was_full = false;
        self.bytes.truncate(self.end);
        self.bytes.shrink_to_fit();
    }

    /// Checks the peer's hello as soon as it is there, and tells whether frames can be read.
    pub(crate) fn open(&mut self) -> Result<bool> {
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        if self.peer.is_some() {
            return Ok(true);
        }
        let hello = match Hello::parse(self.unread()) {
            Ok(Parsed::Complete { len, value }) => {
                self.start += len;
                self.ahead = self.start;
                value
            }
            Ok(Parsed::Incomplete { .. }) => return Ok(false),
            Err(error) => return Err(self.fail(error)),
        };
        let agreement = self.ours.agree(&hello);
        self.peer = Some(hello);
        self.agreement = Some(agreement.map_err(|error| self.fail(error))?);
        Ok(true)
    }

    /// Finds the next frame that is not to be ignored, and moves `at` behind it.
    fn walk(&self, at: &mut usize, order: &mut Order) -> Result<Option<Found>> {
        loop {
            let unread = &self.bytes[*at..self.end];
            let Parsed::Complete { len, value } = Frame::parse(unread, self.ours.max_message())?
            else {
                return Ok(None);
            };
            let body = *at + frame::HEAD..*at + len;
            let found = match Envelope::open(value, self.limits)? {
                Some(Envelope::Message(_)) => Some(Found::Message(body)),
                Some(Envelope::Goodbye { taken }) => {
                    Some(Found::Control(Envelope::Goodbye { taken }))
                }
                Some(Envelope::Taken { count }) => Some(Found::Control(Envelope::Taken { count })),
                None => None,
            };
            if let Some(found) = &found {
                order.check(found)?;
            }
            *at += len;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn envelope(&self, found: Found) -> Envelope<'_> {
        match found {
            Found::Message(body) => Envelope::Message(Body::new(&self.bytes[body], self.limits)),
            Found::Control(envelope) => envelope,
        }
    }

    /// Remembers an error after which nothing more can be read.
    fn fail(&mut self, error: Error) -> Error {
        self.failed = Some(error.again());
        error
    }

    /// How many bytes there must be until `next` gets further.
    fn need(&self) -> usize {
        let need = if self.peer.is_none() {
            Hello::parse(self.unread()).map(|parsed| parsed.need())
        } else {
            Frame::parse(self.unread(), self.ours.max_message()).map(|parsed| parsed.need())
        };
        need.unwrap_or(0)
    }

    fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn wants_more(&self) -> bool {
        self.was_full && self.bytes.len() < READ
    }

    fn compact(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.ahead -= self.start;
        self.end -= self.start;
        self.start = 0;
    }

    /// Begins at the front again, all having been taken. Here is where an idle connection waits, so a buffer that
    /// was needed for one large message only goes back to the allocator.
    fn rewind(&mut self) {
        if self.end > 0 {
            self.sizes.record(self.end);
            (self.start, self.end, self.ahead) = (0, 0, 0);
        }
        let keep = self.sizes.worth_keeping();
        if self.bytes.capacity() > 2 * keep && !self.wants_more() {
            self.bytes.truncate(keep);
            self.bytes.shrink_to(keep);
        }
    }
}

enum Found {
    Message(Range<usize>),
    Control(Envelope<'static>),
}

/// What can be wrong with frames that are good one by one.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    goodbye: bool,
    taken: u64,
}

impl Order {
    fn check(&mut self, found: &Found) -> Result<()> {
        let fault = match *found {
            Found::Message(_) if self.goodbye => "a message comes after the goodbye",
            Found::Control(Envelope::Goodbye { .. }) if self.goodbye => "there is a second goodbye",
            Found::Control(Envelope::Goodbye { taken: n } | Envelope::Taken { count: n })
                if n < self.taken =>
            {
                "the number of messages taken has become smaller"
            }
            Found::Control(Envelope::Goodbye { taken }) => {
                *self = Self {
                    goodbye: true,
                    taken,
                };
                return Ok(());
            }
            Found::Control(Envelope::Taken { count }) => {
                self.taken = count;
                return Ok(());
            }
            Found::Message(_) | Found::Control(_) => return Ok(()),
        };
        Err(Error::new(
            ErrorKind::Protocol,
            format!("read a frame: {fault}"),
        ))
    }
}

fn cut_off(what: &str, found: usize, need: usize) -> Error {
    let text = format!("read a {what}: the stream ended after {found} of at least {need} bytes");
    Error::new(ErrorKind::Truncated, text)
}

/// The room for a read while much is coming.
const READ: usize = 64 * 1024;

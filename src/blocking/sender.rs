//! [`Sender`]: the outgoing half of a connection.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::blocking::deadline;
use crate::blocking::link::Link;
use crate::blocking::straight;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{Line as _, Pushed};

/// The outgoing half of a [`Connection`](crate::blocking::Connection).
///
/// It can be cloned and used by many threads at once, also while another one receives: each message arrives whole, and
/// messages of one thread arrive in the order in which that thread sent them. What several threads have encoded leaves in
/// one write.
///
/// When the last sender of a connection is dropped it says goodbye, so that the other side's `recv` ends with
/// `Ok(None)`. To be sure that every message was taken, use [`Connection::close`](crate::blocking::Connection::close).
///
/// # Examples
///
/// ```
/// use std::thread;
/// use offspring::blocking::Connection;
///
/// # fn main() -> offspring::Result<()> {
/// let (left, right) = Connection::<u32, ()>::pair::<(), u32>()?;
/// let (sender, _receiver) = left.split();
/// for number in 0..3 {
///     let sender = sender.clone();
///     thread::spawn(move || sender.send(&number));
/// }
/// drop(sender);
///
/// let (_, receiver) = right.split();
/// let all: Vec<u32> = receiver.collect::<Result<_, _>>()?;
/// assert_eq!(all.iter().sum::<u32>(), 3);
/// # Ok(())
/// # }
/// ```
pub struct Sender<M: ?Sized> {
    link: Arc<Link>,
    message: PhantomData<fn(&M)>,
}

impl<M: ?Sized> Sender<M> {
    /// The first sender of a link.
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            message: PhantomData,
        }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Waits until the operating system has taken everything that was fed so far.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Disconnected`] if the other side is gone, [`ErrorKind::Stalled`] if neither side reads and the
    /// [read-ahead](crate::Config::read_ahead) is used up.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<u32, ()>::pair::<(), u32>()?;
    /// for number in 0..1000 {
    ///     left.feed(&number)?; // encodes only
    /// }
    /// left.flush()?; // one write for all of them
    /// assert_eq!(right.recv()?, Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn flush(&self) -> Result<()> {
        self.link.flush(self.link.queue().fed(), None)
    }

    /// Says goodbye: no message follows. The other side's `recv` ends with `Ok(None)` after the last message; this
    /// side can go on receiving.
    ///
    /// Does not wait; see [`Connection::close`](crate::blocking::Connection::close) for that. Later sends, of all clones,
    /// fail with [`ErrorKind::Closed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<u32, ()>::pair::<(), u32>()?;
    /// left.sender().disconnect();
    /// assert_eq!(right.recv()?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect(&self) {
        self.link.push_goodbye();
        self.link.push_out();
    }
}

impl<M: Serialize + ?Sized> Sender<M> {
    /// Sends one message to the other process.
    ///
    /// Returns when the operating system has taken every byte. The other side may not have read it yet; use
    /// [`close`](crate::blocking::Connection::close) to be sure that it has. While it waits for room it puts incoming
    /// messages aside, so that two sides which both send first do not wait for each other.
    ///
    /// Strings and bytes of 64 KiB and more are not copied, but written from where the message has them
    /// ([`serde_bytes`](https://docs.rs/serde_bytes) or [`Serializer::serialize_bytes`](serde::Serializer::serialize_bytes)
    /// makes bytes of lists of `u8`). Such a message is serialized twice.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`](crate::Sender::send) of the async API. [`ErrorKind::Encode`] also if the message does not
    /// serialize to the same the second time; half of it has left by then, so that the connection is ended.
    ///
    /// # Panics
    ///
    /// If the [`Serialize`] implementation of the message uses the connection that it is being sent over.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, ()>::pair::<(), String>()?;
    /// let sender = left.sender();
    /// sender.send("Hello")?;
    /// assert_eq!(right.recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(&self, message: &M) -> Result<()> {
        let end = match self.push(|| self.link.queue().push_or_outline(message), None)? {
            Pushed::Encoded(end) => end,
            Pushed::Outlined(outline) if straight::send(&self.link, message, &outline)? => {
                return Ok(());
            }
            Pushed::Outlined(_) => self.encode(message, None)?,
        };
        self.link.flush(end, None)
    }

    /// Sends one message, and waits for room no longer than that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] if the message was not taken in time; [`ErrorKind::Timeout`] if it was taken but has not left:
    /// it leaves with the next `send`, `flush` or `recv` of this connection. Otherwise as [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, ()>::pair::<(), String>()?;
    /// left.sender().send_timeout("Hello", Duration::from_secs(1))?;
    /// assert_eq!(right.recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_timeout(&self, message: &M, timeout: Duration) -> Result<()> {
        let until = deadline(timeout);
        let end = self
            .encode(message, until)
            .map_err(|error| match error.kind() {
                ErrorKind::Timeout => self.full(),
                _ => error,
            })?;
        self.link
            .flush(end, until)
            .map_err(|error| match error.kind() {
                ErrorKind::Timeout => {
                    error.and_then_text("; the message leaves when there is some")
                }
                _ => error,
            })
    }

    /// Encodes one message without writing it, to send many with one [`flush`](Self::flush).
    ///
    /// Waits only while more than [`Config::send_buffer`](crate::Config::send_buffer) bytes wait to be written.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// See [`flush`](Self::flush).
    pub fn feed(&self, message: &M) -> Result<()> {
        self.encode(message, None)?;
        Ok(())
    }

    /// Encodes a message as soon as there is room, and tells the position in the stream behind it.
    fn encode(&self, message: &M, until: Option<Instant>) -> Result<u64> {
        self.push(|| self.link.queue().push(message), until)
    }

    /// Waits for room until it is pushed.
    fn push<P>(&self, push: impl Fn() -> Option<Result<P>>, until: Option<Instant>) -> Result<P> {
        loop {
            if let Some(result) = push() {
                return self.link.sending(result);
            }
            let room = self.link.flush(self.link.queue().room(), until);
            room.map_err(|error| error.and_then_text("; this message was not taken"))?;
        }
    }

    /// Sends one message if that needs no waiting for room.
    ///
    /// What the operating system does not take at once leaves with the next `send`, `flush` or `recv` of this
    /// connection, also one that another thread waits in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] if [`Config::send_buffer`](crate::Config::send_buffer) bytes already wait: the message was
    /// not taken. Otherwise as [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, mut right) = Connection::<str, ()>::pair::<(), String>()?;
    /// left.sender().try_send("Hello")?;
    /// assert_eq!(right.recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send(&self, message: &M) -> Result<()> {
        let mut pushed = self.link.push(message);
        if pushed.is_none() {
            // There may be room for all that waits, if only somebody wrote it.
            self.link.push_out();
            pushed = self.link.push(message);
        }
        let end = pushed.unwrap_or_else(|| Err(self.full()))?;
        self.link.push_out();
        match self.link.queue().failure() {
            Some(_) => self.link.flush(end, None),
            None => Ok(()),
        }
    }

    #[cold]
    fn full(&self) -> Error {
        Error::new(
            ErrorKind::Full,
            format!(
                "send to {} at once: {} bytes already wait",
                self.link.peer(),
                self.link.queue().waiting_bytes()
            ),
        )
    }
}

impl<M: ?Sized> Clone for Sender<M> {
    fn clone(&self) -> Self {
        if !self.link.is_shared() {
            self.link.share();
        }
        self.link.add_sender();
        Self::new(Arc::clone(&self.link))
    }
}

impl<M: ?Sized> Drop for Sender<M> {
    fn drop(&mut self) {
        self.link.remove_sender();
    }
}

impl<M: ?Sized> fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("peer", &self.link.peer())
            .finish_non_exhaustive()
    }
}

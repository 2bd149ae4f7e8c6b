//! [`Receiver`]: the incoming half of a connection.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use offspring_platform::Process;
use serde::de::DeserializeOwned;

use crate::blocking::deadline;
use crate::blocking::incoming::{Wait, Woken};
use crate::blocking::link::Link;
use crate::error::{Error, ErrorKind, Result};
use crate::life::Looks;
use crate::session::{End, Line as _, Next, Talk, at_peer, empty};
use crate::wire::{Agreement, Body, Inbox};

/// The incoming half of a [`Connection`](crate::blocking::Connection).
///
/// Also an [`Iterator`] of messages. It ends after a goodbye; after a broken connection it yields the error once and
/// then ends.
///
/// # Examples
///
/// ```
/// use offspring::blocking::Connection;
///
/// # fn main() -> offspring::Result<()> {
/// let (left, right) = Connection::<str, ()>::pair::<(), String>()?;
/// let (_sender, receiver) = right.split();
/// left.send("one")?;
/// left.send("two")?;
/// drop(left);
/// let all: Vec<String> = receiver.collect::<Result<_, _>>()?;
/// assert_eq!(all, ["one", "two"]);
/// # Ok(())
/// # }
/// ```
pub struct Receiver<M> {
    link: Arc<Link>,
    talk: Talk,
    /// Until when the other side must have said hello. `None` when it has.
    hello: Option<Instant>,
    /// The iterator has reported its failure.
    failure_reported: bool,
    message: PhantomData<fn() -> M>,
}

/// What came of waiting for a message.
pub(super) enum Got<R> {
    Message(R),
    /// There was a goodbye.
    End,
    /// The process that was watched has ended, and no message is left.
    Exited,
    TimedOut,
}

impl<M> Receiver<M> {
    pub(super) fn new(link: Arc<Link>, handshake_timeout: Duration) -> Self {
        let talk = Talk::new(link.config());
        Self {
            link,
            talk,
            hello: Some(Instant::now() + handshake_timeout),
            failure_reported: false,
            message: PhantomData,
        }
    }

    pub(super) fn agreement(&self) -> Option<Agreement> {
        self.talk.agreement()
    }

    /// Receives one message without copying it: `read` sees the bytes where they arrived.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), except that the message is decoded by `read`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, right) = Connection::<str, ()>::pair::<(), String>()?;
    /// let (_sender, mut receiver) = right.split();
    /// left.send("borrowed")?;
    /// let length = receiver.recv_with(|message| message.decode::<&str>().map(str::len))?;
    /// assert_eq!(length.transpose()?, Some(8));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        match self.wait_with(read, None, None)? {
            Got::Message(value) => Ok(Some(value)),
            Got::End => Ok(None),
            Got::Exited | Got::TimedOut => Err(empty(&*self.link)),
        }
    }

    /// Waits until the other side has said hello, and checks that both fit together.
    ///
    /// Not needed before sending or receiving; it only tells sooner.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Incompatible`], [`ErrorKind::Protocol`], [`ErrorKind::Timeout`] or [`ErrorKind::Disconnected`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, _right) = Connection::<(), ()>::pair::<(), ()>()?;
    /// let (_sender, mut receiver) = left.split();
    /// receiver.ready()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready(&mut self) -> Result<()> {
        self.wait_ready(None).map(|_| ())
    }

    /// Waits for the hello. `false` if the process that is watched has ended, and it is not there.
    pub(super) fn wait_ready(&mut self, mut exit: Option<&mut Process>) -> Result<bool> {
        loop {
            if self.talk.greeted(&*self.link)? {
                return Ok(true);
            }
            let wait = Wait {
                exit: exit.as_deref_mut(),
                until: None,
            };
            match self.fill(wait)? {
                Woken::Filled => {}
                Woken::Exited => break,
                Woken::TimedOut => return Err(self.talk.too_late(&*self.link)),
            }
        }
        while !self.talk.greeted(&*self.link)? {
            if !self.fill_at_last()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the next message to `read`, and waits for it; not if the process that is watched has ended.
    pub(super) fn wait_with<R>(
        &mut self,
        read: impl FnOnce(Body<'_>) -> R,
        mut exit: Option<&mut Process>,
        until: Option<Instant>,
    ) -> Result<Got<R>> {
        if until.is_some() {
            self.link.bound_reads();
        }
        let mut read = Some(read);
        loop {
            match self.talk.next(&*self.link, &mut read)? {
                Next::Message(value) => return Ok(Got::Message(value)),
                Next::End => return Ok(Got::End),
                Next::NeedMore => {}
            }
            let wait = Wait {
                exit: exit.as_deref_mut(),
                until,
            };
            match self.fill(wait)? {
                Woken::Filled => {}
                Woken::Exited => return self.take_at_last(&mut read),
                Woken::TimedOut => return Ok(Got::TimedOut),
            }
        }
    }

    /// Gives a message that is already there to `read`.
    fn take_now<R>(&mut self, read: &mut Option<impl FnOnce(Body<'_>) -> R>) -> Result<Got<R>> {
        loop {
            match self.talk.next(&*self.link, read)? {
                Next::Message(value) => return Ok(Got::Message(value)),
                Next::End => return Ok(Got::End),
                Next::NeedMore => {}
            }
            self.link.push_out_quietly();
            if !self.fill_now()? {
                return Ok(Got::TimedOut);
            }
        }
    }

    /// The same when the other process has exited: what is not there now will never come, whoever else still holds the
    /// channel open.
    pub(super) fn take_at_last<R>(
        &mut self,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Result<Got<R>> {
        loop {
            match self.talk.next(&*self.link, read)? {
                Next::Message(value) => return Ok(Got::Message(value)),
                Next::End => return Ok(Got::End),
                Next::NeedMore => {}
            }
            if !self.fill_at_last()? {
                return Ok(Got::Exited);
            }
        }
    }

    /// Waits for more bytes, but not for a hello that is late.
    fn fill(&mut self, mut wait: Wait<'_>) -> Result<Woken> {
        if self.talk.is_greeted() {
            self.hello = None;
        }
        let asked = wait.until;
        wait.until = earlier(asked, self.hello);
        let link = &*self.link;
        match link.incoming().fill(link, self.talk.inbox(), wait) {
            Ok(Woken::TimedOut) if self.hello.is_some_and(is_over) => Err(self.talk.too_late(link)),
            Ok(woken) => Ok(woken),
            Err(end) => self.ended_by(end).map(|()| Woken::Filled),
        }
    }

    fn fill_now(&mut self) -> Result<bool> {
        let link = &*self.link;
        let filled = link.incoming().fill_now(link, self.talk.inbox());
        filled.or_else(|end| self.ended_by(end).map(|()| true))
    }

    /// Reads what the process that has exited can have written; `false` if that was everything, and its end is no
    /// goodbye.
    fn fill_at_last(&mut self) -> Result<bool> {
        let link = &*self.link;
        let waiting = || link.incoming().waiting(link.stream());
        let read = |inbox: &mut Inbox| {
            link.incoming()
                .fill_now(link, inbox)
                .map(|filled| filled.then_some(()))
                .transpose()
        };
        match self.talk.read_last(waiting, read) {
            Some(Ok(())) => Ok(true),
            Some(Err(end)) => self.ended_by(end).map(|()| true),
            None => Ok(self.talk.leaves(link, End::Held)),
        }
    }

    /// The end of the bytes is an error, unless it is the goodbye of a side that says no other.
    fn ended_by(&mut self, end: End) -> Result<()> {
        match self.talk.leaves(&*self.link, end) {
            true => Ok(()),
            false => Err(self.talk.ended(&*self.link, end)),
        }
    }

    /// The error for a channel that nobody will write to any more.
    pub(super) fn ended(&self) -> Error {
        self.talk.ended(&*self.link, End::Held)
    }

    pub(super) fn at_peer(&self, error: Error) -> Error {
        at_peer(&*self.link, error)
    }

    /// Reads what arrives and keeps it for later, as far as the read-ahead limit allows, until the process has ended or
    /// the time is over.
    pub(super) fn keep(&mut self, process: &mut Process, until: Option<Instant>) {
        let mut looks = Looks::default();
        while self.talk.keep(&*self.link) {
            if looks.is_due(None) && !matches!(process.try_wait(), Ok(None)) {
                break;
            }
            let wait = Wait {
                exit: Some(process),
                until,
            };
            let link = &*self.link;
            match link.incoming().fill(link, self.talk.inbox(), wait) {
                Ok(Woken::Filled) => {}
                Ok(Woken::Exited | Woken::TimedOut) => return,
                Err(end) => {
                    // If it is no goodbye, it is met again by `recv`.
                    self.talk.leaves(link, end);
                    return;
                }
            }
        }
        self.link.push_out();
    }

    /// Waits until the other side has taken all `sent` messages, after our goodbye was queued. Not if the process that
    /// is watched has ended: an answer that is not there then will never come.
    pub(super) fn close(&mut self, sent: u64, mut exit: Option<&mut Process>) -> Result<()> {
        let until = Some(Instant::now() + self.link.config().close_timeout);
        loop {
            if self.talk.is_closed(&*self.link, sent)? {
                return Ok(());
            }
            match self.fill_now() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => return self.talk.close_at_end(&*self.link, sent, error),
            }
            if let Some(result) = self.talk.close_at_rest(&*self.link, sent) {
                return result;
            }
            let wait = Wait {
                exit: exit.as_deref_mut(),
                until,
            };
            match self.fill(wait) {
                Ok(Woken::Filled) => {}
                Ok(Woken::Exited) => break,
                Ok(Woken::TimedOut) => {
                    return Err(self.talk.not_taken(&*self.link, ErrorKind::Timeout, sent));
                }
                Err(error) => return self.talk.close_at_end(&*self.link, sent, error),
            }
        }
        while !self.talk.has_taken(&*self.link, sent)? {
            match self.fill_at_last() {
                Ok(true) => {}
                Ok(false) => return self.talk.close_at_end(&*self.link, sent, self.ended()),
                Err(error) => return self.talk.close_at_end(&*self.link, sent, error),
            }
        }
        Ok(())
    }
}

#[cfg(feature = "node")]
impl<M> Receiver<M> {
    pub(super) fn talk_mut(&mut self) -> &mut Talk {
        &mut self.talk
    }

    /// Waits until the other side says whether a handle has arrived; `None` if it does not say so in time.
    pub(super) fn wait_arrived(&mut self, number: u64, until: Instant) -> Result<Option<bool>> {
        self.link.bound_reads();
        loop {
            if let Some(arrived) = self.talk.has_arrived(&*self.link, number)? {
                return Ok(Some(arrived));
            }
            let wait = Wait {
                exit: None,
                until: Some(until),
            };
            if self.fill(wait)? == Woken::TimedOut {
                return Ok(None);
            }
        }
    }
}

impl<M: DeserializeOwned> Receiver<M> {
    /// Receives the next message, and waits for it.
    ///
    /// `Ok(None)` means that the other side said goodbye. A crash of the other side is an error, never a quiet end.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`](crate::Receiver::recv) of the async API: the message was skipped and the connection is still
    /// good, [`ErrorKind::Decode`], [`ErrorKind::Malformed`], [`ErrorKind::TooDeep`], [`ErrorKind::TooManyItems`]; or the
    /// connection has ended, and later calls give the same error again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::Connection;
    /// # fn main() -> offspring::Result<()> {
    /// let (left, right) = Connection::<str, ()>::pair::<(), String>()?;
    /// let (_sender, mut receiver) = right.split();
    /// left.send("Hello")?;
    /// drop(left);
    /// while let Some(message) = receiver.recv()? {
    ///     println!("{message}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv(&mut self) -> Result<Option<M>> {
        let got = self.wait_with(|body| body.decode(), None, None)?;
        self.decoded(got)
    }

    /// Receives the next message, and waits for it no longer than that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Empty`] if none came in time: nothing is lost, the next call gets it. Otherwise as
    /// [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use offspring::{ErrorKind, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let (left, right) = Connection::<str, ()>::pair::<(), String>()?;
    /// let (_sender, mut receiver) = right.split();
    /// let error = receiver.recv_timeout(Duration::from_millis(10)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Empty);
    /// left.send("Hello")?;
    /// assert_eq!(receiver.recv_timeout(Duration::from_secs(5))?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<M>> {
        let got = self.wait_with(|body| body.decode(), None, deadline(timeout))?;
        self.decoded(got)
    }

    /// Receives a message that is already there, without waiting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Empty`] if there is none at this moment; otherwise as [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, blocking::Connection};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let (left, right) = Connection::<str, ()>::pair::<(), String>()?;
    /// let (_sender, mut receiver) = right.split();
    /// assert_eq!(receiver.try_recv().unwrap_err().kind(), ErrorKind::Empty);
    /// left.send("Hello")?;
    /// assert_eq!(receiver.try_recv()?.as_deref(), Some("Hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&mut self) -> Result<Option<M>> {
        let got = self.take_now(&mut Some(|body: Body<'_>| body.decode()))?;
        if let (Got::TimedOut, Some(hello)) = (&got, self.hello) {
            if !self.talk.is_greeted() && is_over(hello) {
                return Err(self.talk.too_late(&*self.link));
            }
        }
        self.decoded(got)
    }

    pub(super) fn decoded(&self, got: Got<Result<M>>) -> Result<Option<M>> {
        match got {
            Got::Message(decoded) => decoded.map(Some).map_err(|error| self.at_peer(error)),
            Got::End => Ok(None),
            Got::Exited => Err(self.ended()),
            Got::TimedOut => Err(empty(&*self.link)),
        }
    }
}

impl<M: DeserializeOwned> Iterator for Receiver<M> {
    type Item = Result<M>;

    fn next(&mut self) -> Option<Result<M>> {
        if self.failure_reported {
            return None;
        }
        let received = self.recv().transpose();
        if let Some(Err(error)) = &received {
            self.failure_reported = error.kind().ends_connection();
        }
        received
    }
}

impl<M> Drop for Receiver<M> {
    fn drop(&mut self) {
        self.link.incoming().deafen();
    }
}

impl<M> fmt::Debug for Receiver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("peer", &self.link.peer())
            .finish_non_exhaustive()
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn is_over(deadline: Instant) -> bool {
    deadline <= Instant::now()
}

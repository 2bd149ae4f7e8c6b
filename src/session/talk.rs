//! [`Talk`]: what has been heard of the other side, and what it is told for that.

mod close;

use std::io;
use std::sync::atomic::Ordering;

use super::Line;
#[cfg(feature = "node")]
use super::handles::Handles;
#[cfg(feature = "node")]
use offspring_platform::Handle;

use crate::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::atomic::AtomicU64;
use crate::wire::{Agreement, Body, Envelope, Inbox};

/// What has been heard of the other side. One receiver has it.
pub(crate) struct Talk {
    inbox: Inbox,
    /// It says hello and goodbye. Without that its end is all there is.
    polite: bool,
    /// It has said hello, and fits.
    greeted: bool,
    /// It should have said hello by now.
    late: bool,
    peer: Peer,
    /// How many bytes may wait to be received.
    limit: usize,
    /// The other process has ended: how many bytes of the stream it can have written at most; `None` if all were read.
    last: Option<Option<u64>>,
    #[cfg(feature = "node")]
    handles: Handles,
}

/// What the other side has said about itself.
#[derive(Default)]
struct Peer {
    /// How many of our messages its program has taken, as far as it told.
    taken: u64,
    /// It has answered our goodbye: `taken` is its last word.
    answered: bool,
    /// Its goodbye stands somewhere in the inbox.
    goodbye_ahead: bool,
    /// Its goodbye was reached: no message follows.
    gone: bool,
    /// It says no goodbye, and has left: then what it had read of ours.
    left: Option<Left>,
}

/// What a side that says no goodbye had read when it left.
#[derive(Clone, Copy)]
enum Left {
    /// Everything, as far as the system can tell.
    All,
    NotAll,
}

/// What comes next.
pub(crate) enum Next<R> {
    Message(R),
    NeedMore,
    /// There was a goodbye.
    End,
}

/// Why no more bytes come.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// The other side closed the transport.
    Closed,
    /// The transport failed.
    Failed(io::ErrorKind),
    /// The other process has ended, but somebody else holds the transport open.
    Held,
}

/// What the other side is told about the messages that wait in the inbox.
#[derive(Clone, Copy)]
pub(crate) enum Waiting {
    NotTaken,
    Kept,
}

/// How many messages of the other side the program has taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    count: AtomicU64,
    /// The largest number that the other side was told.
    told: AtomicU64,
}

impl Talk {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            inbox: Inbox::with_format(config.limits, config.hello(), config.format),
            polite: config.format.is_polite(),
            greeted: false,
            late: false,
            peer: Peer::default(),
            limit: config.read_ahead_limit(),
            last: None,
            #[cfg(feature = "node")]
            handles: Handles::default(),
        }
    }

    pub(crate) fn inbox(&mut self) -> &mut Inbox {
        &mut self.inbox
    }

    pub(crate) fn agreement(&self) -> Option<Agreement> {
        self.inbox.agreement()
    }

    /// Whether the other side has said hello.
    pub(crate) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Reads once more, with `read`, what a process that has ended can have written: no more than lay in the channel when
    /// this was first asked, after its end; `waiting` tells how much that is. `None` when that was everything.
    ///
    /// Somebody else who holds the channel may write to it for ever. Of that no more is read than comes along with the
    /// read behind the last byte, which tells whether the channel was closed.
    pub(crate) fn read_last<T>(
        &mut self,
        waiting: impl FnOnce() -> u64,
        read: impl FnOnce(&mut Inbox) -> Option<T>,
    ) -> Option<T> {
        let received = self.inbox.received();
        let last = *self
            .last
            .get_or_insert_with(|| Some(received.saturating_add(waiting())));
        let more = match last {
            Some(last) if received <= last => read(&mut self.inbox),
            _ => None,
        };
        if more.is_none() {
            // What comes from now on is of somebody else.
            self.last = Some(None);
        }
        more
    }

    /// Takes the next message out of what has been read, and gives it to `read`.
    pub(crate) fn next<R>(
        &mut self,
        line: &impl Line,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Result<Next<R>> {
        loop {
            if self.peer.gone {
                // The other side may still wait for the answer to its goodbye.
                line.push_out();
                return Ok(Next::End);
            }
            if !self.greeted(line)? {
                return Ok(Next::NeedMore);
            }
            #[cfg(feature = "node")]
            self.handles.take_over(&mut self.inbox);
            match self.inbox.next() {
                Ok(None) if self.peer.left.is_some() => self.peer.gone = true,
                Ok(None) => return Ok(Next::NeedMore),
                Ok(Some(Envelope::Message(body))) => {
                    let Some(read) = read.take() else {
                        return Ok(Next::NeedMore);
                    };
                    line.taken().count();
                    #[cfg(feature = "node")]
                    self.handles.came(None);
                    return Ok(Next::Message(read(body)));
                }
                #[cfg(feature = "node")]
                Ok(Some(Envelope::WithHandle { message, again })) => {
                    let handle = self.handles.ahead();
                    let handle = handle.unwrap_or_else(|| answer(line, &mut self.handles));
                    let missing = handle.is_none() && again;
                    let (Some(body), false) = (message, missing) else {
                        // Not for the program, or it comes once more; what came along is closed.
                        continue;
                    };
                    let Some(read) = read.take() else {
                        return Ok(Next::NeedMore);
                    };
                    line.taken().count();
                    self.handles.came(handle);
                    return Ok(Next::Message(read(body)));
                }
                #[cfg(feature = "node")]
                Ok(Some(Envelope::HandleAnswer { arrived })) => {
                    if !self.handles.was_ahead() {
                        self.handles.answered(arrived);
                    }
                }
                Ok(Some(Envelope::Goodbye { taken })) => {
                    self.peer.taken = self.peer.taken.max(taken);
                    self.peer.gone = true;
                    line.push_taken(0);
                }
                Ok(Some(Envelope::Taken { count })) => self.peer.answer(count),
                Err(error) => return Err(at_peer(line, error)),
            }
        }
    }

    /// True once the other side's hello has arrived and fits ours.
    pub(crate) fn greeted(&mut self, line: &impl Line) -> Result<bool> {
        if self.greeted {
            return Ok(true);
        }
        if self.late {
            return Err(no_hello(line));
        }
        self.greeted = self.inbox.open().map_err(|error| at_peer(line, error))?;
        if let (true, Some(agreement)) = (self.greeted, self.inbox.agreement()) {
            line.greeted(agreement.max_message());
        }
        Ok(self.greeted)
    }

    /// The time for the hello is over.
    #[cold]
    pub(crate) fn too_late(&mut self, line: &impl Line) -> Error {
        self.late = true;
        no_hello(line)
    }

    /// Whether the end of the bytes is the goodbye of a side that says no other. If not, it is an error.
    pub(crate) fn leaves(&mut self, line: &impl Line, end: End) -> bool {
        if self.polite || self.inbox.end().is_err() {
            return false;
        }
        let left = match end {
            End::Closed if line.queue().has_written_all() => Left::All,
            // A socket that is closed with bytes unread tells so.
            End::Closed | End::Held | End::Failed(io::ErrorKind::ConnectionReset) => Left::NotAll,
            End::Failed(_) => return false,
        };
        self.peer.left.get_or_insert(left);
        true
    }

    /// Whether it has left in that way.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_left(&self) -> bool {
        self.peer.left.is_some()
    }

    /// The error for the end of the bytes without a goodbye.
    #[cold]
    pub(crate) fn ended(&self, line: &impl Line, end: End) -> Error {
        let error = match self.inbox.end() {
            Err(error) => at_peer(line, error),
            Ok(()) => Error::new(
                ErrorKind::Disconnected,
                format!("receive from {}: it is gone without a goodbye", line.peer()),
            ),
        };
        match end {
            End::Closed | End::Held => error,
            End::Failed(kind) => error.with_source(io::Error::from(kind)),
        }
    }

    /// Looks through what has been read while the program waits for the end of the other process. True if there is room
    /// for more.
    ///
    /// The other process may wait until its messages are taken before it ends. What is kept here cannot be lost by its
    /// end any more, so it is told that they are.
    pub(crate) fn keep(&mut self, line: &impl Line) -> bool {
        // A fault is met again by `recv`, and so is the end.
        let _ = self.look_ahead(line, Waiting::Kept);
        self.inbox.buffered() < self.limit
    }

    /// Looks for the other side's last words behind messages that wait.
    fn look_ahead(&mut self, line: &impl Line, waiting: Waiting) -> Result<()> {
        if !self.greeted(line)? {
            return Ok(());
        }
        #[cfg(feature = "node")]
        self.handles.take_over(&mut self.inbox);
        loop {
            match self.inbox.look_ahead() {
                Ok(None) => return Ok(()),
                Ok(Some(Envelope::Taken { count })) => self.peer.answer(count),
                Ok(Some(Envelope::Goodbye { taken })) => {
                    self.peer.taken = self.peer.taken.max(taken);
                    if !self.peer.goodbye_ahead {
                        self.peer.goodbye_ahead = true;
                        line.push_taken(match waiting {
                            Waiting::NotTaken => 0,
                            Waiting::Kept => self.inbox.messages_ahead(),
                        });
                    }
                }
                Ok(Some(Envelope::Message(_))) => {}
                #[cfg(feature = "node")]
                Ok(Some(Envelope::WithHandle { .. })) => {
                    let handle = answer(line, &mut self.handles);
                    self.handles.look_ahead(handle);
                }
                #[cfg(feature = "node")]
                Ok(Some(Envelope::HandleAnswer { arrived })) => {
                    self.handles.answered_ahead(arrived);
                }
                Err(error) => return Err(at_peer(line, error)),
            }
        }
    }
}

/// Takes the handle of a message that has just been read, and answers: once, and at once, for Node waits with everything
/// else until it has the answer.
#[cfg(feature = "node")]
fn answer(line: &impl Line, handles: &mut Handles) -> Option<Handle> {
    let handle = handles.described().or_else(|| line.take_handle());
    line.queue().push_answer(handle.is_some());
    line.push_out();
    handle
}

#[cfg(feature = "node")]
impl Talk {
    /// From here on the handle of a message that is taken is kept, or not.
    pub(crate) fn want_handle(&mut self, wanted: bool) {
        self.handles.wanted = wanted;
    }

    /// The handle of the message that was taken last.
    pub(crate) fn take_handle(&mut self) -> Option<Handle> {
        self.handles.take()
    }

    /// Notes a handle that was sent, and gives the number by which to ask for the answer.
    pub(crate) fn sent_handle(&mut self, copy: std::sync::Arc<Handle>) -> u64 {
        self.handles.sent(copy)
    }

    /// Whether the last handle that was sent has arrived; `None` if that has not been said yet.
    pub(crate) fn has_arrived(&mut self, line: &impl Line, number: u64) -> Result<Option<bool>> {
        self.look_ahead(line, Waiting::NotTaken)?;
        if let Some(arrived) = self.handles.answer(number) {
            return Ok(Some(arrived));
        }
        let (kind, why) = if self.peer.left.is_some() {
            (ErrorKind::Disconnected, "it is gone")
        } else if self.inbox.buffered() >= self.limit {
            (ErrorKind::Stalled, "too much of it waits to be received")
        } else {
            return Ok(None);
        };
        let text = format!("send a handle to {}: {why}", line.peer());
        Err(Error::new(kind, text))
    }
}

/// The system has put them into this process, whether anybody asks for them or not.
#[cfg(feature = "node")]
impl Drop for Talk {
    fn drop(&mut self) {
        self.handles.take_over(&mut self.inbox);
    }
}

impl Peer {
    fn answer(&mut self, count: u64) {
        self.taken = self.taken.max(count);
        self.answered = true;
    }
}

impl Taken {
    /// Counts a message.
    fn count(&self) {
        // Only the one receiver counts, so there is nothing to race with.
        let count = self.count.load(Ordering::Relaxed) + 1;
        self.count.store(count, Ordering::Relaxed);
    }

    /// What to tell the other side if `kept` more messages will surely be taken. It never goes down.
    pub(crate) fn tell(&self, kept: u64) -> u64 {
        let count = self.count.load(Ordering::Relaxed) + kept;
        self.told.fetch_max(count, Ordering::Relaxed).max(count)
    }
}

/// Adds to an error where it happened.
#[cold]
pub(crate) fn at_peer(line: &impl Line, error: Error) -> Error {
    error.during(format_args!("receive from {}", line.peer()))
}

/// The error of a `try_recv` that finds nothing.
#[cold]
pub(crate) fn empty(line: &impl Line) -> Error {
    Error::new(
        ErrorKind::Empty,
        format!("receive from {} at once: no message is there", line.peer()),
    )
}

#[cold]
fn no_hello(line: &impl Line) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("hear from {}: it did not say hello in time", line.peer()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads, at each call as much as is told, and tells how much that was before it was over.
    fn read_all(talk: &mut Talk, waiting: u64, reads: &[usize]) -> usize {
        let mut reads = reads.iter().copied();
        let mut count = 0;
        while let Some(read) = talk.read_last(
            || waiting,
            |inbox| {
                let read = reads.next()?;
                inbox.absorb(&mut vec![0; read]);
                Some(read)
            },
        ) {
            count += read;
        }
        count
    }

    #[test]
    fn behind_what_was_there_at_the_end_one_read_tells_whether_the_channel_is_closed() {
        let forever = [40; 100];
        let mut talk = Talk::new(&Config::new());
        talk.inbox.absorb(&mut vec![0; 1000]);
        // Up to byte 100 it may be of the process, and with the read behind that comes what comes.
        assert_eq!(read_all(&mut talk, 100, &forever), 120);
        let mut talk = Talk::new(&Config::new());
        assert_eq!(read_all(&mut talk, 80, &forever), 120);
        let mut talk = Talk::new(&Config::new());
        assert_eq!(read_all(&mut talk, 0, &forever), 40);
    }

    #[test]
    fn what_comes_after_nothing_was_there_is_of_somebody_else() {
        let mut talk = Talk::new(&Config::new());
        assert_eq!(read_all(&mut talk, 100, &[40]), 40);
        assert_eq!(read_all(&mut talk, 100, &[40]), 0);
        assert_eq!(
            read_all(&mut Talk::new(&Config::new()), u64::MAX, &[40, 40]),
            80
        );
    }
}

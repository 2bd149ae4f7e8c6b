//! When a close is over, and how it went.

use super::{Left, Talk, Waiting};
use crate::error::{Error, ErrorKind, Result};
use crate::session::Line;

impl Talk {
    /// Whether a close has nothing more to wait for, after our goodbye was queued: the other side has taken all `sent`
    /// messages, as far as can be told from what has been read.
    ///
    /// The answer stands in the stream behind messages that the program has not taken; those stay in the inbox. If
    /// the other side is in the same position, neither waits for the other: both say how far they are.
    pub(crate) fn is_closed(&mut self, line: &impl Line, sent: u64) -> Result<bool> {
        self.look_ahead(line, Waiting::NotTaken)?;
        line.push_out();
        if !self.polite {
            return self.has_taken(line, sent);
        }
        // Nothing of ours may be left behind either: the other side may wait for it in its own `close`.
        let closed = self.peer.taken >= sent && line.is_idle();
        self.unless_full(line, sent, closed)
    }

    /// The same if the other side is gone and waits for nothing.
    pub(crate) fn has_taken(&mut self, line: &impl Line, sent: u64) -> Result<bool> {
        self.look_ahead(line, Waiting::NotTaken)?;
        let taken = match self.peer.left {
            Some(Left::All) => true,
            Some(Left::NotAll) => {
                return Err(self.not_taken(line, ErrorKind::Disconnected, sent));
            }
            None => self.polite && self.peer.taken >= sent,
        };
        self.unless_full(line, sent, taken)
    }

    fn unless_full(&self, line: &impl Line, sent: u64, closed: bool) -> Result<bool> {
        if !closed && self.inbox.buffered() >= self.limit {
            return Err(self.not_taken(line, ErrorKind::Stalled, sent));
        }
        Ok(closed)
    }

    /// The result of a close after which nothing can be read any more.
    pub(crate) fn close_at_end(&self, line: &impl Line, sent: u64, error: Error) -> Result<()> {
        if self.polite && self.peer.taken >= sent {
            return Ok(());
        }
        Err(self.not_taken(line, error.kind(), sent).with_source(error))
    }

    /// The result of a close for which nothing is there to be read; `None` if it has to wait.
    pub(crate) fn close_at_rest(&self, line: &impl Line, sent: u64) -> Option<Result<()>> {
        if !line.is_idle() || !self.polite {
            None
        } else if self.peer.taken >= sent {
            Some(Ok(()))
        } else if self.peer.answered {
            Some(Err(self.not_taken(line, ErrorKind::Disconnected, sent)))
        } else {
            None
        }
    }

    /// The error of a close.
    #[cold]
    pub(crate) fn not_taken(&self, line: &impl Line, kind: ErrorKind, sent: u64) -> Error {
        let took = match self.polite {
            true => format!("it took {} of {sent} messages", self.peer.taken),
            false => format!("it is not known to have read all of {sent} messages"),
        };
        let text = format!("close the connection to {}: {took}", line.peer());
        Error::new(kind, text)
    }
}

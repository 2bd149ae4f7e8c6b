//! [`Line`]: what the two halves of a connection share.

use std::thread;

use serde::Serialize;

use super::{Permit, Queue, Taken};
use crate::error::Result;
use crate::trace;

/// What the two halves of a connection share, whoever drives them.
pub(crate) trait Line {
    /// The other side in words, for error texts.
    fn peer(&self) -> &str;

    /// What waits to leave.
    fn queue(&self) -> &Queue;

    /// What the program has taken.
    fn taken(&self) -> &Taken;

    /// The other side's place among the clients of a listener, if it is one.
    fn permit(&self) -> Option<&Permit>;

    /// Writes what waits, as far as possible without waiting. A failure is remembered and reported to the next sender.
    fn push_out(&self);

    /// The next handle that has come beside the bytes read so far.
    #[cfg(feature = "node")]
    fn take_handle(&self) -> Option<offspring_platform::Handle> {
        None
    }

    /// Makes more room for bytes that wait, if that can be done.
    fn make_room(&self);

    /// Encodes a message and tells the position in the stream behind it; `None` if it has to wait for room.
    fn push<M: Serialize + ?Sized>(&self, message: &M) -> Option<Result<u64>> {
        let pushed = self.queue().push(message);
        pushed.map(|result| self.sending(result))
    }

    /// Adds to an error where it happened.
    fn sending<V>(&self, result: Result<V>) -> Result<V> {
        result.map_err(|error| error.during(format_args!("send to {}", self.peer())))
    }

    /// Says goodbye, once: no message follows.
    fn push_goodbye(&self) {
        self.queue().push_goodbye(|| self.taken().tell(0));
    }

    /// Tells the other side how many of its messages the program has taken, or has in its hands and will take.
    fn push_taken(&self, kept: u64) {
        self.queue().push_taken(|| self.taken().tell(kept));
    }

    /// Notes that the other side has said hello, and the largest message that it receives.
    fn greeted(&self, max_message: u64) {
        if let Some(permit) = self.permit() {
            permit.greeted();
        }
        self.queue().set_peer_limit(max_message);
    }

    /// Whether everything has left that may still leave.
    fn is_idle(&self) -> bool {
        self.queue().is_idle()
    }

    /// The last sender goes: says goodbye without waiting, unless the program is in the middle of a panic.
    fn leave(&self, aborted: bool) {
        if aborted {
            trace::debug!("no goodbye to {}: aborted", self.peer());
        } else if thread::panicking() {
            trace::debug!("no goodbye to {}: this thread panics", self.peer());
        } else {
            self.push_goodbye();
            self.push_out();
            if !self.is_idle() {
                // Lost, the goodbye would be taken for a crash.
                self.make_room();
                self.push_out();
            }
        }
    }
}

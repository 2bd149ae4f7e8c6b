//! [`Handles`]: what travels beside the messages of a connection, and the answers to it.

use std::collections::VecDeque;
use std::sync::Arc;

use offspring_platform::Handle;

use crate::wire::Inbox;

/// The handles of one connection, in both directions. One receiver has them.
#[derive(Debug, Default)]
pub(super) struct Handles {
    /// What was described in the stream; `None` is what could not be taken over.
    described: VecDeque<Option<Handle>>,
    /// Of messages that the program has not taken: the handles, if they came. Those were answered.
    ahead: VecDeque<Option<Handle>>,
    /// The program asks for the handle of what it receives.
    pub(super) wanted: bool,
    /// That of the last message.
    last: Option<Handle>,
    /// Copies of those that were sent and not answered: some systems lose what nobody else holds.
    unanswered: VecDeque<Arc<Handle>>,
    /// How many were ever sent and answered, and the last answer.
    sent: u64,
    answered: u64,
    arrived: bool,
    /// How many answers were noted that still stand in the inbox.
    answers_ahead: u64,
}

impl Handles {
    /// Takes over the sockets that were described in the stream. Of those that no message has announced a few are kept.
    pub(super) fn take_over(&mut self, inbox: &mut Inbox) {
        while let Some(record) = inbox.take_transfer() {
            let handle = offspring_platform::received(&record);
            if self.described.len() < MOST {
                self.described.push_back(handle);
            }
        }
    }

    /// The next one that was described, if it could be taken over.
    pub(super) fn described(&mut self) -> Option<Handle> {
        self.described.pop_front().flatten()
    }

    /// Notes a handle that was answered before its message is taken.
    pub(super) fn look_ahead(&mut self, handle: Option<Handle>) {
        self.ahead.push_back(handle);
    }

    /// The handle of the message that is taken now, if it was answered before.
    pub(super) fn ahead(&mut self) -> Option<Option<Handle>> {
        self.ahead.pop_front()
    }

    /// Keeps the handle of the message that the program gets now, or closes it if nobody asked for it.
    pub(super) fn came(&mut self, handle: Option<Handle>) {
        self.last = handle.filter(|_| self.wanted);
    }

    pub(super) fn take(&mut self) -> Option<Handle> {
        self.last.take()
    }

    /// Notes one that was sent, and gives the number by which to ask for the answer.
    pub(super) fn sent(&mut self, copy: Arc<Handle>) -> u64 {
        self.unanswered.push_back(copy);
        self.sent += 1;
        self.sent
    }

    /// Notes an answer. One too many means nothing.
    pub(super) fn answered(&mut self, arrived: bool) {
        if self.unanswered.pop_front().is_some() {
            self.answered += 1;
            self.arrived = arrived;
        }
    }

    /// Notes an answer that the program has not come to yet.
    pub(super) fn answered_ahead(&mut self, arrived: bool) {
        self.answered(arrived);
        self.answers_ahead += 1;
    }

    /// Whether the answer that the program comes to now was noted before.
    pub(super) fn was_ahead(&mut self) -> bool {
        let noted = self.answers_ahead > 0;
        self.answers_ahead -= u64::from(noted);
        noted
    }

    /// The answer to the last one that was sent, whether it has arrived.
    pub(super) fn answer(&self, number: u64) -> Option<bool> {
        (self.answered >= number).then_some(self.arrived)
    }
}

/// How many may wait for the messages that they belong to.
const MOST: usize = 64;

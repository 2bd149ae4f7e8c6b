//! [`Handles`]: what travels beside the messages of a connection, and the answers to it.

use std::collections::VecDeque;
use std::sync::Arc;

use offspring_platform::Handle;

/// The handles of one connection, in both directions. One receiver has them.
#[derive(Debug, Default)]
pub(super) struct Handles {
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

    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix sends any"))]
    pub(super) fn take(&mut self) -> Option<Handle> {
        self.last.take()
    }

    /// Notes one that was sent, and gives the number by which to ask for the answer.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix sends any"))]
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
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix sends any"))]
    pub(super) fn answer(&self, number: u64) -> Option<bool> {
        (self.answered >= number).then_some(self.arrived)
    }
}

//! Who waits for the transport.

use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::session::lock;

/// The tasks that wait for the transport: at most one receiver and any number of senders.
///
/// A half of a transport remembers only the last waker that polled it, yet a blocked sender reads too, and a
/// receiver writes what others left behind. So the halves are always polled with this one, which wakes everybody:
///
/// ```text
///   read half ready ──┐                 ┌── receiver's task
///                     ├── Wakers::wake ─┼── sender's task
///   write half ready ─┘                 └── sender's task
/// ```
///
/// Whoever is woken polls everything it needs again. For no wake-up to be lost a task registers here *before* the
/// poll whose `Pending` it relies on. And because a transport need not wake anybody once a later poll was ready,
/// whoever gets something done for others wakes them: [`wake_receiver`](Self::wake_receiver),
/// [`wake_written`](Self::wake_written).
///
/// Wakers are foreign code, also when they are dropped, which may drop a whole task and what it holds. So none is
/// called or dropped under the lock.
#[derive(Default)]
pub(super) struct Wakers(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    receiver: Option<Waker>,
    senders: Vec<Waiting>,
    last_id: u64,
}

struct Waiting {
    id: u64,
    /// How many bytes must have been written for it to go on.
    target: u64,
    waker: Waker,
}

impl Wakers {
    pub(super) fn register_receiver(&self, waker: &Waker) {
        let mut slots = lock(&self.0);
        let old = match &mut slots.receiver {
            Some(known) => renewed(known, waker),
            none => none.replace(waker.clone()),
        };
        drop(slots);
        drop(old);
    }

    /// Registers a sender, under the id that it got here before.
    pub(super) fn register_sender(&self, id: &mut Option<u64>, target: u64, waker: &Waker) {
        let mut slots = lock(&self.0);
        let id = *id.get_or_insert_with(|| {
            slots.last_id += 1;
            slots.last_id
        });
        let old = match slots.senders.iter_mut().find(|known| known.id == id) {
            Some(known) => renewed(&mut known.waker, waker),
            None => {
                let waker = waker.clone();
                slots.senders.push(Waiting { id, target, waker });
                None
            }
        };
        drop(slots);
        drop(old);
    }

    /// Forgets the receiver, which waits no more.
    pub(super) fn forget_receiver(&self) {
        let old = lock(&self.0).receiver.take();
        drop(old);
    }

    /// Forgets a sender that waits no more.
    pub(super) fn forget_sender(&self, id: u64) {
        let mut slots = lock(&self.0);
        let place = slots.senders.iter().position(|known| known.id == id);
        let old = place.map(|place| slots.senders.remove(place));
        drop(slots);
        drop(old);
    }

    pub(super) fn wake_receiver(&self) {
        let receiver = lock(&self.0).receiver.take();
        if let Some(waker) = receiver {
            waker.wake();
        }
    }

    /// Wakes the senders that wait for no more than what has been written.
    pub(super) fn wake_written(&self, written: u64) {
        loop {
            let mut slots = lock(&self.0);
            let place = slots
                .senders
                .iter()
                .position(|sender| sender.target <= written);
            let done = place.map(|place| slots.senders.remove(place));
            drop(slots);
            match done {
                Some(sender) => sender.waker.wake(),
                None => return,
            }
        }
    }

    pub(super) fn wake_all(&self) {
        let (receiver, mut senders) = {
            let mut slots = lock(&self.0);
            (slots.receiver.take(), mem::take(&mut slots.senders))
        };
        if let Some(waker) = receiver {
            waker.wake();
        }
        for sender in senders.drain(..) {
            sender.waker.wake();
        }
        // The list keeps its memory for next time.
        let mut slots = lock(&self.0);
        if slots.senders.capacity() == 0 {
            slots.senders = senders;
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

/// Puts `waker` in the place of `known`, if it wakes another task, and gives the old one back.
fn renewed(known: &mut Waker, waker: &Waker) -> Option<Waker> {
    (!known.will_wake(waker)).then(|| mem::replace(known, waker.clone()))
}

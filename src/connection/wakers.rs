//! Who waits for the transport.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

use crate::session::lock;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicUsize;

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
/// whoever had such a poll wakes the others: those for whom something is done now, and if there is more to do, those who
/// may do it.
///
/// Wakers are foreign code, also when they are dropped, which may drop a whole task and what it holds. So none is
/// called or dropped under the lock.
#[derive(Default)]
pub(super) struct Wakers {
    slots: Mutex<Slots>,
    /// How many senders are in there.
    ///
    /// Who finds none may rely on it if it holds or held the lock of the half in question: who registers later gets that
    /// lock later, and sees what was done.
    waiting: AtomicUsize,
}

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
        let mut slots = lock(&self.slots);
        let old = match &mut slots.receiver {
            Some(known) => renewed(known, waker),
            none => none.replace(waker.clone()),
        };
        drop(slots);
        drop(old);
    }

    /// Registers a sender, under the id that it got here before.
    pub(super) fn register_sender(&self, id: &mut Option<u64>, target: u64, waker: &Waker) {
        let mut slots = lock(&self.slots);
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
        self.count(&slots);
        drop(slots);
        drop(old);
    }

    /// Forgets the receiver, which waits no more.
    pub(super) fn forget_receiver(&self) {
        let old = lock(&self.slots).receiver.take();
        drop(old);
    }

    /// Forgets a sender that waits no more.
    pub(super) fn forget_sender(&self, id: u64) {
        let mut slots = lock(&self.slots);
        let place = slots.senders.iter().position(|known| known.id == id);
        let old = place.map(|place| slots.senders.remove(place));
        self.count(&slots);
        drop(slots);
        drop(old);
    }

    pub(super) fn wake_receiver(&self) {
        let receiver = lock(&self.slots).receiver.take();
        if let Some(waker) = receiver {
            waker.wake();
        }
    }

    /// Wakes the senders that wait for no more than what has been written.
    pub(super) fn wake_written(&self, written: u64) {
        while self.waiting.load(Ordering::Relaxed) > 0 {
            let mut slots = lock(&self.slots);
            let place = slots
                .senders
                .iter()
                .position(|sender| sender.target <= written);
            let done = place.map(|place| slots.senders.remove(place));
            self.count(&slots);
            drop(slots);
            match done {
                Some(sender) => sender.waker.wake(),
                None => return,
            }
        }
    }

    pub(super) fn wake_all(&self) {
        self.wake_receiver();
        self.wake_senders();
    }

    /// Wakes every sender, whatever it waits for: each that still wants something polls, and so keeps the transport
    /// going.
    pub(super) fn wake_senders(&self) {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut senders = {
            let mut slots = lock(&self.slots);
            self.waiting.store(0, Ordering::Relaxed);
            mem::take(&mut slots.senders)
        };
        for sender in senders.drain(..) {
            sender.waker.wake();
        }
        // The list keeps its memory for next time.
        let mut slots = lock(&self.slots);
        if slots.senders.capacity() == 0 {
            slots.senders = senders;
        }
    }

    /// Under the lock.
    fn count(&self, slots: &Slots) {
        self.waiting.store(slots.senders.len(), Ordering::Relaxed);
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

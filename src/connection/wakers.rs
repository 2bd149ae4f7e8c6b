//! Who waits for the transport.

use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::connection::lock;

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
/// poll whose `Pending` it relies on.
#[derive(Default)]
pub(super) struct Wakers(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    receiver: Option<Waker>,
    senders: Vec<(u64, Waker)>,
    last_id: u64,
}

impl Wakers {
    pub(super) fn register_receiver(&self, waker: &Waker) {
        let mut slots = lock(&self.0);
        match &mut slots.receiver {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Registers a sender, under the id that it got here before.
    pub(super) fn register_sender(&self, id: &mut Option<u64>, waker: &Waker) {
        let mut slots = lock(&self.0);
        let id = *id.get_or_insert_with(|| {
            slots.last_id += 1;
            slots.last_id
        });
        match slots.senders.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => known.clone_from(waker),
            None => slots.senders.push((id, waker.clone())),
        }
    }

    /// Forgets a sender that waits no more.
    pub(super) fn forget_sender(&self, id: u64) {
        lock(&self.0).senders.retain(|(known, _)| *known != id);
    }

    pub(super) fn wake_receiver(&self) {
        let receiver = lock(&self.0).receiver.take();
        if let Some(waker) = receiver {
            waker.wake();
        }
    }

    pub(super) fn wake_all(&self) {
        // Wakers run foreign code, so they are called without the lock; the list keeps its memory for next time.
        let (receiver, mut senders) = {
            let mut slots = lock(&self.0);
            (slots.receiver.take(), mem::take(&mut slots.senders))
        };
        if let Some(waker) = receiver {
            waker.wake();
        }
        for (_, waker) in senders.drain(..) {
            waker.wake();
        }
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

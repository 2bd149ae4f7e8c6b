//! A thread that waits for what a waker tells.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Wake;
use std::time::Instant;

/// Lets a thread sleep until it is woken. Not `thread::park`, whose wake-ups belong to the program.
#[derive(Debug, Default)]
pub(super) struct Parker {
    woken: Mutex<bool>,
    bell: Condvar,
}

impl Parker {
    /// That of this thread.
    pub(super) fn current() -> Arc<Self> {
        thread_local!(static PARKER: Arc<Parker> = Arc::default());
        PARKER.with(Arc::clone)
    }

    /// Forgets earlier wake-ups: whoever calls this looks at everything afterwards.
    pub(super) fn clear(&self) {
        *self.woken() = false;
    }

    /// Sleeps until it is woken, or has been since it was cleared, or the time is over.
    pub(super) fn park(&self, until: Option<Instant>) {
        let mut woken = self.woken();
        while !*woken {
            woken = match until {
                None => self
                    .bell
                    .wait(woken)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return;
                    }
                    let waited = self.bell.wait_timeout(woken, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn woken(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.woken() = true;
        self.bell.notify_one();
    }
}

/// The threads that wait for one stream. Whatever happens there wakes them all: they are a receiver and a sender at most,
/// and each looks again at what it needs.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<Vec<Arc<Parker>>>);

/// While it lives, the thread is woken.
pub(super) struct Waiting<'a> {
    waiters: &'a Waiters,
    parker: Arc<Parker>,
}

impl Waiters {
    pub(super) fn add(&self) -> Waiting<'_> {
        let parker = Parker::current();
        self.lock().push(Arc::clone(&parker));
        Waiting {
            waiters: self,
            parker,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Parker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    pub(super) fn parker(&self) -> &Parker {
        &self.parker
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut parkers = self.waiters.lock();
        if let Some(place) = parkers
            .iter()
            .position(|known| Arc::ptr_eq(known, &self.parker))
        {
            parkers.swap_remove(place);
        }
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for parker in self.lock().iter() {
            parker.wake_by_ref();
        }
    }
}

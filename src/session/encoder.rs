//! Who encodes a message at this moment.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The thread that is encoding a message at this moment, if any.
#[derive(Debug, Default)]
pub(crate) struct Encoder(AtomicUsize);

/// While it lives, this thread is encoding a message.
pub(crate) struct Encoding<'a>(&'a AtomicUsize);

impl Encoder {
    pub(crate) fn begin(&self) -> Encoding<'_> {
        // Other threads need not see it: they only compare it with themselves.
        self.0.store(this_thread(), Ordering::Relaxed);
        Encoding(&self.0)
    }

    /// # Panics
    ///
    /// If it is this thread. To wait for oneself would do more harm.
    #[inline]
    pub(crate) fn is_another(&self) {
        let encoding = self.0.load(Ordering::Relaxed);
        assert!(
            encoding == NOBODY || encoding != this_thread(),
            "an implementation of `Serialize` uses the connection that it is being sent over"
        );
    }
}

impl Drop for Encoding<'_> {
    fn drop(&mut self) {
        self.0.store(NOBODY, Ordering::Relaxed);
    }
}

/// A number that no other thread has, and cheap to get.
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(NOBODY + 1);
    crate::sync::thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// No thread.
const NOBODY: usize = 0;

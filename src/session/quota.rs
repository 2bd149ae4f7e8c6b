//! [`Quota`]: how many clients a listener serves at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::Config;
use crate::sync::atomic::{AtomicBool, AtomicUsize};

/// Counts the clients of a listener. All are of one user, so the count is that user's.
#[derive(Debug, Default)]
pub(crate) struct Quota(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    /// Those that have not said hello yet.
    silent: AtomicUsize,
}

/// A client's place, given back when the connection is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    counts: Arc<Counts>,
    greeted: AtomicBool,
}

impl Quota {
    /// A place for one more client; `None` if the limits of `config` are reached.
    ///
    /// Only one task accepts, so nothing can come between looking and counting.
    pub(crate) fn admit(&self, config: &Config) -> Option<Permit> {
        let Counts { open, silent } = &*self.0;
        if open.load(Ordering::Relaxed) >= config.max_connections
            || silent.load(Ordering::Relaxed) >= config.max_silent
        {
            return None;
        }
        open.fetch_add(1, Ordering::Relaxed);
        silent.fetch_add(1, Ordering::Relaxed);
        Some(Permit {
            counts: Arc::clone(&self.0),
            greeted: AtomicBool::new(false),
        })
    }

    /// Why a client got no place, and the bytes that tell it: a hello which says so.
    pub(crate) fn refusal(&self, config: &Config) -> (String, Vec<u8>) {
        let reason = match self.0.open.load(Ordering::Relaxed) >= config.max_connections {
            true => format!(
                "it has as many clients as it takes ({})",
                config.max_connections
            ),
            false => format!(
                "as many of its clients as it waits for ({}) have not said hello yet",
                config.max_silent
            ),
        };
        let mut bytes = Vec::new();
        config.hello().with_refusal(&reason).encode(&mut bytes);
        (reason, bytes)
    }
}

impl Permit {
    /// The client has said hello.
    pub(crate) fn greeted(&self) {
        if !self.greeted.swap(true, Ordering::Relaxed) {
            self.counts.silent.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.greeted();
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

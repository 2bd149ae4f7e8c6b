//! [`Quota`]: how many clients a listener serves at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Config;
use crate::sync::atomic::{AtomicBool, AtomicUsize};

/// Counts the clients of a listener. All are of one user, so the count is that user's.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    counts: Arc<Counts>,
    /// How often it has waited for hellos since there was a place for a client.
    pauses: u32,
}

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
    /// How long to wait before the next client is accepted, if at all; then ask again.
    ///
    /// Where many clients come at once, the program is so busy with accepting that it has read none of their hellos. Before
    /// one is refused because others are silent, these get a moment. Once it was in vain, the next ones are refused at once.
    pub(crate) fn pause(&mut self, config: &Config) -> Option<Duration> {
        let Counts { open, silent } = &*self.counts;
        if self.pauses == PAUSES
            || silent.load(Ordering::Relaxed) < config.max_silent
            || open.load(Ordering::Relaxed) >= config.max_connections
        {
            return None;
        }
        self.pauses += 1;
        Some(Duration::from_millis(1))
    }

    /// A place for one more client; `None` if the limits of `config` are reached.
    ///
    /// Only one task accepts, so nothing can come between looking and counting.
    pub(crate) fn admit(&mut self, config: &Config) -> Option<Permit> {
        let Counts { open, silent } = &*self.counts;
        if open.load(Ordering::Relaxed) >= config.max_connections
            || silent.load(Ordering::Relaxed) >= config.max_silent
        {
            return None;
        }
        self.pauses = 0;
        open.fetch_add(1, Ordering::Relaxed);
        silent.fetch_add(1, Ordering::Relaxed);
        Some(Permit {
            counts: Arc::clone(&self.counts),
            greeted: AtomicBool::new(false),
        })
    }

    /// Why a client got no place, and the bytes that tell it: a hello which says so.
    pub(crate) fn refusal(&self, config: &Config) -> (String, Vec<u8>) {
        let reason = match self.counts.open.load(Ordering::Relaxed) >= config.max_connections {
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

/// How often it waits at most.
const PAUSES: u32 = 20;

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

//! [`Watchdog`]: ends what hangs.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{process, thread};

/// Ends the program, and says which test did not, unless it is dropped in time.
pub(crate) struct Watchdog(
    #[expect(dead_code, reason = "its end is what is waited for")] mpsc::Sender<()>,
);

/// Watches over the test that this thread runs.
pub(crate) fn watchdog() -> Watchdog {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        if receiver.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{test} hangs");
            process::abort();
        }
    });
    Watchdog(sender)
}

//! A descriptor that a child inherits under its own number.
//!
//! The only hook between `fork` and `exec` in this package. std hands down the three standard streams and nothing else;
//! until it can do more, this is the way to a fourth. It costs: with any hook std uses `fork`, which takes longer the
//! more memory this process has.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Which descriptor the next child of a command inherits.
#[derive(Debug)]
pub(super) struct Numbered(Arc<AtomicI32>);

impl Numbered {
    /// Puts the hook into `command`, where it stays for good.
    pub(super) fn new(command: &mut Command) -> Self {
        let number = Arc::new(AtomicI32::new(NONE));
        let inherited = Arc::clone(&number);
        let hook = move || match inherited.load(Ordering::Relaxed) {
            NONE => Ok(()),
            number => inherit(number),
        };
        // SAFETY: between `fork` and `exec` the hook loads an integer and calls `fcntl`, which is safe in a signal
        // handler. It takes no lock and no memory: an error of the system is a bare number.
        unsafe { command.pre_exec(hook) };
        Self(number)
    }

    /// Runs `spawn`, whose child inherits `fd` under the number that it has here.
    ///
    /// The number is one that this process uses already, so nothing else in the child can have it: not a descriptor that
    /// another thread opens at this moment, nor the pipe over which std learns that `exec` has failed, which a fixed
    /// number such as 3 would hit now and then.
    pub(super) fn inheriting<R>(&self, fd: &OwnedFd, spawn: impl FnOnce() -> R) -> R {
        let _reset = Reset(&self.0);
        self.0.store(fd.as_raw_fd(), Ordering::Relaxed);
        spawn()
    }
}

struct Reset<'a>(&'a AtomicI32);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.store(NONE, Ordering::Relaxed);
    }
}

/// Lets `exec` leave the descriptor open. Runs in the child, whose table of descriptors is its own.
fn inherit(number: RawFd) -> io::Result<()> {
    // SAFETY: takes integers only.
    match unsafe { libc::fcntl(number, libc::F_SETFD, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

const NONE: i32 = -1;

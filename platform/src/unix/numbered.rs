//! A descriptor that a child inherits under a number of its own.
//!
//! The only hook between `fork` and `exec` in this package. std hands down the three standard streams and nothing else;
//! until it can do more, this is the way to a fourth. It costs: with any hook std uses `fork`, which takes longer the
//! more memory this process has.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use rustix::fs::fstat;
use rustix::io::fcntl_dupfd_cloexec;

/// Puts one descriptor of the next child of a command at the number [`NUMBER`](Self::NUMBER).
#[derive(Debug)]
pub(super) struct Numbered(Arc<Plan>);

/// What the hook is to do; it can look at nothing but numbers.
#[derive(Debug)]
struct Plan {
    /// Where the descriptor is in this process; `NONE` if there is nothing to do.
    source: AtomicI32,
    /// The inode of what this process has at the number.
    inode: AtomicU64,
}

impl Numbered {
    /// The first one after the standard streams: where Node puts the channel of its own children.
    pub(super) const NUMBER: RawFd = 3;

    /// Puts the hook into `command`, where it stays for good.
    pub(super) fn new(command: &mut Command) -> Self {
        let plan = Arc::new(Plan {
            source: AtomicI32::new(NONE),
            inode: AtomicU64::new(0),
        });
        let copy = Arc::clone(&plan);
        // SAFETY: between `fork` and `exec` the hook loads integers and calls `fstat`, `dup2` and `fcntl`, which are
        // safe in a signal handler. It takes no lock and no memory: an error of the system is a bare number.
        unsafe { command.pre_exec(move || copy.carry_out()) };
        Self(plan)
    }

    /// Runs `spawn`, whose child has `fd` at the number.
    ///
    /// In the child, std keeps a pipe over which it tells that `exec` has failed. It must not be at the number, so the
    /// number is taken here before std looks for a free one: by `fd` itself, unless this process has something there
    /// already. If that is closed by another thread at just this moment, the child notices, and it is tried again.
    pub(super) fn inheriting<R>(
        &self,
        fd: &OwnedFd,
        mut spawn: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        let _reset = Reset(&self.0.source);
        loop {
            let there = fcntl_dupfd_cloexec(fd, Self::NUMBER)?;
            self.0.source.store(there.as_raw_fd(), Ordering::Relaxed);
            if there.as_raw_fd() != Self::NUMBER {
                // SAFETY: only looked at here, and if nothing is there any more the system says so.
                let taken = unsafe { BorrowedFd::borrow_raw(Self::NUMBER) };
                let Ok(taken) = fstat(taken.as_fd()) else {
                    continue;
                };
                self.0.inode.store(taken.st_ino, Ordering::Relaxed);
            }
            match spawn() {
                Err(error) if error.raw_os_error() == Some(CHANGED) => {}
                done => return done,
            }
        }
    }
}

impl Plan {
    /// Runs in the child, whose table of descriptors is its own.
    fn carry_out(&self) -> io::Result<()> {
        let source = self.source.load(Ordering::Relaxed);
        if source == NONE {
            return Ok(());
        }
        if source == Numbered::NUMBER {
            // SAFETY: takes integers only.
            return check(unsafe { libc::fcntl(source, libc::F_SETFD, 0) });
        }
        let mut found = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the system writes a whole `stat` into memory that is made for one.
        check(unsafe { libc::fstat(Numbered::NUMBER, found.as_mut_ptr()) })
            .map_err(|_| io::Error::from_raw_os_error(CHANGED))?;
        // SAFETY: the call before was successful.
        let found = unsafe { found.assume_init() };
        if found.st_ino != self.inode.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(CHANGED));
        }
        // SAFETY: takes integers only. The copy is inherited, whatever the original is.
        check(unsafe { libc::dup2(source, Numbered::NUMBER) })
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

struct Reset<'a>(&'a AtomicI32);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.store(NONE, Ordering::Relaxed);
    }
}

const NONE: i32 = -1;

/// What the child says when the number is not what it was: an error that `exec` and what precedes it never give.
const CHANGED: i32 = libc::EOWNERDEAD;

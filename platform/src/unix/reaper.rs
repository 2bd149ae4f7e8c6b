//! Reaps children whose handles were dropped before their exit was seen.
//!
//! One thread, alive only while there are such children. It needs no runtime and no signal handler, and takes
//! nobody else's children.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{read, write};
use rustix::process::Pid;

use super::descriptor::{pipe, retry};
use super::exit::Exit;
use super::process::{Waiting, take};
use super::thread;

/// A child without a handle.
#[derive(Debug)]
pub(super) struct Orphan {
    pid: Pid,
    exit: Exit,
}

impl Orphan {
    pub(super) fn new(pid: Pid, exit: Exit) -> Self {
        Self { pid, exit }
    }

    /// Whether there is nothing left to wait for.
    fn reaped(&self, waiting: Waiting) -> bool {
        !matches!(take(self.pid, &self.exit, waiting), Ok(None))
    }
}

/// Sees to it that the child is reaped when it ends.
pub(super) fn adopt(orphan: Orphan) {
    let mut reaper = lock();
    reaper.arrivals.push(orphan);
    if let Some(bell) = &reaper.bell {
        // A full pipe is as good as another byte in it.
        let _ = retry(|| write(bell, &[0]));
        return;
    }
    // If there is no thread or no pipe to be had, the next child that arrives tries again.
    let Ok((listen, bell)) = pipe() else { return };
    if fcntl_setfl(&bell, OFlags::NONBLOCK).is_err()
        || fcntl_setfl(&listen, OFlags::NONBLOCK).is_err()
    {
        return;
    }
    if thread::start("offspring-reaper", move || run(&listen)).is_ok() {
        reaper.bell = Some(bell);
    }
}

#[derive(Debug)]
struct Reaper {
    arrivals: Vec<Orphan>,
    /// Wakes the thread. There is one exactly while the thread lives.
    bell: Option<OwnedFd>,
}

static REAPER: Mutex<Reaper> = Mutex::new(Reaper {
    arrivals: Vec::new(),
    bell: None,
});

fn lock() -> MutexGuard<'static, Reaper> {
    REAPER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(bell: &OwnedFd) {
    let mut orphans = Vec::new();
    loop {
        let mut reaper = lock();
        orphans.append(&mut reaper.arrivals);
        if orphans.is_empty() {
            reaper.bell = None;
            return;
        }
        drop(reaper);

        let mut fds = vec![PollFd::new(bell, PollFlags::IN)];
        fds.extend(
            orphans
                .iter()
                .map(|orphan| PollFd::from_borrowed_fd(orphan.exit.as_fd(), PollFlags::IN)),
        );
        let answer = retry(|| poll(&mut fds, None));
        let ended: Vec<bool> = fds[1..].iter().map(|fd| !fd.revents().is_empty()).collect();
        match answer {
            Ok(_) => {
                let mut ended = ended.into_iter();
                // After the announcement the wait may block, for an instant: see `WAITABLE_LATER`. On Linux a
                // debugger can hold the exit back, so there it is asked without blocking.
                orphans
                    .retain(|orphan| !(ended.next().unwrap_or(false) && orphan.reaped(AFTER_EXIT)));
            }
            // Out of memory, or a limit was lowered: look at all of them now and then.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(100));
                orphans.retain(|orphan| !orphan.reaped(Waiting::No));
            }
        }
        while let Ok(1..) = read(bell, &mut [0_u8; 64]) {}
    }
}

const AFTER_EXIT: Waiting = if cfg!(any(target_os = "linux", target_os = "android")) {
    Waiting::No
} else {
    Waiting::Blocking
};

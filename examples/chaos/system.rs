//! What only the system can do or tell.

use std::time::Duration;

use tokio::time::sleep;

pub(crate) use imp::{scribble, stop_and_continue};

/// What this process holds, where the system tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    descriptors: usize,
    children: usize,
}

impl Footprint {
    pub(crate) fn now() -> Self {
        // Under Wine this shows what Wine itself has open, which comes and goes.
        let folder = |path| std::fs::read_dir(path).ok().filter(|_| cfg!(unix));
        let entries = |path| folder(path).into_iter().flatten().flatten();
        // A child is listed with the thread that started it.
        let children_of = |thread: std::fs::DirEntry| {
            let children = std::fs::read_to_string(thread.path().join("children"));
            children.unwrap_or_default().split_whitespace().count()
        };
        Self {
            descriptors: entries("/proc/self/fd").count(),
            children: entries("/proc/self/task").map(children_of).sum(),
        }
    }

    pub(crate) async fn is_restored(&self) -> Result<(), String> {
        // Children that were dropped are reaped when they end, a moment later.
        let mut now = Self::now();
        for _ in 0..100 {
            if now == *self {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
            now = Self::now();
        }
        Err(format!(
            "nothing is left behind: {self:?} before, {now:?} after"
        ))
    }
}

#[cfg(unix)]
mod imp {
    use rustix::process::{Pid, kill_process};

    /// Writes to the channel what no child would.
    pub(crate) fn scribble() {
        let _ = rustix::io::write(std::io::stdin(), b"GET / HTTP/1.1\r\n\r\n");
    }

    pub(crate) fn stop_and_continue(pid: u32, pause: std::time::Duration) -> bool {
        let Some(pid) = Pid::from_raw(pid as i32) else {
            return false;
        };
        let stopped = kill_process(pid, rustix::process::Signal::STOP).is_ok();
        std::thread::sleep(pause);
        stopped && kill_process(pid, rustix::process::Signal::CONT).is_ok()
    }
}

#[cfg(not(unix))]
mod imp {
    /// There a program that is not one of ours ends without a word.
    pub(crate) fn scribble() {}

    /// There is no such thing there.
    pub(crate) fn stop_and_continue(_: u32, _: std::time::Duration) -> bool {
        false
    }
}

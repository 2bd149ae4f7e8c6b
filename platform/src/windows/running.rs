//! A process that this one has started.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::os::windows::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use windows_sys::Win32::System::Threading::{GetExitCodeProcess, TerminateProcess};

use super::handle::check;
use super::timed;

/// A process, by its handle, for which its id stays taken.
#[derive(Debug)]
pub(super) struct Running {
    process: OwnedHandle,
    pid: u32,
}

impl Running {
    #[cfg(feature = "node")]
    pub(super) fn new(process: OwnedHandle, pid: u32) -> Self {
        Self { process, pid }
    }

    pub(super) fn id(&self) -> u32 {
        self.pid
    }

    /// Its status if it has exited.
    pub(super) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        if !timed::wait(&self.process, Duration::ZERO) {
            return Ok(None);
        }
        let mut code = 0;
        // SAFETY: the process is open, and `code` outlives the call.
        check(unsafe { GetExitCodeProcess(self.process.as_raw_handle(), &mut code) })?;
        Ok(Some(ExitStatus::from_raw(code)))
    }

    /// Ends it. Ok if it has ended.
    pub(super) fn kill(&self) -> io::Result<()> {
        // SAFETY: the process is open.
        let killed = check(unsafe { TerminateProcess(self.process.as_raw_handle(), 1) });
        match self.try_wait() {
            // One that has ended refuses.
            Ok(Some(_)) => Ok(()),
            _ => killed,
        }
    }
}

impl AsHandle for Running {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.process.as_handle()
    }
}

impl From<Child> for Running {
    fn from(child: Child) -> Self {
        let pid = child.id();
        let process = child.into();
        Self { process, pid }
    }
}

/// Starts a process that inherits what std marks for it.
pub(super) fn starting<R>(start: impl FnOnce() -> R) -> R {
    let _guard = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    start()
}

/// Starts a process while handles are marked that no other process is to inherit.
#[cfg(feature = "node")]
pub(super) fn starting_alone<R>(start: impl FnOnce() -> R) -> R {
    let _guard = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    start()
}

/// std's own lock cannot be had, so this one orders the children that we start. A process that other code starts at just
/// that moment may get what is marked; a child's end is noticed by its exit nevertheless.
static STARTING: RwLock<()> = RwLock::new(());

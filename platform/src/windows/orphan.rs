//! A child whose parent has died ends too, however busy it is.

use std::io;
use std::os::windows::io::OwnedHandle;
use std::thread;
use std::time::Duration;

use windows_sys::Win32::System::Threading::{GetCurrentProcess, TerminateProcess};

use super::timed;

/// Ends this process `grace` after `parent` has ended.
///
/// A thread of its own, not the thread pool: a program that keeps all threads of the pool busy is ended as well.
pub(super) fn end_with(parent: OwnedHandle, grace: Duration) -> io::Result<()> {
    thread::Builder::new()
        .name("offspring-orphan".into())
        .spawn(move || {
            while !timed::wait(&parent, Duration::MAX) {}
            thread::sleep(grace);
            // SAFETY: returns a constant.
            let this = unsafe { GetCurrentProcess() };
            // Not an orderly exit, which runs foreign code and can hang: the time for that was the grace.
            // SAFETY: nothing of this process runs after this, so nothing can be left in a wrong state.
            unsafe { TerminateProcess(this, 1) };
        })?;
    Ok(())
}

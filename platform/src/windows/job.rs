//! A process with all its descendants.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::null;

use windows_sys::Win32::Foundation::ERROR_NO_MORE_FILES;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{OpenThread, ResumeThread, THREAD_SUSPEND_RESUME};

use super::handle::{check, error, is, last_error, own};

/// Processes that end together when told to, and only then: closing the job leaves them alone.
#[derive(Debug)]
pub(super) struct Job(OwnedHandle);

impl Job {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: it gets no attributes, so that no child inherits it, and no name.
        let job = unsafe { CreateJobObjectW(null(), null()) };
        // SAFETY: the call has just made it for us.
        unsafe { own(job) }.map(Self)
    }

    /// Takes in a process that was started suspended, so that it has no descendants yet, and lets it run.
    pub(super) fn start(&self, process: BorrowedHandle<'_>, pid: u32) -> io::Result<()> {
        // SAFETY: both are open.
        check(unsafe {
            AssignProcessToJobObject(self.0.as_raw_handle(), process.as_raw_handle())
        })?;
        resume(&only_thread(pid)?)
    }

    pub(super) fn kill(&self) -> io::Result<()> {
        // SAFETY: the job is open.
        check(unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) })
    }
}

/// The thread of a process that was started suspended. std knows it, but tells nobody yet.
fn only_thread(pid: u32) -> io::Result<OwnedHandle> {
    // SAFETY: takes no pointers.
    let threads = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    // SAFETY: the call has just made it for us.
    let threads = unsafe { own(threads) }?;
    let mut entry = THREADENTRY32 {
        dwSize: size_of::<THREADENTRY32>() as u32,
        ..THREADENTRY32::default()
    };
    // SAFETY: the snapshot is open, and the entry says its size.
    let mut more = check(unsafe { Thread32First(threads.as_raw_handle(), &mut entry) });
    while more.is_ok() {
        if entry.th32OwnerProcessID == pid {
            // SAFETY: takes no pointers. The id is not reused while its process is held suspended.
            let thread = unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, entry.th32ThreadID) };
            // SAFETY: the call has just made it for us.
            return unsafe { own(thread) };
        }
        // SAFETY: as above.
        more = check(unsafe { Thread32Next(threads.as_raw_handle(), &mut entry) });
    }
    match more {
        Err(error) if !is(&error, ERROR_NO_MORE_FILES) => Err(error),
        _ => Err(io::Error::other("the new process has no thread")),
    }
}

fn resume(thread: &OwnedHandle) -> io::Result<()> {
    // SAFETY: the thread is open.
    if unsafe { ResumeThread(thread.as_raw_handle()) } == u32::MAX {
        return Err(error(last_error()));
    }
    Ok(())
}

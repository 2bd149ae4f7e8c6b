//! Handles put into another process, and found there.
//!
//! A handle is a number that means something in one process only, so it travels with the id of that process: the
//! high half of the word. The program that attaches need not be the process that `spawn` started: `.cmd` files and
//! launchers such as those of Python or rustup start the real program, and hand their stdin slot on. It then fetches
//! its handles from the launcher instead of taking whatever has the same number in itself.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{
    DUPLICATE_CLOSE_SOURCE, DUPLICATE_HANDLE_OPTIONS, DUPLICATE_SAME_ACCESS, DuplicateHandle,
    FILETIME, GetHandleInformation, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::SYNCHRONIZE;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, PROCESS_DUP_HANDLE,
    PROCESS_QUERY_LIMITED_INFORMATION,
};

use super::handle::{check, own};
use super::running::Running;

/// Puts a copy of `handle` into `child`.
pub(super) fn give(child: &Running, handle: &OwnedHandle) -> io::Result<u64> {
    let value = duplicate(
        this(),
        handle.as_handle(),
        child.as_handle(),
        0,
        DUPLICATE_SAME_ACCESS,
    )?;
    Ok(word(child.id(), value))
}

/// Puts a handle on this process into `child`, good for waiting until this process ends and for nothing else.
pub(super) fn give_this_process(child: &Running) -> io::Result<u64> {
    let value = duplicate(this(), this(), child.as_handle(), SYNCHRONIZE, 0)?;
    Ok(word(child.id(), value))
}

/// Takes a handle that was given to this process or to its launcher; `None` for a word that `give` does not make.
pub(super) fn take(word: u64) -> io::Result<Option<OwnedHandle>> {
    let (pid, value) = ((word >> 32) as u32, word as u32);
    // Negative numbers are no handles: they stand for this process, this thread and the like.
    if value == 0 || (value as i32) < 0 {
        return Ok(None);
    }
    let value = value as usize as HANDLE;
    if pid != std::process::id() {
        return take_from_launcher(pid, value);
    }
    let mut flags = 0;
    // SAFETY: for a number that is no handle the call fails; `flags` outlives it.
    check(unsafe { GetHandleInformation(value, &mut flags) })?;
    // SAFETY: it is open. Our parent made it for us, as the token in its preface proves, and told nobody else.
    Ok(Some(unsafe { OwnedHandle::from_raw_handle(value) }))
}

/// A handle on a process that began before this one, good for waiting until it ends; `None` if the id is that of another
/// process by now.
#[cfg(feature = "node")]
pub(super) fn older(pid: u32) -> io::Result<Option<OwnedHandle>> {
    // SAFETY: takes no pointers.
    let process = unsafe { OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    // SAFETY: the call has just made it for us.
    let process = unsafe { own(process) }?;
    Ok((began(process.as_handle())? <= began(this())?).then_some(process))
}

fn take_from_launcher(pid: u32, value: HANDLE) -> io::Result<Option<OwnedHandle>> {
    let access = PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION;
    // SAFETY: takes no pointers.
    let launcher = unsafe { OpenProcess(access, 0, pid) };
    // SAFETY: the call has just made it for us.
    let launcher = unsafe { own(launcher) }?;
    // Whoever has got the id of a launcher that is gone began after us.
    if began(launcher.as_handle())? > began(this())? {
        return Ok(None);
    }
    // SAFETY: the number is one of the launcher's handles, which our parent put there, or the call fails.
    let value = unsafe { BorrowedHandle::borrow_raw(value) };
    let moved = DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE;
    let value = duplicate(launcher.as_handle(), value, this(), 0, moved)?;
    // SAFETY: the duplicate is new and ours.
    Ok(Some(unsafe { OwnedHandle::from_raw_handle(value) }))
}

fn word(pid: u32, value: HANDLE) -> u64 {
    // Only the low half of a handle means anything, also in 64-bit programs.
    u64::from(pid) << 32 | u64::from(value.addr() as u32)
}

fn this() -> BorrowedHandle<'static> {
    // SAFETY: returns a constant.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the pseudo-handle of this process is always valid.
    unsafe { BorrowedHandle::borrow_raw(process) }
}

/// Copies a handle of one process into another, where no child inherits it. `handle` is meant in the process `from`.
fn duplicate(
    from: BorrowedHandle<'_>,
    handle: BorrowedHandle<'_>,
    to: BorrowedHandle<'_>,
    access: u32,
    options: DUPLICATE_HANDLE_OPTIONS,
) -> io::Result<HANDLE> {
    let mut value = null_mut();
    // SAFETY: both processes are open, and `value` outlives the call.
    check(unsafe {
        DuplicateHandle(
            from.as_raw_handle(),
            handle.as_raw_handle(),
            to.as_raw_handle(),
            &mut value,
            access,
            0,
            options,
        )
    })?;
    Ok(value)
}

fn began(process: BorrowedHandle<'_>) -> io::Result<u64> {
    let mut times = [FILETIME::default(); 4];
    let [begun, ended, kernel, user] = &mut times;
    // SAFETY: the process is open, and the four times outlive the call.
    check(unsafe { GetProcessTimes(process.as_raw_handle(), begun, ended, kernel, user) })?;
    Ok(u64::from(begun.dwHighDateTime) << 32 | u64::from(begun.dwLowDateTime))
}

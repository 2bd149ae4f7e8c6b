//! Kernel handles and the error codes that come with them.

use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{GetLastError, HANDLE, INVALID_HANDLE_VALUE, WIN32_ERROR};
use windows_sys::core::BOOL;

/// The error code that the last call on this thread left behind.
pub(super) fn last_error() -> WIN32_ERROR {
    // SAFETY: reads a field of the current thread.
    unsafe { GetLastError() }
}

pub(super) fn error(code: WIN32_ERROR) -> io::Error {
    io::Error::from_raw_os_error(code as i32)
}

/// Whether `error` is what the system calls `code`.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(super) fn is(error: &io::Error, code: WIN32_ERROR) -> bool {
    error.raw_os_error() == Some(code as i32)
}

/// The result of a call that answers zero for failure.
pub(super) fn check(ok: BOOL) -> io::Result<()> {
    if ok == 0 {
        Err(error(last_error()))
    } else {
        Ok(())
    }
}

/// Takes the handle that a call has just made. Some calls answer null for failure, others -1.
///
/// # Safety
///
/// `handle` is null, -1, or an open handle that nobody else closes.
pub(super) unsafe fn own(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(error(last_error()));
    }
    // SAFETY: it is open and ours, as the caller promises.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

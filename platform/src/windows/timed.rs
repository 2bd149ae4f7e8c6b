//! Reading and writing a pipe from this thread, with a deadline, before the thread pool has the pipe.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_OPERATION_ABORTED, WAIT_OBJECT_0};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, WaitForSingleObject};
use windows_sys::core::BOOL;

use super::handle::{check, error, is, last_error, own};

/// Reads until `buf` is full.
pub(super) fn read_exact(
    pipe: &OwnedHandle,
    mut buf: &mut [u8],
    limit: Duration,
) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    while !buf.is_empty() {
        let (start, size) = (buf.as_mut_ptr(), length(buf));
        let done = transfer(pipe, deadline, |overlapped| {
            // SAFETY: `transfer` returns when the system is done with `buf` and `overlapped`.
            unsafe { ReadFile(pipe.as_raw_handle(), start, size, null_mut(), overlapped) }
        })?;
        if done == 0 {
            // The peer wrote nothing, and said so. It could do that for ever.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf = &mut buf[done..];
    }
    Ok(())
}

/// Writes all of `buf`.
pub(super) fn write_all(pipe: &OwnedHandle, mut buf: &[u8], limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    while !buf.is_empty() {
        let (start, size) = (buf.as_ptr(), length(buf));
        let done = transfer(pipe, deadline, |overlapped| {
            // SAFETY: `transfer` returns when the system is done with `buf` and `overlapped`.
            unsafe { WriteFile(pipe.as_raw_handle(), start, size, null_mut(), overlapped) }
        })?;
        buf = &buf[done..];
    }
    Ok(())
}

/// Waits until the object is signalled; `false` if it was not within `limit`.
pub(super) fn wait(object: &impl AsHandle, limit: Duration) -> bool {
    // The largest value means for ever.
    let millis =
        u32::try_from(limit.as_millis()).map_or(u32::MAX - 1, |millis| millis.min(u32::MAX - 1));
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(object.as_handle().as_raw_handle(), millis) == WAIT_OBJECT_0 }
}

fn transfer(
    pipe: &OwnedHandle,
    deadline: Instant,
    begin: impl FnOnce(*mut OVERLAPPED) -> BOOL,
) -> io::Result<usize> {
    // SAFETY: it gets no attributes and no name.
    let event = unsafe { CreateEventW(null(), 1, 0, null()) };
    // SAFETY: the call has just made it for us.
    let event = unsafe { own(event) }?;
    let mut overlapped = OVERLAPPED {
        hEvent: event.as_raw_handle(),
        ..OVERLAPPED::default()
    };
    let overlapped = &raw mut overlapped;
    if begin(overlapped) == 0 {
        let code = last_error();
        if code != ERROR_IO_PENDING {
            return Err(error(code));
        }
        if !wait(&event, deadline.saturating_duration_since(Instant::now())) {
            // SAFETY: the pipe is open, and `overlapped` lives.
            unsafe { CancelIoEx(pipe.as_raw_handle(), overlapped) };
        }
    }
    let mut done = 0;
    // Waits, if it has to, for a cancelled operation only, which ends at once. After this the system is done with it.
    // SAFETY: the pipe is open, and `overlapped` and `done` live.
    let result =
        check(unsafe { GetOverlappedResult(pipe.as_raw_handle(), overlapped, &mut done, 1) });
    match result {
        Ok(()) => Ok(done as usize),
        Err(error) if is(&error, ERROR_OPERATION_ABORTED) => Err(io::ErrorKind::TimedOut.into()),
        Err(error) => Err(error),
    }
}

fn length(buf: &[u8]) -> u32 {
    u32::try_from(buf.len()).unwrap_or(u32::MAX)
}

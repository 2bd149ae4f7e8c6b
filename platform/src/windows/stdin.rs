//! The stdin slot of this process, and which handles its children inherit.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, IntoRawHandle, OwnedHandle};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{
    HANDLE, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE, SetHandleInformation,
};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_HANDLE, STD_INPUT_HANDLE, SetStdHandle,
};

use super::handle::check;

/// What is in the slot, if anything.
pub(super) fn get() -> Option<HANDLE> {
    content(STD_INPUT_HANDLE)
}

/// A copy of a standard slot, if anything is in it: some programs have none, or a number that is no handle any more.
pub(super) fn copy(slot: STD_HANDLE) -> Option<OwnedHandle> {
    // SAFETY: used for one call, which fails for a number that is no handle.
    let slot = unsafe { BorrowedHandle::borrow_raw(content(slot)?) };
    slot.try_clone_to_owned().ok()
}

fn content(slot: STD_HANDLE) -> Option<HANDLE> {
    // SAFETY: reads a field of the process.
    let content = unsafe { GetStdHandle(slot) };
    (!content.is_null() && content != INVALID_HANDLE_VALUE).then_some(content)
}

/// Puts `handle` into the slot, for good: whoever uses stdin does not own it. `None` empties the slot.
pub(super) fn set(handle: Option<OwnedHandle>) -> io::Result<()> {
    let handle = handle.map_or(null_mut(), OwnedHandle::into_raw_handle);
    // SAFETY: the handle is open and is never closed; or it is null, which all users of the slot expect.
    check(unsafe { SetStdHandle(STD_INPUT_HANDLE, handle) })
}

/// Whether children that inherit handles get this one.
pub(super) fn set_inherited(handle: &OwnedHandle, inherited: bool) -> io::Result<()> {
    let flag = if inherited { HANDLE_FLAG_INHERIT } else { 0 };
    // SAFETY: the handle is open.
    check(unsafe { SetHandleInformation(handle.as_raw_handle(), HANDLE_FLAG_INHERIT, flag) })
}

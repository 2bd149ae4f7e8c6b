//! The descriptors of the C runtime, which a parent leaves for its child in a block of this layout:
//!
//! ```text
//! 0            4               4 + count
//! | count i32  | flags u8 ...  | handles, 8 or 4 bytes each, not aligned ...
//! ```

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE, GetFileType,
};
use windows_sys::Win32::System::Threading::{GetStartupInfoW, STARTUPINFOW};

/// The handle behind a descriptor that this process was started with.
pub(super) fn descriptor(number: u16) -> Option<HANDLE> {
    let mut info = STARTUPINFOW::default();
    // SAFETY: `info` outlives the call.
    unsafe { GetStartupInfoW(&mut info) };
    let size = usize::from(info.cbReserved2);
    if info.lpReserved2.is_null() {
        return None;
    }
    // SAFETY: the system has copied that many bytes into this process when it began, where they stay; nobody changes them.
    let block = unsafe { std::slice::from_raw_parts(info.lpReserved2, size) };
    let handle = handle_in(block, number)?;
    Some(handle as HANDLE)
}

fn handle_in(block: &[u8], number: u16) -> Option<usize> {
    const WIDTH: usize = size_of::<usize>();
    let (count, rest) = block.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_le_bytes(*count)).ok()?;
    let number = usize::from(number);
    if number >= count {
        return None;
    }
    let flags = *rest.get(number)?;
    let handles = rest.get(count..)?;
    let bytes = handles.get(number * WIDTH..)?.first_chunk::<WIDTH>()?;
    let handle = usize::from_le_bytes(*bytes);
    let is_open = flags & OPEN != 0 && handle != 0 && handle != usize::MAX;
    is_open.then_some(handle)
}

/// The block that gives a child these descriptors, beginning with number 0.
pub(super) fn block<const COUNT: usize>(handles: [Option<HANDLE>; COUNT]) -> Vec<u8> {
    let entries = handles.map(|handle| match handle {
        Some(handle) => (flags_of(handle), handle.addr()),
        None => (0, INVALID_HANDLE_VALUE.addr()),
    });
    encode(&entries)
}

fn encode(entries: &[(u8, usize)]) -> Vec<u8> {
    let mut block = (entries.len() as i32).to_le_bytes().to_vec();
    block.extend(entries.iter().map(|(flags, _)| flags));
    for (_, handle) in entries {
        block.extend_from_slice(&handle.to_le_bytes());
    }
    block
}

/// What the C runtime wants to know of an open handle: whether it can be sought in.
fn flags_of(handle: HANDLE) -> u8 {
    // SAFETY: for a number that is no handle the call says so.
    match unsafe { GetFileType(handle) } {
        FILE_TYPE_DISK => OPEN,
        FILE_TYPE_PIPE => OPEN | PIPE,
        FILE_TYPE_CHAR => OPEN | DEVICE,
        _ => OPEN | DEVICE,
    }
}

/// The flags of a descriptor that is open, of one that is a pipe or a socket, and of one that is a console or the like.
const OPEN: u8 = 0x01;
const PIPE: u8 = 0x08;
const DEVICE: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(count: i32, entries: &[(u8, usize)]) -> Vec<u8> {
        let mut block = encode(entries);
        block[..4].copy_from_slice(&count.to_le_bytes());
        block
    }

    #[test]
    fn a_handle_is_found_by_its_number() {
        let block = encode(&[(0x41, 8), (0, 0), (1, usize::MAX), (9, 0x1234)]);
        let found: Vec<_> = (0..6).map(|number| handle_in(&block, number)).collect();
        assert_eq!(found, [Some(8), None, None, Some(0x1234), None, None]);
    }

    #[test]
    fn a_block_that_is_cut_short_or_lies_gives_nothing() {
        let good = encode(&[(1, 8), (1, 16)]);
        for end in 0..good.len() {
            assert_eq!(handle_in(&good[..end], 1), None, "{end}");
        }
        for count in [-1, i32::MIN, 0, i32::MAX, 100] {
            assert_eq!(handle_in(&block(count, &[(1, 8), (1, 16)]), 1), None);
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_block_is_what_libuv_writes() {
        #[rustfmt::skip]
        assert_eq!(encode(&[(0, usize::MAX), (9, 0x1234)]), [
            2, 0, 0, 0, // how many
            0, 9, // their flags: closed, a pipe
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // no handle
            0x34, 0x12, 0, 0, 0, 0, 0, 0,
        ]);
    }
}

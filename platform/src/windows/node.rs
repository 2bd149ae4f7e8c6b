//! Channels from and to Node.js: a pipe that the C runtime calls by a number.
//!
//! std cannot fill more than the three standard slots of a child, so a Node child gets its channel in the first of them,
//! which Node allows for. What a Node parent gives may have any number: it is looked up where the C runtime does.

use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::process::Command;
use std::time::Duration;

use windows_sys::Win32::Foundation::{GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT};
use windows_sys::Win32::System::Threading::{GetStartupInfoW, STARTUPINFOW};

use super::handle::check;
use super::pipe::{self, Direction};
use super::spawn::start;
use super::stream::Channel;
use super::{orphan, remote, stdin};
use crate::AttachError;
use crate::handoff::{CHANNEL_VARIABLE, End};
use crate::node::NODE_CHANNEL_VARIABLE;
use crate::process::{Options, Spawned, Stdin};

/// libuv cuts the stream into pieces here.
pub(crate) const FRAMED: bool = true;

#[derive(Debug)]
pub(crate) struct Launcher(());

impl Launcher {
    pub(crate) fn new(_: &mut Command) -> Self {
        Self(())
    }

    pub(crate) fn spawn<S: End>(
        &self,
        command: &mut Command,
        options: Options,
    ) -> io::Result<Spawned<S>> {
        if matches!(options.stdin, Stdin::Piped | Stdin::Owned(_)) {
            let text = "a Node child cannot have a standard input of its own on Windows";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        // The server end is for overlapped I/O, and the client end too: without that Node refuses it.
        let (ours, theirs) = pipe::pair(Direction::Both)?;
        command
            .env(NODE_CHANNEL_VARIABLE, "0")
            .env_remove(CHANNEL_VARIABLE);
        let (child, job) = start(command, theirs, options.kill_tree)?;
        child.spawned(ours, None, job)
    }
}

/// A handle that a Node parent may have left.
#[derive(Debug)]
pub(crate) struct Slot {
    number: u16,
    handle: HANDLE,
}

impl Slot {
    /// `None` unless a pipe is there that this process was started with.
    pub(crate) fn find(number: u16) -> Option<Self> {
        let handle = match number {
            0 => stdin::get()?,
            number => descriptor(number)?,
        };
        let mut flags = 0;
        // SAFETY: for a number that is no handle the call fails; `flags` outlives it.
        check(unsafe { GetHandleInformation(handle, &mut flags) }).ok()?;
        // What this process has opened itself is not inherited by anybody, and what was inherited is.
        let is_it = flags & HANDLE_FLAG_INHERIT != 0 && pipe::server_pid(handle).is_ok();
        is_it.then_some(Self { number, handle })
    }

    pub(crate) fn take<S: End>(self, grace: Option<Duration>) -> Result<(S, u32), AttachError> {
        // SAFETY: it is open, as `find` saw. It was announced by a variable that is gone now, so from here on it is ours;
        // the C runtime knows its number, but closes nothing that it was not told to close.
        let channel = unsafe { OwnedHandle::from_raw_handle(self.handle) };
        if self.number == 0 {
            stdin::set(None)?;
        }
        stdin::set_inherited(&channel, false)?;
        let parent = pipe::server_pid(self.handle)?;
        // If it is gone, or cannot be watched, the end of the channel has to do.
        if let (Some(grace), Ok(Some(process))) = (grace, remote::older(parent)) {
            orphan::end_with(process, grace)?;
        }
        Ok((S::of_channel(Channel(channel))?, parent))
    }
}

/// The handle behind a descriptor of the C runtime, which parents leave in a block of this layout:
///
/// ```text
/// 0            4               4 + count
/// | count i32  | flags u8 ...  | handles, 8 or 4 bytes each, not aligned ...
/// ```
fn descriptor(number: u16) -> Option<HANDLE> {
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

/// The flag of a descriptor that is open.
const OPEN: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(count: i32, entries: &[(u8, usize)]) -> Vec<u8> {
        let mut block = count.to_le_bytes().to_vec();
        block.extend(entries.iter().map(|(flags, _)| flags));
        for (_, handle) in entries {
            block.extend_from_slice(&handle.to_le_bytes());
        }
        block
    }

    #[test]
    fn a_handle_is_found_by_its_number() {
        let block = block(4, &[(0x41, 8), (0, 0), (1, usize::MAX), (9, 0x1234)]);
        let found: Vec<_> = (0..6).map(|number| handle_in(&block, number)).collect();
        assert_eq!(found, [Some(8), None, None, Some(0x1234), None, None]);
    }

    #[test]
    fn a_block_that_is_cut_short_or_lies_gives_nothing() {
        let good = block(2, &[(1, 8), (1, 16)]);
        for end in 0..good.len() {
            assert_eq!(handle_in(&good[..end], 1), None, "{end}");
        }
        for count in [-1, i32::MIN, 0, i32::MAX, 100] {
            assert_eq!(handle_in(&block(count, &[(1, 8), (1, 16)]), 1), None);
        }
    }
}

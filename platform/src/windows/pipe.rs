//! The system calls on named pipes, as safe functions.

use std::ffi::{OsStr, c_void};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, HANDLE};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FileNameInfo,
    GetFileInformationByHandleEx, OPEN_EXISTING, PIPE_ACCESS_DUPLEX, PIPE_ACCESS_INBOUND,
    PIPE_ACCESS_OUTBOUND, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, GetNamedPipeClientProcessId, GetNamedPipeServerProcessId, PIPE_READMODE_BYTE,
    PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, PIPE_WAIT, PeekNamedPipe,
};

use super::handle::{check, own};
use super::security::Descriptor;
use crate::name::{PIPE_PREFIX, hex, random};

/// What the system takes from a writer before the reader comes.
pub(super) const BUFFER: u32 = 64 * 1024;

/// Which way bytes go, seen from the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    ToClient,
    #[cfg_attr(
        not(feature = "node"),
        expect(dead_code, reason = "std makes the pipes of all other children")
    )]
    ToServer,
}

/// How many servers a pipe has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Instance {
    /// This one, and never another.
    Only,
    /// This is the first of many; there must be none yet.
    First,
    /// One more.
    Further,
}

/// Creates one server end of the pipe `path`, for clients of this user on this computer.
///
/// Fails with `ERROR_ACCESS_DENIED` or `ERROR_PIPE_BUSY` if the pipe has servers that forbid this one.
pub(super) fn create(
    path: &Path,
    instance: Instance,
    direction: Direction,
) -> io::Result<OwnedHandle> {
    let path = wide(path.as_os_str());
    let descriptor = Descriptor::own_user()?;
    let attributes = descriptor.attributes();
    let access = match direction {
        Direction::Both => PIPE_ACCESS_DUPLEX,
        Direction::ToClient => PIPE_ACCESS_OUTBOUND,
        Direction::ToServer => PIPE_ACCESS_INBOUND,
    };
    let (first, limit) = match instance {
        Instance::Only => (FILE_FLAG_FIRST_PIPE_INSTANCE, 1),
        Instance::First => (FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_UNLIMITED_INSTANCES),
        Instance::Further => (0, PIPE_UNLIMITED_INSTANCES),
    };
    // SAFETY: `path` ends with a NUL, `attributes` points to `descriptor`, and all of them outlive the call.
    let pipe = unsafe {
        CreateNamedPipeW(
            path.as_ptr(),
            access | first | FILE_FLAG_OVERLAPPED,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
            limit,
            BUFFER,
            BUFFER,
            0,
            &attributes,
        )
    };
    // SAFETY: the call has just made it for us.
    unsafe { own(pipe) }
}

/// Opens the client end of the pipe `path`; the server may learn who we are, but not act as us.
///
/// Fails with `ERROR_FILE_NOT_FOUND` if there is no such pipe, `ERROR_PIPE_BUSY` if no server waits for a client.
pub(super) fn open(path: &Path) -> io::Result<OwnedHandle> {
    open_as(path, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED)
}

/// Makes a pipe that has no name worth knowing: 128 random bits, and no room for a third.
///
/// Returns the server end and the client end. The server end is for overlapped I/O. The client end is too if
/// bytes go both ways; if they go one way it is for ordinary I/O, as any program expects of its standard streams.
pub(super) fn pair(direction: Direction) -> io::Result<(OwnedHandle, OwnedHandle)> {
    let path = format!("{PIPE_PREFIX}{PAIR}{}", hex(&random()?));
    let path = Path::new(&path);
    let server = create(path, Instance::Only, direction)?;
    let client = match direction {
        Direction::Both => open(path)?,
        Direction::ToClient => open_as(path, GENERIC_READ, 0)?,
        Direction::ToServer => open_as(path, GENERIC_WRITE, 0)?,
    };
    Ok((server, client))
}

/// How many bytes have arrived and were not read. `ERROR_BROKEN_PIPE` once there are none and never will be.
pub(super) fn arrived(pipe: &OwnedHandle) -> io::Result<usize> {
    arrived_in(pipe.as_raw_handle())
}

/// The same for a pipe that somebody else owns.
pub(super) fn arrived_in(pipe: HANDLE) -> io::Result<usize> {
    let mut arrived = 0;
    // SAFETY: for a handle that is no pipe the call fails, no bytes are asked for, and `arrived` outlives the call.
    check(unsafe {
        PeekNamedPipe(
            pipe,
            null_mut::<c_void>(),
            0,
            null_mut(),
            &mut arrived,
            null_mut(),
        )
    })?;
    Ok(arrived as usize)
}

/// Looks at the first bytes that have arrived, and leaves them there; `None` if there are not so many.
pub(super) fn look<const SIZE: usize>(pipe: HANDLE) -> Option<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    let mut found = 0;
    // SAFETY: for a handle that is no pipe the call fails; the array is as large as it is told, and outlives it.
    check(unsafe {
        PeekNamedPipe(
            pipe,
            bytes.as_mut_ptr().cast(),
            SIZE as u32,
            &mut found,
            null_mut(),
            null_mut(),
        )
    })
    .ok()?;
    (found as usize == SIZE).then_some(bytes)
}

/// The process that opened the client end, as the system noted it then.
pub(super) fn client_pid(pipe: HANDLE) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: for a handle that is no pipe the call fails; `pid` outlives it.
    check(unsafe { GetNamedPipeClientProcessId(pipe, &mut pid) })?;
    Ok(pid)
}

/// The process that created the server end, as the system noted it then.
pub(super) fn server_pid(pipe: HANDLE) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: for a handle that is no pipe the call fails; `pid` outlives it.
    check(unsafe { GetNamedPipeServerProcessId(pipe, &mut pid) })?;
    Ok(pid)
}

/// Half of the random bits by which a pipe that [`pair`] made differs from all others; `None` for any other object.
///
/// The same for both ends, and in every process that has one.
pub(super) fn identity(pipe: HANDLE) -> Option<u64> {
    // The length of the name in bytes, then the name.
    let mut words = [0_u32; 64];
    let size = size_of_val(&words) as u32;
    // SAFETY: the buffer is as large as the call is told, aligned for what is put into it, and outlives it. For a
    // number that is no handle, and for a name that does not fit, the call fails.
    check(unsafe {
        GetFileInformationByHandleEx(pipe, FileNameInfo, words.as_mut_ptr().cast(), size)
    })
    .ok()?;
    let units: Vec<u16> = words[1..]
        .iter()
        .flat_map(|word| [*word as u16, (*word >> 16) as u16])
        .collect();
    let name = String::from_utf16(units.get(..words[0] as usize / 2)?).ok()?;
    let digits = name.strip_prefix('\\')?.strip_prefix(PAIR)?.get(16..)?;
    u64::from_str_radix(digits, 16).ok()
}

fn open_as(path: &Path, access: u32, flags: u32) -> io::Result<OwnedHandle> {
    let path = wide(path.as_os_str());
    // SAFETY: `path` ends with a NUL and outlives the call.
    let pipe = unsafe {
        CreateFileW(
            path.as_ptr(),
            access,
            0,
            null(),
            OPEN_EXISTING,
            flags | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
            null_mut(),
        )
    };
    // SAFETY: the call has just made it for us.
    unsafe { own(pipe) }
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

/// What the names of pairs begin with.
const PAIR: &str = "offspring-pair.";

//! The system's own view of pipes, handles and processes.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
    SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetTokenInformation, LABEL_SECURITY_INFORMATION,
    OWNER_SECURITY_INFORMATION, RevertToSelf, SACL_SECURITY_INFORMATION, SECURITY_ATTRIBUTES,
    TOKEN_QUERY, TokenImpersonationLevel,
};
use windows_sys::Win32::Storage::FileSystem::PIPE_ACCESS_DUPLEX;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, DisconnectNamedPipe, ImpersonateNamedPipeClient,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, GetProcessHandleCount, OpenThreadToken,
};

fn ok(result: i32) {
    assert!(result != 0, "{}", io::Error::last_os_error());
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Owner, access rules and integrity label of an object, as text.
pub(crate) fn security(object: &impl AsRawHandle) -> String {
    let what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | LABEL_SECURITY_INFORMATION;
    let (mut descriptor, mut text, mut size) = (null_mut(), null_mut(), 0);
    // SAFETY: the object is open, and the one result that is asked for outlives the call.
    let code = unsafe {
        GetSecurityInfo(
            object.as_raw_handle(),
            SE_KERNEL_OBJECT,
            what,
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            &mut descriptor,
        )
    };
    assert_eq!(code, 0);
    // SAFETY: the descriptor was just made, and the results outlive the call.
    ok(unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor,
            SDDL_REVISION_1,
            what | SACL_SECURITY_INFORMATION,
            &mut text,
            &mut size,
        )
    });
    // SAFETY: the call made that many units, the closing NUL among them.
    let units = unsafe { std::slice::from_raw_parts(text, size as usize) };
    let result = String::from_utf16(units).unwrap();
    // SAFETY: made for us by the calls above, and not used any more.
    unsafe { LocalFree(text.cast()) };
    // SAFETY: as above.
    unsafe { LocalFree(descriptor) };
    result.trim_end_matches('\0').to_owned()
}

/// A server end that a program without this crate would make, for blocking use.
pub(crate) fn foreign_server(path: &Path, security: &str) -> io::Result<OwnedHandle> {
    let (path, security) = (wide(path.to_str().unwrap()), wide(security));
    let mut descriptor = null_mut();
    // SAFETY: the text ends with a NUL, and `descriptor` outlives the call.
    ok(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            security.as_ptr(),
            SDDL_REVISION_1,
            &mut descriptor,
            null_mut(),
        )
    });
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    // SAFETY: the path ends with a NUL, and the attributes outlive the call.
    let pipe = unsafe {
        CreateNamedPipeW(
            path.as_ptr(),
            PIPE_ACCESS_DUPLEX,
            0,
            255,
            4096,
            4096,
            0,
            &attributes,
        )
    };
    let result = if pipe == INVALID_HANDLE_VALUE {
        Err(io::Error::last_os_error())
    } else {
        // SAFETY: just made, and ours.
        Ok(unsafe { OwnedHandle::from_raw_handle(pipe) })
    };
    // SAFETY: made for us above, and not used any more.
    unsafe { LocalFree(descriptor) };
    result
}

pub(crate) fn disconnect(server: &OwnedHandle) {
    // SAFETY: the pipe is open.
    ok(unsafe { DisconnectNamedPipe(server.as_raw_handle()) });
}

/// How far a server may act as the client of its pipe; 1 is identification, 2 impersonation.
pub(crate) fn impersonation_level(server: &OwnedHandle) -> u32 {
    // SAFETY: the pipe is open.
    ok(unsafe { ImpersonateNamedPipeClient(server.as_raw_handle()) });
    let (mut token, mut level, mut size) = (null_mut(), 0_u32, 0);
    // SAFETY: returns a constant.
    let thread = unsafe { GetCurrentThread() };
    // SAFETY: `token` outlives the call.
    ok(unsafe { OpenThreadToken(thread, TOKEN_QUERY, 1, &mut token) });
    // SAFETY: just made, and ours.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // SAFETY: takes nothing.
    ok(unsafe { RevertToSelf() });
    // SAFETY: the results outlive the call, and have the size that it is told.
    ok(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenImpersonationLevel,
            (&raw mut level).cast(),
            4,
            &mut size,
        )
    });
    level
}

pub(crate) fn handle_count() -> u32 {
    let mut count = 0;
    // SAFETY: returns a constant.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: `count` outlives the call.
    ok(unsafe { GetProcessHandleCount(process, &mut count) });
    count
}

/// The handles of this process that its children would inherit.
pub(crate) fn inheritable_handles() -> Vec<usize> {
    (4..0x4000)
        .step_by(4)
        .filter(|value| {
            let mut flags = 0;
            // SAFETY: for a number that is no handle the call fails.
            let open = unsafe { GetHandleInformation(*value as HANDLE, &mut flags) };
            open != 0 && flags & HANDLE_FLAG_INHERIT != 0
        })
        .collect()
}

pub(crate) fn thread_count() -> usize {
    // SAFETY: takes no pointers.
    let threads = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    assert_ne!(threads, INVALID_HANDLE_VALUE);
    // SAFETY: just made, and ours.
    let threads = unsafe { OwnedHandle::from_raw_handle(threads) };
    let mut entry = THREADENTRY32 {
        dwSize: size_of::<THREADENTRY32>() as u32,
        ..THREADENTRY32::default()
    };
    let mut count = 0;
    // SAFETY: the snapshot is open, and the entry says its size.
    let mut more = unsafe { Thread32First(threads.as_raw_handle(), &mut entry) };
    while more != 0 {
        count += usize::from(entry.th32OwnerProcessID == std::process::id());
        // SAFETY: as above.
        more = unsafe { Thread32Next(threads.as_raw_handle(), &mut entry) };
    }
    count
}

/// Writes nothing, and says so: std would leave the call out.
pub(crate) fn write_nothing(pipe: &impl AsRawHandle) {
    let mut written = 0;
    // SAFETY: the pipe is open and for blocking use; no bytes are read.
    ok(unsafe {
        windows_sys::Win32::Storage::FileSystem::WriteFile(
            pipe.as_raw_handle(),
            null(),
            0,
            &mut written,
            null_mut(),
        )
    });
}

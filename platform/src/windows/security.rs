//! Who may reach a pipe, and who is at the other end of one.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_NO_TOKEN, HLOCAL, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetKernelObjectSecurity, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
    TOKEN_IMPERSONATE, TOKEN_QUERY,
};
use windows_sys::Win32::System::Pipes::ImpersonateNamedPipeClient;
use windows_sys::Win32::System::Threading::{GetCurrentThread, OpenThreadToken, SetThreadToken};

use super::handle::{check, is, own};
use super::pipe;
use super::token::{self, Sid};

/// The rules of access to a new object: this user only, from programs that the system trusts as much as this one.
///
/// Without them a pipe can be read by everybody. interprocess has a type for this too; ours is used because there
/// the group of a descriptor ends up as its owner.
pub(super) struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// ```text
    /// O:<user>                     owned by the user, even where an administrator's things belong to the group
    /// D:P(A;;FA;;;<user>)          protected from inherited entries; allow; full access; the user. Nobody else
    /// S:(ML;;NW;;;<integrity>)     no writing for programs of a lower integrity level, such as sandboxed ones
    /// ```
    pub(super) fn own_user() -> io::Result<Self> {
        let (user, integrity) = (token::user()?, token::integrity()?);
        Self::parse(&format!(
            "O:{user}D:P(A;;FA;;;{user})S:(ML;;NW;;;{integrity})"
        ))
    }

    fn parse(text: &str) -> io::Result<Self> {
        let text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut descriptor = null_mut();
        // SAFETY: `text` ends with a NUL, `descriptor` outlives the call, and its size need not be told.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut descriptor,
                null_mut(),
            )
        })?;
        Ok(Self(descriptor))
    }

    /// For a handle that no child inherits. Valid as long as `self`.
    pub(super) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let memory: HLOCAL = self.0;
        // SAFETY: the conversion allocated it for us with LocalAlloc, and we are done with it.
        unsafe { LocalFree(memory) };
    }
}

/// Refuses a pipe that was not created by this user.
///
/// Nobody but administrators can create a thing that is owned by somebody else, so the owner tells who serves. Unlike
/// the process id of the server it cannot be a reused one, and it can still be asked when the server is gone.
pub(super) fn check_owner(pipe: &OwnedHandle) -> io::Result<()> {
    if owner_of(pipe)? == *token::user()? {
        Ok(())
    } else {
        Err(denied("the pipe was created by another user"))
    }
}

/// Refuses a client of another user. An error while asking is a refusal too.
///
/// The access rules of the pipe have kept strangers out already; this does not rely on them.
pub(super) fn check_client(pipe: &OwnedHandle) -> io::Result<()> {
    if user_of_client(pipe)? == *token::user()? {
        Ok(())
    } else {
        Err(denied("the client belongs to another user"))
    }
}

fn owner_of(object: &OwnedHandle) -> io::Result<Sid> {
    let unknown = || io::Error::other("the system described an owner in an unknown way");
    // A descriptor with an owner only: 20 bytes, and the largest identifier has 68.
    let mut words = [0_u32; 32];
    let mut size = size_of_val(&words) as u32;
    // SAFETY: the buffer is as large as the call is told, aligned for what is put into it, and outlives it.
    check(unsafe {
        GetKernelObjectSecurity(
            object.as_raw_handle(),
            OWNER_SECURITY_INFORMATION,
            words.as_mut_ptr().cast(),
            size,
            &mut size,
        )
    })
    .map_err(|error| {
        if is(&error, ERROR_INSUFFICIENT_BUFFER) {
            unknown()
        } else {
            error
        }
    })?;
    // Self-relative: the second word is the offset of the owner.
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    match words[1] as usize {
        0 => None,
        offset => bytes.get(offset..).and_then(Sid::parse),
    }
    .ok_or_else(unknown)
}

fn user_of_client(pipe: &OwnedHandle) -> io::Result<Sid> {
    // Our own clients let the system note their identity when they open the pipe: it needs no byte from them, no
    // process id, and they may be gone. Of a program that does not do so, as most in other languages, the identity
    // is known after its first byte only; then its process has to tell, and has to live.
    match noted_user(pipe) {
        Ok(user) => Ok(user),
        Err(_) => token::user_of_process(pipe::client_pid(pipe.as_raw_handle())?),
    }
}

fn noted_user(pipe: &OwnedHandle) -> io::Result<Sid> {
    let _acting = Impersonation::begin(pipe)?;
    // The access check on the token is made as this process: the client's user may not open its own.
    let token = thread_token(TOKEN_QUERY)?;
    token::user_of(&token)
}

/// While this lives, the thread acts as the client of a pipe, and may no more than identify it.
struct Impersonation {
    /// Whom the thread acted as before.
    before: Option<OwnedHandle>,
}

impl Impersonation {
    fn begin(pipe: &OwnedHandle) -> io::Result<Self> {
        let before = match thread_token(TOKEN_IMPERSONATE | TOKEN_QUERY) {
            Ok(token) => Some(token),
            Err(error) if is(&error, ERROR_NO_TOKEN) => None,
            Err(error) => return Err(error),
        };
        // SAFETY: the pipe is open.
        check(unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) })?;
        Ok(Self { before })
    }
}

impl Drop for Impersonation {
    fn drop(&mut self) {
        let before = self
            .before
            .as_ref()
            .map_or(null_mut(), AsRawHandle::as_raw_handle);
        // SAFETY: null stands for this thread, and for no token; otherwise the token is open.
        let done = check(unsafe { SetThreadToken(null(), before) });
        if done.is_err() {
            // Going on as somebody else would be a hole in whatever this program protects.
            std::process::abort();
        }
    }
}

fn thread_token(access: u32) -> io::Result<OwnedHandle> {
    let mut token = null_mut();
    // SAFETY: the pseudo-handle of this thread is always valid.
    let thread = unsafe { GetCurrentThread() };
    // SAFETY: `token` outlives the call.
    check(unsafe { OpenThreadToken(thread, access, 1, &mut token) })?;
    // SAFETY: the call succeeded, so this is a new handle, and nobody else has it.
    unsafe { own(token) }
}

fn denied(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

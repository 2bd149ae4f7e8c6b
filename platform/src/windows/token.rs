//! Who runs a program: users and integrity levels, as access tokens tell them.

use std::fmt;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::null_mut;
use std::sync::OnceLock;

use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::handle::{check, own};

/// A security identifier: the system's name of a user, a group or an integrity level.
///
/// ```text
///  0          1       2                    8
///  | revision | count | authority (48 bit) | count sub-authorities (32 bit each, little-endian) |
/// ```
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sid(Box<[u8]>);

impl Sid {
    /// The identifier that `bytes` begin with.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let count = *bytes.get(1)?;
        Some(Self(bytes.get(..8 + 4 * usize::from(count))?.into()))
    }
}

impl fmt::Display for Sid {
    /// The form that people and the security descriptor language use: `S-1-5-21-…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0[2..8]
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        write!(f, "S-{}-{authority}", self.0[0])?;
        for part in self.0[8..].chunks_exact(4) {
            let part = part
                .iter()
                .rev()
                .fold(0, |all, byte| all << 8 | u32::from(*byte));
            write!(f, "-{part}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The user of this process. Not of this thread, which may impersonate another for a while.
pub(super) fn user() -> io::Result<&'static Sid> {
    static USER: OnceLock<Sid> = OnceLock::new();
    once(&USER, || user_of(&own_token()?))
}

/// The integrity level of this process: how far the system trusts the program, apart from its user.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(super) fn integrity() -> io::Result<&'static Sid> {
    static INTEGRITY: OnceLock<Sid> = OnceLock::new();
    once(&INTEGRITY, || {
        sid_of(
            &own_token()?,
            windows_sys::Win32::Security::TokenIntegrityLevel,
        )
    })
}

pub(super) fn user_of(token: &OwnedHandle) -> io::Result<Sid> {
    sid_of(token, TokenUser)
}

/// The user of a process that may end, and whose id another may get, at any time.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(super) fn user_of_process(pid: u32) -> io::Result<Sid> {
    use std::os::windows::io::AsHandle as _;
    use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION};

    // SAFETY: takes no pointers.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    // SAFETY: the call has just made it for us.
    let process = unsafe { own(process) }?;
    user_of(&token_of(process.as_handle())?)
}

/// Errors are not remembered: the next caller tries again.
fn once(
    cell: &'static OnceLock<Sid>,
    find: impl FnOnce() -> io::Result<Sid>,
) -> io::Result<&'static Sid> {
    match cell.get() {
        Some(sid) => Ok(sid),
        None => {
            let sid = find()?;
            Ok(cell.get_or_init(|| sid))
        }
    }
}

fn own_token() -> io::Result<OwnedHandle> {
    // SAFETY: returns a constant.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the pseudo-handle of this process is always valid.
    token_of(unsafe { BorrowedHandle::borrow_raw(process) })
}

fn token_of(process: BorrowedHandle<'_>) -> io::Result<OwnedHandle> {
    let mut token = null_mut();
    // SAFETY: the process is open, and `token` outlives the call.
    check(unsafe { OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY, &mut token) })?;
    // SAFETY: the call succeeded, so this is a new handle, and nobody else has it.
    unsafe { own(token) }
}

/// The identifier in a structure that begins with a pointer to one, as `TOKEN_USER` and `TOKEN_MANDATORY_LABEL` do.
fn sid_of(token: &OwnedHandle, class: TOKEN_INFORMATION_CLASS) -> io::Result<Sid> {
    // The structure and the largest identifier (68 bytes), which the system puts behind it. Aligned for its pointer.
    let mut words = [0_usize; 32];
    let size = size_of_val(&words) as u32;
    let mut used = 0;
    let start = words.as_mut_ptr();
    // SAFETY: the buffer has the size that the call is told, and outlives it.
    check(unsafe {
        GetTokenInformation(token.as_raw_handle(), class, start.cast(), size, &mut used)
    })?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    // The pointer points into the buffer. Followed as an index, it needs no trust.
    words[0]
        .checked_sub(start.addr())
        .and_then(|offset| bytes.get(offset..))
        .and_then(Sid::parse)
        .ok_or_else(|| io::Error::other("the system described a user in an unknown way"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_as_the_system_writes_it() {
        let bytes = [
            1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 255, 255, 255, 255, 0xf4,
            1, 0, 0, 99,
        ];
        let sid = Sid::parse(&bytes).unwrap();
        assert_eq!(sid.to_string(), "S-1-5-21-1-256-4294967295-500");
        for cut in 0..28 {
            assert_eq!(Sid::parse(&bytes[..cut]), None, "{cut} bytes");
        }
    }

    #[test]
    fn this_process_has_a_user() {
        assert!(user().unwrap().to_string().starts_with("S-1-5-"));
    }

    #[cfg(any(feature = "tokio", feature = "blocking"))]
    #[test]
    fn this_process_has_an_integrity_level() {
        assert!(integrity().unwrap().to_string().starts_with("S-1-16-"));
    }
}

//! The private folder that labelled sockets live in.
//!
//! Never a fixed name in a shared temporary folder: whoever comes first there decides what everybody finds.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::name::{SOCKET_PATH_LIMIT, check_socket_path};

/// Where the socket of a label lives.
pub(super) fn socket_path(label: &str) -> io::Result<PathBuf> {
    let path = base()?.join("offspring").join(format!("{label}.sock"));
    check_socket_path(path.as_os_str().as_bytes(), SOCKET_PATH_LIMIT)?;
    Ok(path)
}

/// Makes sure that `folder` is there, is ours, and is closed to others.
///
/// A folder that exists is only looked at: its owner had a reason for the permissions it has.
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(super) fn create(folder: &Path) -> io::Result<()> {
    use super::error::context;
    use rustix::fs::{Mode, OFlags, fstat, mkdir, open};
    use rustix::io::Errno;

    // Only `~/.cache` can be missing here; the other places were seen to exist.
    for missing in [folder.parent(), Some(folder)].into_iter().flatten() {
        match mkdir(missing, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => {
                return Err(context(error, format!("create the folder {missing:?}")));
            }
        }
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let opened = open(folder, flags, Mode::empty())
        .map_err(|error| context(error, format!("open {folder:?} as a folder")))?;
    let found = fstat(&opened)?;
    if found.st_uid != geteuid().as_raw() {
        let text = format!("use the folder {folder:?}: user {} owns it", found.st_uid);
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if found.st_mode & 0o077 != 0 {
        let mode = found.st_mode & 0o7777;
        let text = format!("use the folder {folder:?}: its mode {mode:o} lets other users in");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

/// The first of the usual places that is ours alone.
///
/// Server and client search alike, so they meet as long as they run in the same kind of session.
fn base() -> io::Result<PathBuf> {
    let set = |variable: &str| {
        // A program that runs with more rights than its caller must not let the caller choose.
        let value = (!runs_with_raised_rights()).then(|| std::env::var_os(variable))?;
        value
            .filter(|value: &OsString| value.as_bytes().starts_with(b"/"))
            .map(PathBuf::from)
    };
    if let Some(runtime) = set("XDG_RUNTIME_DIR").filter(|path| is_ours(path, 0o077)) {
        return Ok(runtime);
    }
    if let Some(system) = given_by_system().filter(|path| is_ours(path, 0o077)) {
        return Ok(system);
    }
    if let Some(home) = set("HOME").filter(|path| is_ours(path, 0o022)) {
        let cache = home.join(".cache");
        if is_ours(&cache, 0o022) || std::fs::symlink_metadata(&cache).is_err() {
            return Ok(cache);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "find a private folder for sockets: neither XDG_RUNTIME_DIR nor HOME leads to one",
    ))
}

/// Whether `path` is a folder of this user with none of the permissions in `closed`.
fn is_ours(path: &Path, closed: u32) -> bool {
    std::fs::metadata(path).is_ok_and(|found| {
        found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & closed == 0
    })
}

#[cfg(target_vendor = "apple")]
fn given_by_system() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;

    let mut buffer = vec![0_u8; 1024];
    let room = buffer.len();
    // SAFETY: the pointer and the length are those of `buffer`, which nobody else uses meanwhile.
    let needed = unsafe {
        libc::confstr(
            libc::_CS_DARWIN_USER_TEMP_DIR,
            buffer.as_mut_ptr().cast(),
            room,
        )
    };
    // The size counts the closing NUL.
    let text = buffer.get(..needed.checked_sub(1)?)?.to_vec();
    let path = PathBuf::from(OsString::from_vec(text));
    path.is_absolute().then_some(path)
}

/// `pam_systemd` and elogind make it even for sessions that do not get the variable (cron, sudo).
#[cfg(not(target_vendor = "apple"))]
fn given_by_system() -> Option<PathBuf> {
    Some(format!("/run/user/{}", geteuid().as_raw()).into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn runs_with_raised_rights() -> bool {
    // SAFETY: takes an integer, reads what the kernel left at process start; there is no precondition.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
))]
fn runs_with_raised_rights() -> bool {
    // SAFETY: takes nothing and only asks the kernel; there is no precondition.
    unsafe { libc::issetugid() != 0 }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
fn runs_with_raised_rights() -> bool {
    use rustix::process::{getegid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

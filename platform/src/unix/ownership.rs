//! One owner per socket path.
//!
//! A lock on `<path>.lock` decides, because the system releases it when the owner dies, however it dies:
//!
//! ```text
//! open or create the lock file -> lock it, or give up: the name is in use
//!   does the path still lead to the file we locked?  no: its owner removed it meanwhile, start again
//!   what is at the socket's path?   nothing                         -> it is ours to bind
//!                                   our socket, nobody answers      -> left by a dead owner: remove, bind
//!                                   anything else                   -> give up, touch nothing
//! at the end, still holding the lock: remove the socket if it is the one we bound, then the lock file
//! ```
//!
//! Only who holds the lock on the file *at the path* removes anything, and the lock file goes last. So of many that
//! race, those who locked a file that is no longer at the path find that out and start again.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, lstat, open, unlink};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::descriptor::{kind, retry};
use super::error::context;

#[derive(Debug)]
pub(super) struct Ownership {
    socket_path: PathBuf,
    lock_path: PathBuf,
    lock: OwnedFd,
    lock_id: FileId,
    /// The socket we bound, once we have.
    socket_id: Option<FileId>,
}

impl Ownership {
    /// Takes the lock and clears the path for `bind`.
    pub(super) fn take(socket_path: &Path) -> io::Result<Self> {
        let mut lock_path = socket_path.to_path_buf().into_os_string();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let (lock, lock_id) = loop {
            let (lock, id) = open_lock(&lock_path)?;
            if try_lock(&lock, id, &lock_path, socket_path)? {
                break (lock, id);
            }
        };
        let owner = Self {
            socket_path: socket_path.to_path_buf(),
            lock_path,
            lock,
            lock_id,
            socket_id: None,
        };
        owner.clear_path()?;
        Ok(owner)
    }

    /// Remembers the socket that was just bound, so that no other is ever removed.
    pub(super) fn bound(&mut self) -> io::Result<()> {
        self.socket_id = Some(FileId::of(&lstat(&self.socket_path)?));
        Ok(())
    }

    fn clear_path(&self) -> io::Result<()> {
        let path = &self.socket_path;
        let found = match lstat(path) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(context(error, format!("look at {path:?}"))),
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
            return Err(occupied(path, kind(&found)));
        }
        if found.st_uid != geteuid().as_raw() {
            return Err(occupied(path, "a socket of another user"));
        }
        match knock(path) {
            Err(Errno::CONNREFUSED) => {}
            Err(Errno::NOENT) => return Ok(()),
            // Somebody listens there without the lock: another program, or the lock file was removed by hand.
            Ok(()) | Err(_) => return Err(in_use(path)),
        }
        // Nobody who respects the lock can have changed the path since; this is for those who do not.
        if lstat(path).is_ok_and(|now| FileId::of(&now) != FileId::of(&found)) {
            return Err(in_use(path));
        }
        unlink(path).map_err(|error| context(error, format!("remove the abandoned {path:?}")))
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        // If the lock file is not at its path any more, somebody removed it by hand, and a new owner may be there.
        let is_at = |path: &Path, id| lstat(path).is_ok_and(|found| FileId::of(&found) == id);
        if is_at(&self.lock_path, self.lock_id) {
            if self
                .socket_id
                .is_some_and(|id| is_at(&self.socket_path, id))
            {
                let _ = unlink(&self.socket_path);
            }
            let _ = unlink(&self.lock_path);
        }
        // Closing is not enough: a child that another thread is starting at this moment may hold a copy of the
        // descriptor until it executes its program.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

/// Opens or creates the file that the lock is on.
fn open_lock(lock_path: &Path) -> io::Result<(OwnedFd, FileId)> {
    let flags =
        OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let lock = match retry(|| open(lock_path, flags, Mode::RUSR | Mode::WUSR)) {
        Ok(lock) => lock,
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::MLINK) => {
            let what = lstat(lock_path).map_or("something", |found| kind(&found));
            return Err(occupied(lock_path, what));
        }
        Err(error) => return Err(context(error, format!("open the lock file {lock_path:?}"))),
    };
    let stat = fstat(&lock)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(occupied(lock_path, kind(&stat)));
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(occupied(lock_path, "a file of another user"));
    }
    Ok((lock, FileId::of(&stat)))
}

/// Takes the lock, or gives up. `false` if the file turned out not to be at the path any more.
fn try_lock(lock: &OwnedFd, id: FileId, lock_path: &Path, socket_path: &Path) -> io::Result<bool> {
    match retry(|| flock(lock, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(in_use(socket_path)),
        Err(error) => return Err(context(error, format!("lock {lock_path:?}"))),
    }
    match lstat(lock_path) {
        Ok(now) => Ok(FileId::of(&now) == id),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(context(error, format!("look at {lock_path:?}"))),
    }
}

/// Whether somebody listens at the path. Must not wait, not even on a server whose queue is full.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn knock(path: &Path) -> rustix::io::Result<()> {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    retry(|| connect(&socket, &SocketAddrUnix::new(path.as_os_str().as_bytes())?))
}

/// Whether somebody listens at the path. These systems refuse at once when the queue is full, so a server that
/// does not respect the lock must also be reachable to be recognised.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn knock(path: &Path) -> rustix::io::Result<()> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    retry(|| connect(&socket, &SocketAddrUnix::new(path.as_os_str().as_bytes())?))
}

fn in_use(path: &Path) -> io::Error {
    let text = format!("bind {path:?}: a live server has the name");
    io::Error::new(io::ErrorKind::AddrInUse, text)
}

fn occupied(path: &Path, what: &str) -> io::Error {
    let text = format!("bind: at {path:?} there is {what}, which is left alone");
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// What a path leads to, as long as that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: i128,
    inode: i128,
}

impl FileId {
    fn of(stat: &Stat) -> Self {
        // The types differ between systems; these hold the values of all of them.
        Self {
            device: i128::from(stat.st_dev),
            inode: i128::from(stat.st_ino),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_on_a_file_that_its_owner_has_removed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("x.sock");
        let path = folder.path().join("x.sock.lock");
        let owner = Ownership::take(&socket).unwrap();
        // Somebody has opened the file, but not locked it yet, when its owner lets go.
        let (late, late_id) = open_lock(&path).unwrap();
        let error = try_lock(&late, late_id, &path, &socket).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(owner);
        assert!(
            !try_lock(&late, late_id, &path, &socket).unwrap(),
            "nothing is at the path"
        );
        let new = Ownership::take(&socket).unwrap();
        assert!(
            !try_lock(&late, late_id, &path, &socket).unwrap(),
            "another file is at the path"
        );
        drop(new);
    }
}

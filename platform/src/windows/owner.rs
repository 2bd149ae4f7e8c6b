//! One owner per name.
//!
//! That a pipe exists proves nothing: its old connections keep it in being when its listener is gone, and then it can
//! neither be created as the first instance nor be connected to. So a second pipe stands for the listener alone. It
//! has one instance, which the system gives to one process, and takes back when that process ends; and the owner
//! itself is its only client. So whoever asks for it makes nothing busy that was free, and always learns the truth:
//!
//! | | the owner lives | nobody |
//! |---|---|---|
//! | create it | `ERROR_PIPE_BUSY` or `ERROR_ACCESS_DENIED` | done: the owner |
//! | open it | `ERROR_PIPE_BUSY` | `ERROR_FILE_NOT_FOUND` |
//!
//! A mutex would not do: whoever only looks at it keeps it in being, and it belongs to a thread.

use std::io;
use std::os::windows::io::OwnedHandle;
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY};

use super::pipe::{self, Direction, Instance};
use super::{handle, security};
use crate::name::PIPE_PREFIX;

/// The right to listen on a pipe.
pub(super) struct Owner {
    path: PathBuf,
    _server: OwnedHandle,
    _client: Option<OwnedHandle>,
}

impl Owner {
    pub(super) fn claim(path: PathBuf) -> io::Result<Self> {
        let place = place(&path);
        let server = pipe::create(&place, Instance::Only, Direction::Both).map_err(in_use)?;
        // If somebody has just looked, that was the client; there is no room for another either way.
        let client = pipe::open(&place).ok();
        Ok(Self {
            path,
            _server: server,
            _client: client,
        })
    }

    /// Creates the first instance of the pipe.
    pub(super) fn create_first(&self) -> io::Result<OwnedHandle> {
        match pipe::create(&self.path, Instance::First, Direction::Both) {
            Err(error) if is_taken(&error) => {
                // Connections of an earlier owner, or a stranger's pipe: the user who created it decides.
                self.create_further()
                    .and_then(|pipe| security::check_owner(&pipe).map(|()| pipe))
                    .map_err(|_| used("the pipe exists, and is not ours"))
            }
            result => result,
        }
    }

    pub(super) fn create_further(&self) -> io::Result<OwnedHandle> {
        pipe::create(&self.path, Instance::Further, Direction::Both)
    }
}

/// Whether nobody listens on a pipe of ours. Of a foreign program's pipe this cannot be told: `false`.
pub(super) fn is_gone(path: &Path) -> bool {
    let ours = path
        .to_str()
        .and_then(|path| path.get(PIPE_PREFIX.len()..))
        .is_some_and(|name| name.starts_with("offspring."));
    ours && pipe::open(&place(path)).is_err_and(|error| handle::is(&error, ERROR_FILE_NOT_FOUND))
}

fn place(path: &Path) -> PathBuf {
    let path = path.as_os_str().to_string_lossy();
    let name = path.get(PIPE_PREFIX.len()..).unwrap_or_default();
    format!("{PIPE_PREFIX}offspring-owner.{name}").into()
}

fn in_use(error: io::Error) -> io::Error {
    if is_taken(&error) {
        used("a live server has the name")
    } else {
        error
    }
}

fn used(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, why)
}

pub(super) fn is_taken(error: &io::Error) -> bool {
    handle::is(error, ERROR_ACCESS_DENIED) || handle::is(error, ERROR_PIPE_BUSY)
}

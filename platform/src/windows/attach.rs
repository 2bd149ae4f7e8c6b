//! The child's side of the hand-over: the channel out of the stdin slot, the real stdin into it.

use std::fs::File;
use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::time::Duration;

use windows_sys::Win32::Foundation::HANDLE;

use super::stream::Channel;
use super::{orphan, pipe, remote, stdin, timed};
use crate::handoff::{End, Note, Preface, RealStdin};
use crate::{AttachError, Attached};

/// The stdin slot, seen to hold the pipe that the note describes.
pub(crate) struct Slot(HANDLE);

impl Slot {
    pub(crate) fn find(note: &Note) -> Option<Self> {
        let slot = stdin::get()?;
        let parents = |pid: io::Result<u32>| pid.is_ok_and(|pid| pid == note.parent_pid);
        let ours = match pipe::identity(slot) {
            Some(identity) => {
                identity == note.inode
                    && parents(pipe::server_pid(slot))
                    && parents(pipe::client_pid(slot))
            }
            // Wine tells no name of a pipe that the parent has closed. But then all that the parent ever wrote
            // is there to be looked at.
            None => {
                pipe::look(slot).is_some_and(|bytes| Preface::decode(&bytes, note.token).is_ok())
            }
        };
        ours.then_some(Self(slot))
    }

    /// # Platform notes
    ///
    /// The C library keeps its own table of files: C code that reads descriptor 0 instead of `GetStdHandle` goes on
    /// seeing the channel's handle.
    pub(crate) fn take<S: End>(self, note: &Note) -> Result<Attached<S>, AttachError> {
        // SAFETY: it is open, as `find` saw. Users of stdin do not own what is in the slot, so from here on we do.
        let channel = unsafe { OwnedHandle::from_raw_handle(self.0) };
        // Emptied before anything can fail: the number must not stay there when the handle is closed.
        stdin::set(None)?;
        stdin::set_inherited(&channel, false)?;
        let preface = read_preface(&channel, note)?;
        let real = match preface.stdin {
            RealStdin::Null => Some(File::open("NUL")?.into()),
            RealStdin::Handle(word) => remote::take(word)?,
            RealStdin::Attached => None,
        };
        let real = real.ok_or(AttachError::Invalid(
            "the standard input did not come with it",
        ))?;
        stdin::set_inherited(&real, true)?;
        stdin::set(Some(real))?;
        let parent = remote::take(preface.parent_process)?.ok_or(AttachError::Invalid(
            "the parent's process did not come with it",
        ))?;
        if let Some(grace) = preface.orphan_grace {
            orphan::end_with(parent, grace)?;
        }
        Ok(Attached {
            channel: S::of_channel(Channel::new(channel))?,
            parent_pid: note.parent_pid,
        })
    }
}

fn read_preface(channel: &OwnedHandle, note: &Note) -> Result<Preface, AttachError> {
    let mut bytes = [0; Preface::SIZE];
    timed::read_exact(channel, &mut bytes, PREFACE_LIMIT)?;
    Preface::decode(&bytes, note.token).map_err(AttachError::Invalid)
}

/// The parent writes the preface as soon as the process exists.
const PREFACE_LIMIT: Duration = Duration::from_secs(10);

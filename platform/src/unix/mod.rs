//! The Unix backend.

use std::io;
use std::path::PathBuf;

use crate::Name;

pub(crate) fn address(_: &Name) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "tokio")]
pub(crate) use backend::*;

#[cfg(feature = "tokio")]
mod backend {
    use std::process::{Command, ExitStatus};
    use std::task::{Context, Poll};
    use std::time::Instant;

    use tokio::io::ReadBuf;

    use super::*;
    use crate::handoff::Note;
    use crate::{AttachError, Attached, Options, Spawned};

    fn unsupported<T>() -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[derive(Debug)]
    pub(crate) struct Stream;
    #[derive(Debug)]
    pub(crate) struct ReadHalf;
    #[derive(Debug)]
    pub(crate) struct WriteHalf;
    #[derive(Debug)]
    pub(crate) struct Listener;
    #[derive(Debug)]
    pub(crate) struct Process;
    pub(crate) struct Slot;

    impl Stream {
        pub(crate) async fn connect(_: &Name, _: Instant) -> io::Result<Self> {
            unsupported()
        }
        pub(crate) fn peer_pid(&self) -> Option<u32> {
            None
        }
        pub(crate) fn into_split(self) -> (ReadHalf, WriteHalf) {
            (ReadHalf, WriteHalf)
        }
    }
    impl ReadHalf {
        pub(crate) fn try_read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            unsupported()
        }
        pub(crate) fn poll_read(
            &mut self,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(unsupported())
        }
    }
    impl WriteHalf {
        pub(crate) fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(unsupported())
        }
    }
    impl Listener {
        pub(crate) fn bind(_: &Name) -> io::Result<Self> {
            unsupported()
        }
        pub(crate) async fn accept(&mut self) -> io::Result<Stream> {
            unsupported()
        }
    }
    impl Process {
        pub(crate) fn id(&self) -> u32 {
            0
        }
        pub(crate) fn poll_wait(&mut self, _: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
            Poll::Ready(unsupported())
        }
        pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
            unsupported()
        }
        pub(crate) fn terminate(&mut self) -> io::Result<()> {
            unsupported()
        }
        pub(crate) fn kill(&mut self) -> io::Result<()> {
            unsupported()
        }
    }
    pub(crate) fn spawn(_: &mut Command, _: Options) -> io::Result<Spawned> {
        unsupported()
    }
    impl Slot {
        pub(crate) fn find(_: &Note) -> Option<Self> {
            None
        }
        pub(crate) fn take(self, _: &Note) -> Result<Attached, AttachError> {
            Err(AttachError::NotAChild)
        }
    }
}

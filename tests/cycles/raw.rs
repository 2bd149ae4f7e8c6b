//! The least that a parent and a child can do: a socket pair, eight bytes each way.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// Set for a child of this kind.
pub(crate) const VARIABLE: &str = "RAW_CHILD";

pub(crate) struct Raw(Child, UnixStream);

impl Raw {
    pub(crate) fn spawn() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .env(VARIABLE, "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap(), ours)
    }

    pub(crate) fn send(&mut self, number: u64) {
        self.1.write_all(&number.to_le_bytes()).unwrap();
    }

    pub(crate) fn recv(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.1.read_exact(&mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    }

    pub(crate) fn wait(self) {
        let Self(mut child, channel) = self;
        drop(channel);
        assert!(child.wait().unwrap().success());
    }
}

/// The child: says what it hears.
pub(crate) fn answer() {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let mut channel = UnixStream::from(stdin);
    let mut bytes = [0; 8];
    while channel.read_exact(&mut bytes).is_ok() {
        channel.write_all(&bytes).unwrap();
    }
}

//! A process that writes to a channel without a pause.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// What is in the stdin slot of this process, once more.
#[cfg(unix)]
pub(crate) fn stdin() -> std::os::fd::OwnedFd {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().unwrap()
}

/// What is in the stdin slot of this process, once more.
#[cfg(windows)]
pub(crate) fn stdin() -> std::os::windows::io::OwnedHandle {
    use std::os::windows::io::AsHandle;
    io::stdin().as_handle().try_clone_to_owned().unwrap()
}

/// Writes all of it, whether or not somebody else has made the channel one that does not wait.
pub(crate) fn write_patiently(channel: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match channel.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

//! A process that writes to a channel without a pause.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

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

/// Writes this again and again, until nobody can read it any more.
pub(crate) fn flood(frame: &'static [u8]) {
    loop {
        let (wrote, progress) = mpsc::channel();
        thread::spawn(move || {
            let mut channel = File::from(stdin());
            while write_patiently(&mut channel, frame).is_ok() && wrote.send(()).is_ok() {}
        });
        // On Windows a write waits for an event that belongs to the pipe, and whoever else has the pipe resets it. Then
        // it waits for ever, and another one has to take over.
        loop {
            match progress.recv_timeout(Duration::from_millis(100)) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Writes all of it, whether or not somebody else has made the channel one that does not wait.
fn write_patiently(channel: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match channel.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

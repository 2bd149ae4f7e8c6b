//! The program that runs now, to be started once more.

use std::io;
use std::process::Command;

/// Also if its file has been replaced or removed since, as an update does: the child is then of the same build as its
/// parent, and not of another one or none.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn this_program() -> io::Result<Command> {
    use std::os::unix::process::CommandExt as _;

    use rustix::fs::stat;

    let path = std::env::current_exe()?;
    // In the new process too this leads to what we run, until that runs something else.
    let running = "/proc/self/exe";
    let id = |path: &std::path::Path| stat(path).map(|found| (found.st_dev, found.st_ino));
    if id(&path) == id(running.as_ref()) {
        return Ok(Command::new(path));
    }
    let mut command = Command::new(running);
    command.arg0(path);
    Ok(command)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn this_program() -> io::Result<Command> {
    std::env::current_exe().map(Command::new)
}

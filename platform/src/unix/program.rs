//! The program that runs now, to be started once more.

use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::path::{Path, PathBuf};
use std::process::Command;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::OnceLock;

/// Also if its file has been replaced or removed since, as an update does: the child is then of the same build as its
/// parent, and not of another one or none.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn this_program() -> io::Result<Command> {
    use std::os::unix::process::CommandExt as _;

    // Asked once: while this runs its file stays the same one. Only where the path leads may change.
    static RUNNING: OnceLock<(PathBuf, (u64, u64))> = OnceLock::new();
    let (path, this) = match RUNNING.get() {
        Some(known) => known,
        None => {
            let (path, this) = (std::env::current_exe()?, file(Path::new(LINK))?);
            RUNNING.get_or_init(|| (path, this))
        }
    };
    if file(path).is_ok_and(|found| found == *this) {
        return Ok(Command::new(path));
    }
    let mut command = Command::new(LINK);
    command.arg0(path);
    Ok(command)
}

/// In the new process too this leads to what we run, until that runs something else.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LINK: &str = "/proc/self/exe";

/// Which file it is, whatever its path.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn file(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    let found = std::fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn this_program() -> io::Result<Command> {
    std::env::current_exe().map(Command::new)
}

//! Making descriptors that no child inherits by accident.
//!
//! Everywhere but on Apple's systems the kernel makes them close-on-exec in one step. There, two steps are needed,
//! and std's spawner does not close what is not marked (it does not set `POSIX_SPAWN_CLOEXEC_DEFAULT`). So making
//! and spawning exclude each other, which covers every child that this crate starts; a child that the program
//! starts by other means at that very instant can still inherit a descriptor, as it can with those of std itself.

use std::io;
use std::os::fd::OwnedFd;
#[cfg(feature = "tokio")]
use std::sync::Arc;

use rustix::fs::{FileType, Stat};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
#[cfg(feature = "tokio")]
use tokio::io::{Interest, unix::AsyncFd};

#[cfg(target_vendor = "apple")]
static MAKING: std::sync::RwLock<()> = std::sync::RwLock::new(());

/// Runs `spawn` while no descriptor is half made.
pub(super) fn spawning<R>(spawn: impl FnOnce() -> R) -> R {
    #[cfg(target_vendor = "apple")]
    let _guard = MAKING
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    spawn()
}

/// A connected pair of stream sockets, none of them in a slot of standard input, output or error.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((above_stdio(one)?, above_stdio(other)?))
}

#[cfg(target_vendor = "apple")]
pub(super) fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let _guard = MAKING
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (one, other) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::empty(),
        None,
    )?;
    close_on_exec(&one)?;
    close_on_exec(&other)?;
    Ok((above_stdio(one)?, above_stdio(other)?))
}

/// A socket that is connected to nobody yet, and never blocks.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    above_stdio(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

#[cfg(target_vendor = "apple")]
pub(super) fn socket() -> io::Result<OwnedFd> {
    let _guard = MAKING
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    close_on_exec(&socket)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    above_stdio(socket)
}

/// The socket of a client that has connected to this one.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn accept(listening: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    above_stdio(rustix::net::accept_with(listening, flags)?)
}

#[cfg(target_vendor = "apple")]
pub(super) fn accept(listening: &OwnedFd) -> io::Result<OwnedFd> {
    let _guard = MAKING
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let socket = rustix::net::accept(listening)?;
    close_on_exec(&socket)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    above_stdio(socket)
}

/// A pipe: the reading end, the writing end.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    Ok((above_stdio(read)?, above_stdio(write)?))
}

#[cfg(target_vendor = "apple")]
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let _guard = MAKING
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (read, write) = rustix::pipe::pipe()?;
    close_on_exec(&read)?;
    close_on_exec(&write)?;
    Ok((above_stdio(read)?, above_stdio(write)?))
}

/// Marks a descriptor that the system could not make close-on-exec in one step.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
))]
pub(super) fn close_on_exec(fd: &OwnedFd) -> io::Result<()> {
    use rustix::io::{FdFlags, fcntl_setfd};
    Ok(fcntl_setfd(fd, FdFlags::CLOEXEC)?)
}

/// Moves a descriptor out of the slots 0 to 2, where it lands if the program was started with one of them closed.
///
/// There it would be taken for the program's own standard input or output, and handed to children as such.
fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd as _;
    if fd.as_raw_fd() > 2 {
        Ok(fd)
    } else {
        Ok(fcntl_dupfd_cloexec(fd, 3)?)
    }
}

/// A descriptor that the runtime watches.
#[cfg(feature = "tokio")]
pub(super) type Watched = AsyncFd<Arc<OwnedFd>>;

/// Has the runtime watch a descriptor. Panics outside of one.
#[cfg(feature = "tokio")]
pub(super) fn watch(fd: Arc<OwnedFd>, interest: Interest) -> io::Result<Watched> {
    // SAFETY: the `Arc` that `AsyncFd` holds owns the descriptor, and nobody can take that out of it: `as_raw_fd` is
    // the same open file from registration to deregistration.
    let watched = unsafe { AsyncFd::register_with_interest(fd, interest) };
    Ok(watched?)
}

/// What kind of file it is, in words.
pub(super) fn kind(stat: &Stat) -> &'static str {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

/// The time until `deadline`, for `poll`; `None` is for ever.
#[cfg(feature = "blocking")]
pub(super) fn left(deadline: Option<std::time::Instant>) -> Option<rustix::event::Timespec> {
    let left = deadline?.saturating_duration_since(std::time::Instant::now());
    // What no clock can tell is for ever.
    left.try_into().ok()
}

/// Calls again when a signal handler of the program interrupted the call.
pub(super) fn retry<R>(mut call: impl FnMut() -> rustix::io::Result<R>) -> rustix::io::Result<R> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other,
        }
    }
}

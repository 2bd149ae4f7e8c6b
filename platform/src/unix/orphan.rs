//! Ends this process a while after its parent has died.
//!
//! A child that reads its channel learns of that there; this is for one that is too busy to read. Not
//! `PR_SET_PDEATHSIG`: that follows the *thread* that started the child, and a pool's thread ends sooner.

use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getppid};

use super::descriptor::retry;
use super::exit::Exit;
use super::thread;

/// Starts to watch the parent.
///
/// # Errors
///
/// If no thread can be started.
pub(super) fn watch(parent: u32, grace: Duration, channel: &OwnedFd) -> io::Result<()> {
    let Some(parent) = i32::try_from(parent).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    let Some(watch) = find(parent, channel) else {
        // Not to be watched from here, for example out of another pid namespace: the channel's end has to do.
        return Ok(());
    };
    // This process attaches once, so nobody was here before.
    let _ = ORDERS.set(Orders {
        watch,
        parent,
        grace,
    });
    thread::start_bare(run)
}

/// What the thread is to do. Not handed over to it: it should give nothing back (see [`thread::start_bare`]).
static ORDERS: OnceLock<Orders> = OnceLock::new();

struct Orders {
    watch: Watch,
    parent: Pid,
    grace: Duration,
}

extern "C" fn run(_: *mut c_void) -> *mut c_void {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::thread::set_name(c"offspring-orphan");
    if let Some(orders) = ORDERS.get() {
        match &orders.watch {
            Watch::Dead => {}
            Watch::Exit(exit) => {
                if exit.block().is_err() {
                    return null_mut();
                }
            }
            Watch::Adoption => {
                while getppid() == Some(orders.parent) {
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        }
        std::thread::sleep(orders.grace);
        // SAFETY: takes an integer and does not return. `exit` would run the handlers of a program that is busy in
        // other threads, and they may never end.
        unsafe { libc::_exit(1) }
    }
    null_mut()
}

/// How the death of the parent shows.
enum Watch {
    Dead,
    Exit(Exit),
    /// By having another parent (only where nothing better is to be had).
    Adoption,
}

fn find(parent: Pid, channel: &OwnedFd) -> Option<Watch> {
    if !is_same_namespace(parent, channel) {
        return None;
    }
    let exit = Exit::of_process(parent);
    // Now, after the process was looked up by its id: is the parent alive, and the id therefore still its own?
    // Either it is our parent by blood, or its end of the channel, which nobody else has, is still open.
    let is_our_parent = getppid() == Some(parent);
    match exit {
        Ok(Some(exit)) if is_our_parent || !is_closed(channel) => Some(Watch::Exit(exit)),
        Ok(_) if is_our_parent || !is_closed(channel) => None,
        Ok(_) => Some(Watch::Dead),
        Err(_) if is_our_parent => Some(Watch::Adoption),
        Err(_) => None,
    }
}

/// Whether the other end of the channel is closed, whatever is still in it.
fn is_closed(channel: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(channel, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let _ = retry(|| poll(&mut fds, Some(&now)));
    fds[0].revents().contains(PollFlags::HUP)
}

/// Whether the parent's idea of its id is ours too: in another pid namespace the number means another process.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_same_namespace(parent: Pid, channel: &OwnedFd) -> bool {
    opener(channel) == Some(parent.as_raw_nonzero().get().unsigned_abs())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_same_namespace(_: Pid, _: &OwnedFd) -> bool {
    true
}

/// The process that opened both ends of the channel, if the system tells.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn opener(channel: &OwnedFd) -> Option<u32> {
    // The socket tells the id translated for us. 0 would be "not in your namespace".
    let (_, pid) = super::peer::credentials(channel).ok()?;
    u32::try_from(pid?).ok().filter(|pid| *pid != 0)
}

#[cfg(all(
    feature = "node",
    feature = "tokio",
    not(any(target_os = "linux", target_os = "android"))
))]
pub(super) fn opener(_: &OwnedFd) -> Option<u32> {
    None
}

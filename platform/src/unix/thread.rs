//! Threads of ours in a program that knows nothing of them.
//!
//! They take no signal. A program that waits for signals (`sigwait`, signalfd) blocks them in its own threads, and one
//! that would land in ours would end it; and a handler must not run on a stack as small as ours.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Starts a thread of std.
pub(super) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = std::thread::Builder::new().name(name.into());
    without_signals(|| thread.spawn(run))?;
    Ok(())
}

/// Starts a thread that costs little: a child does so on its way to the first answer.
///
/// Such a thread maps nothing but its stack, while one of std maps a second stack for handlers of signals and, with
/// glibc, 128 MiB of addresses to allocate in. That is why `run` should not allocate, or give anything back.
pub(super) fn start_bare(run: Run) -> io::Result<()> {
    without_signals(|| match create(run, Some(STACK)) {
        // The thread-local variables of the program do not fit in.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => create(run, None),
        made => made,
    })
}

/// What a thread runs. Its argument means nothing.
pub(super) type Run = extern "C" fn(*mut c_void) -> *mut c_void;

fn create(run: Run, stack: Option<usize>) -> io::Result<()> {
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: initialises what it is given, which is not moved until it is destroyed.
    check(unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) })?;
    if let Some(stack) = stack {
        // SAFETY: initialised above. Where this size is refused, the usual one stays.
        unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack) };
    }
    let mut thread = MaybeUninit::uninit();
    // SAFETY: the attributes were initialised above, `thread` is written if the call succeeds, and `run` is a function
    // of this program that takes any argument.
    let made = check(unsafe {
        libc::pthread_create(
            thread.as_mut_ptr(),
            attributes.as_ptr(),
            run,
            ptr::null_mut(),
        )
    });
    // SAFETY: initialised above, and not used any more.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    made?;
    // SAFETY: written by the call that has succeeded.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: nobody else has the id of this thread, to join or to detach it.
    check(unsafe { libc::pthread_detach(thread) })
}

/// Lets `make` make a thread that inherits no signal from this one.
fn without_signals<R>(make: impl FnOnce() -> R) -> R {
    let mut all = MaybeUninit::uninit();
    // SAFETY: fills what it is given.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut before = MaybeUninit::uninit();
    // SAFETY: `all` was filled, and `before` is written if the call succeeds.
    let blocked =
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let made = make();
    if blocked == 0 {
        // SAFETY: the call that has succeeded has written it.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    made
}

/// These calls answer with the number of the error.
fn check(answer: i32) -> io::Result<()> {
    match answer {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Plenty for system calls.
const STACK: usize = 64 * 1024;

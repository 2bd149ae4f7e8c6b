//! Waking a task when a process has ended.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use windows_sys::Win32::System::Threading::{
    CloseThreadpoolWait, CreateThreadpoolWait, DisassociateCurrentThreadFromCallback,
    PTP_CALLBACK_INSTANCE, PTP_WAIT, SetThreadpoolWait, WaitForThreadpoolWaitCallbacks,
};

use super::handle::{error, last_error};
use super::timed;

/// A wait of the thread pool for one process. Costs no thread and one kernel object.
pub(super) struct ExitWatch {
    wait: PTP_WAIT,
    /// Given to the callback by address: never moved or freed before the callback is out of it.
    slot: Arc<Slot>,
    begun: bool,
}

/// Who is to be woken.
#[derive(Default)]
struct Slot(Mutex<Option<Waker>>);

impl ExitWatch {
    pub(super) fn new() -> io::Result<Self> {
        let slot = Arc::new(Slot::default());
        let context = Arc::as_ptr(&slot).cast_mut().cast::<c_void>();
        // SAFETY: the callback gets the address of `slot`, which `drop` keeps until no callback uses it.
        let wait = unsafe { CreateThreadpoolWait(Some(exited), context, null()) };
        if wait == 0 {
            return Err(error(last_error()));
        }
        Ok(Self {
            wait,
            slot,
            begun: false,
        })
    }

    /// Wakes `waker`, and no earlier one, when the process has ended, also if it has already.
    ///
    /// Ask for its status afterwards, not before: a process that ends in between wakes the waker.
    pub(super) fn wake(&mut self, process: BorrowedHandle<'_>, waker: &Waker) {
        let old = self.slot.lock().replace(waker.clone());
        drop(old);
        if !self.begun {
            self.begun = true;
            // SAFETY: both are open; the wait keeps the process object itself, not the handle. No time limit.
            unsafe { SetThreadpoolWait(self.wait, process.as_raw_handle(), null()) };
        }
    }
}

impl Drop for ExitWatch {
    fn drop(&mut self) {
        // SAFETY: the wait is open; no process means no more callbacks.
        unsafe { SetThreadpoolWait(self.wait, null_mut(), null()) };
        // One that runs is at its beginning: it leaves the association before it wakes anybody. So this is short, and
        // cannot wait for itself when the task that owns us is dropped by its own waker.
        // SAFETY: the wait is open.
        unsafe { WaitForThreadpoolWaitCallbacks(self.wait, 1) };
        // SAFETY: the wait is open, and this is the last use.
        unsafe { CloseThreadpoolWait(self.wait) };
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a process, for those who do not have its [`Process`](super::Process).
pub(crate) struct Exit {
    // Before the handle that it waits for. Made when somebody first waits.
    watch: Option<ExitWatch>,
    process: OwnedHandle,
}

impl Exit {
    pub(super) fn of(process: &impl AsHandle) -> io::Result<Self> {
        let process = process.as_handle().try_clone_to_owned()?;
        let watch = None;
        Ok(Self { watch, process })
    }

    /// Ready when the process has ended.
    pub(super) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if self.watch.is_none() {
            // Without memory for it the next poll tries again.
            self.watch = ExitWatch::new().ok();
        }
        if let Some(watch) = &mut self.watch {
            watch.wake(self.process.as_handle(), waker);
        }
        // Afterwards, for in between it may have ended, and then an older waker was woken.
        match timed::wait(&self.process, Duration::ZERO) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

unsafe extern "system" fn exited(
    instance: PTP_CALLBACK_INSTANCE,
    context: *mut c_void,
    _: PTP_WAIT,
    _: u32,
) {
    // SAFETY: `ExitWatch` keeps the slot until this callback has left the association below.
    let slot = unsafe { &*context.cast_const().cast::<Slot>() };
    let waker = slot.lock().take();
    // SAFETY: this is the callback of that instance.
    unsafe { DisassociateCurrentThreadFromCallback(instance) };
    if let Some(waker) = waker {
        waker.wake();
    }
}

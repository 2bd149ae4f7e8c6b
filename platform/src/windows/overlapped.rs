//! Operations that the system carries out by itself, and the tasks that wait for them.
//!
//! Why the thread pool's completion port and not an event per operation: the system cancels what a thread has begun
//! when that thread ends, unless the handle belongs to a completion port. An executor may end its threads at any time.
//!
//! ```text
//!  task                             system                       thread pool
//!  Idle
//!   |  buffer and waker go into the block
//!  Running  -- ReadFile ----------> at once: no packet
//!   |    <------ result ------------'
//!  Idle
//!   |
//!  Running  -- ReadFile ----------> later
//!   |    <------ ERROR_IO_PENDING --'
//!   |  poll: replaces the waker      '-- packet --------------> finished():  Running -> Finished
//!   |  under the lock                                           under the lock, takes the waker, then wakes
//!  Finished
//!   |  poll: takes the buffer and the result
//!  Idle
//! ```
//!
//! No wake-up is lost. The waker is in the block before the operation begins, so `finished` finds it even if it runs
//! before `ReadFile` has returned. And a later poll either gets the lock before `finished`, which then wakes the new
//! waker, or after it, and then sees `Finished`.
//!
//! The block belongs to the task and, while `Running`, to the system as well: one count of its `Arc` each. So a task
//! that goes away leaves nothing dangling, and waits for nothing: it cancels, and `finished` frees the block.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, WIN32_ERROR};
use windows_sys::Win32::Storage::FileSystem::{
    ReadFile, SetFileCompletionNotificationModes, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, OVERLAPPED};
use windows_sys::Win32::System::Pipes::ConnectNamedPipe;
use windows_sys::Win32::System::Threading::{
    CancelThreadpoolIo, CloseThreadpoolIo, CreateThreadpoolIo, PTP_CALLBACK_INSTANCE, PTP_IO,
    StartThreadpoolIo,
};
use windows_sys::Win32::System::WindowsProgramming::{
    FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, FILE_SKIP_SET_EVENT_ON_HANDLE,
};

use super::handle::{check, error, last_error};

/// A pipe whose operations finish on the thread pool.
pub(super) struct Port {
    // Closed before the completions, as CloseThreadpoolIo asks for.
    pipe: OwnedHandle,
    completions: Arc<Completions>,
}

impl Port {
    /// `pipe` must be for overlapped I/O and belong to no other completion port.
    pub(super) fn new(pipe: OwnedHandle) -> io::Result<Arc<Self>> {
        // What is finished at once needs no packet, and nobody waits for the handle itself.
        let modes = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;
        // SAFETY: the handle is open.
        check(unsafe { SetFileCompletionNotificationModes(pipe.as_raw_handle(), modes as u8) })?;
        // SAFETY: the handle is open, and `finished` may be called with every operation that `start` begins.
        let io =
            unsafe { CreateThreadpoolIo(pipe.as_raw_handle(), Some(finished), null_mut(), null()) };
        if io == 0 {
            return Err(error(last_error()));
        }
        let completions = Arc::new(Completions(io));
        Ok(Arc::new(Self { pipe, completions }))
    }

    pub(super) fn pipe(&self) -> &OwnedHandle {
        &self.pipe
    }
}

/// The thread pool's registration of a pipe. Each running operation holds a count, so it outlives them all.
struct Completions(PTP_IO);

impl Drop for Completions {
    fn drop(&mut self) {
        // SAFETY: no operation runs any more and the pipe is closed. This may be the end of the last operation's own
        // callback; the thread pool then frees the registration when that has returned.
        unsafe { CloseThreadpoolIo(self.0) };
    }
}

/// What an operation does with its buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Waits for a client.
    Connect,
    /// Fills the buffer up to its capacity, or less.
    Read,
    /// Writes the buffer, all of it.
    Write,
}

/// Bytes moved, or the system's error code.
pub(super) type Outcome = Result<usize, WIN32_ERROR>;

/// A place for one operation at a time on a pipe.
pub(super) struct Operation {
    port: Arc<Port>,
    block: Arc<Block>,
    action: Action,
    /// What to write, or what was read. Empty and without memory while an operation runs.
    pub(super) buffer: Vec<u8>,
}

impl Operation {
    pub(super) fn new(port: Arc<Port>, action: Action) -> Self {
        let block = Block {
            overlapped: UnsafeCell::default(),
            phase: Mutex::new(Phase::Idle),
            finished: Condvar::new(),
        };
        Self {
            port,
            block: Arc::new(block),
            action,
            buffer: Vec::new(),
        }
    }

    pub(super) fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// `Pending` while an operation runs, and then the waker will be woken; its outcome, once, when it has finished;
    /// `None` if there is none to wait for.
    pub(super) fn poll(&mut self, waker: &Waker) -> Poll<Option<Outcome>> {
        let mut phase = self.block.phase();
        match &mut *phase {
            Phase::Idle => Poll::Ready(None),
            Phase::Running { waker: current, .. } => {
                let old =
                    (!current.will_wake(waker)).then(|| std::mem::replace(current, waker.clone()));
                drop(phase);
                // Outside of the lock: dropping a waker may run any code.
                drop(old);
                Poll::Pending
            }
            Phase::Finished { buffer, outcome } => {
                let (buffer, outcome) = (std::mem::take(buffer), *outcome);
                *phase = Phase::Idle;
                drop(phase);
                Poll::Ready(Some(self.collect(buffer, outcome)))
            }
        }
    }

    /// Begins an operation with the buffer. `Ready` if it finished at once, else see [`poll`](Self::poll).
    ///
    /// Must not be called while one runs: `poll` has answered `Ready`.
    pub(super) fn start(&mut self, waker: &Waker) -> Poll<Outcome> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let (start, size) = match self.action {
            Action::Connect => (null_mut(), 0),
            Action::Read => {
                buffer.clear();
                (buffer.as_mut_ptr(), buffer.capacity())
            }
            Action::Write => (buffer.as_mut_ptr(), buffer.len()),
        };
        // More than the system can count is left for the next operation.
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let overlapped = self.block.overlapped.get();
        {
            let mut phase = self.block.phase();
            assert!(matches!(*phase, Phase::Idle), "one operation at a time");
            *phase = Phase::Running {
                buffer,
                waker: waker.clone(),
                _completions: Arc::clone(&self.port.completions),
            };
        }
        // SAFETY: until now the block was idle, so the system does not use it, and we are the only task that does.
        unsafe { overlapped.write(OVERLAPPED::default()) };
        // The system's count. `finished` gets it back from the address of the first field, which is the block's.
        let token = Arc::into_raw(Arc::clone(&self.block));
        let pipe = self.port.pipe.as_raw_handle();
        let io = self.port.completions.0;
        // SAFETY: the registration is open, and an operation follows.
        unsafe { StartThreadpoolIo(io) };
        let done = match self.action {
            // SAFETY: the block lives until `finished`, through the system's count.
            Action::Connect => unsafe { ConnectNamedPipe(pipe, overlapped) },
            // SAFETY: as above. The block owns the `size` bytes, and nobody touches them until `finished`.
            Action::Read => unsafe { ReadFile(pipe, start, size, null_mut(), overlapped) },
            // SAFETY: as above.
            Action::Write => unsafe { WriteFile(pipe, start, size, null_mut(), overlapped) },
        };
        let outcome = if done != 0 {
            // SAFETY: the operation has finished, so the system no longer writes here.
            Ok(unsafe { (*overlapped).InternalHigh })
        } else {
            match last_error() {
                ERROR_IO_PENDING => return Poll::Pending,
                code => Err(code),
            }
        };
        // SAFETY: the operation has finished without a packet, or never begun.
        unsafe { CancelThreadpoolIo(io) };
        // SAFETY: so `finished` will not take this count.
        drop(unsafe { Arc::from_raw(token) });
        let running = std::mem::replace(&mut *self.block.phase(), Phase::Idle);
        let buffer = match running {
            Phase::Running { buffer, .. } => buffer,
            Phase::Idle | Phase::Finished { .. } => Vec::new(),
        };
        Poll::Ready(self.collect(buffer, outcome))
    }

    /// Ends the running operation early, if there is one, and waits until it has ended one way or the other.
    ///
    /// The wait is short: the system ends a cancelled operation on a pipe at once, and the thread pool has to take
    /// its packet. `false` if that takes implausibly long; the operation is then still to be polled.
    pub(super) fn cancel(&mut self) -> bool {
        if matches!(*self.block.phase(), Phase::Running { .. }) {
            self.request_cancel();
        }
        let (phase, _) = self
            .block
            .finished
            .wait_timeout_while(self.block.phase(), CANCEL_LIMIT, |phase| {
                matches!(phase, Phase::Running { .. })
            })
            .unwrap_or_else(PoisonError::into_inner);
        !matches!(*phase, Phase::Running { .. })
    }

    fn request_cancel(&self) {
        let pipe = self.port.pipe.as_raw_handle();
        // SAFETY: the pipe is open. The address only says which operation is meant; if that has finished in the
        // meantime, the call finds nothing.
        unsafe { CancelIoEx(pipe, self.block.overlapped.get()) };
    }

    fn collect(&mut self, mut buffer: Vec<u8>, outcome: Outcome) -> Outcome {
        if let (Action::Read, Ok(size)) = (self.action, outcome) {
            let size = size.min(buffer.capacity());
            // SAFETY: the system has written that many bytes, and was given no more room than the capacity.
            unsafe { buffer.set_len(size) };
        }
        self.buffer = buffer;
        outcome
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let waker = match &mut *self.block.phase() {
            // Whoever waited does not any more, and must not be kept alive by what is left of the operation.
            Phase::Running { waker, .. } => std::mem::replace(waker, Waker::noop().clone()),
            Phase::Idle | Phase::Finished { .. } => return,
        };
        self.request_cancel();
        drop(waker);
    }
}

/// What an operation needs at an address that does not change. The system knows it by that of its first field.
#[repr(C)]
struct Block {
    overlapped: UnsafeCell<OVERLAPPED>,
    phase: Mutex<Phase>,
    /// Notified when the phase becomes `Finished`.
    finished: Condvar,
}

// SAFETY: the phase is behind a lock. `overlapped` belongs to the system while the phase is `Running`, and else to
// the one `Operation` that has this block, which touches it through `&mut self` only.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        // No code of a user runs under the lock; a poisoned one is still right.
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Phase {
    Idle,
    Running {
        buffer: Vec<u8>,
        waker: Waker,
        _completions: Arc<Completions>,
    },
    Finished {
        buffer: Vec<u8>,
        outcome: Outcome,
    },
}

/// The thread pool calls this once for each operation that did not finish at once.
unsafe extern "system" fn finished(
    _: PTP_CALLBACK_INSTANCE,
    _: *mut c_void,
    overlapped: *mut c_void,
    code: WIN32_ERROR,
    size: usize,
    _: PTP_IO,
) {
    // SAFETY: `start` gave the system this count, as the address of the block's first field.
    let block = unsafe { Arc::from_raw(overlapped.cast_const().cast::<Block>()) };
    let outcome = if code == 0 { Ok(size) } else { Err(code) };
    let mut phase = block.phase();
    let running = std::mem::replace(&mut *phase, Phase::Idle);
    let Phase::Running {
        buffer,
        waker,
        _completions,
    } = running
    else {
        return; // cannot be: an operation that did not finish at once is running until here
    };
    *phase = Phase::Finished { buffer, outcome };
    drop(phase);
    block.finished.notify_all();
    waker.wake();
}

const CANCEL_LIMIT: Duration = Duration::from_secs(5);

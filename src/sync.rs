//! What threads share; in `models/`, which tries their schedules, something that knows of them.

#[cfg(all(model, feature = "blocking"))]
pub(crate) use shuttle::sync::Condvar;
#[cfg(model)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(model)]
pub(crate) use shuttle::thread_local;
#[cfg(all(not(model), feature = "blocking"))]
pub(crate) use std::sync::Condvar;
#[cfg(not(model))]
pub(crate) use std::sync::{Mutex, MutexGuard};
#[cfg(not(model))]
pub(crate) use std::thread_local;

pub(crate) mod atomic {
    //! As in `std`.

    #[cfg(all(model, feature = "blocking"))]
    pub(crate) use shuttle::sync::atomic::fence;
    #[cfg(model)]
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
    #[cfg(all(not(model), feature = "blocking"))]
    pub(crate) use std::sync::atomic::fence;
    #[cfg(not(model))]
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
}

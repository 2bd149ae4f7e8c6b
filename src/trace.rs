//! `debug!` and `warn!`: those of `tracing`, or macros of the same names that only type-check their arguments, so
//! that the places which call them need no `cfg`.

cfg_if::cfg_if! {
    if #[cfg(feature = "tracing")] {
        pub(crate) use tracing::{debug, warn};
    } else {
        macro_rules! discard {
            ($($argument:tt)*) => {{
                let _ = || { let _ = format_args!($($argument)*); };
            }};
        }
        pub(crate) use {discard as debug, discard as warn};
    }
}

//! `warn!`: that of `tracing`, or a macro of the same name that only type-checks its arguments.

cfg_if::cfg_if! {
    if #[cfg(feature = "tracing")] {
        pub(crate) use tracing::warn;
    } else {
        macro_rules! discard {
            ($($argument:tt)*) => {{
                let _ = || { let _ = format_args!($($argument)*); };
            }};
        }
        pub(crate) use discard as warn;
    }
}

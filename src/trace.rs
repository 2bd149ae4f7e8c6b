//! `debug!`: that of `tracing`, or a macro of the same name that only type-checks its arguments, so
//! that the places which call it need no `cfg`.

cfg_if::cfg_if! {
    if #[cfg(feature = "tracing")] {
        pub(crate) use tracing::debug;
    } else {
        macro_rules! discard {
            ($($argument:expr),* $(,)?) => {{
                let _ = || { $(let _ = &$argument;)* };
            }};
        }
        pub(crate) use discard as debug;
    }
}

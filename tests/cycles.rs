//! Promises about starting children: 10,000 one after the other, 1,000 alive at once, beside the least that the system
//! charges for it.
//!
//! A program with a `main` of its own, for it is its own child: one of the usual test harness takes longer to start
//! than what is measured here. It understands as much of the harness's options as cargo and nextest need.
//!
//! By default the sizes are small; with `OFFSPRING_PROMISES=full` they are those of the promises.

#![expect(clippy::unwrap_used, reason = "it says what the test expects")]

#[cfg(all(unix, feature = "tokio"))]
#[path = "cycles/raw.rs"]
mod raw;
#[cfg(feature = "tokio")]
#[path = "cycles/run.rs"]
mod run;

#[cfg(feature = "tokio")]
fn main() -> offspring::Result<()> {
    #[cfg(unix)]
    if std::env::var_os(raw::VARIABLE).is_some() {
        raw::answer();
        return Ok(());
    }
    run::main()
}

#[cfg(not(feature = "tokio"))]
fn main() {}

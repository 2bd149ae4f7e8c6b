//! The Windows backend: named pipes in byte mode, driven by our own overlapped I/O.
//!
//! ```text
//! stream    listener    spawn -- process    attach      what the crate above sees
//!     |         |         |       |          |
//!   overlapped  owner     job, running, exit  remote, timed  their parts
//!     |         |         |       |          |
//!   pipe, security, token, stdin, handle                 the system's calls, as safe functions
//!
//! node -- create -- program, environment, runtime        what std's `Command` cannot: a fourth descriptor
//! ```
//!
//! Neither tokio's named pipes nor mio's: they report a write as done before the system has taken it, so that a
//! process that exits loses its last words, and they hide what has arrived in a buffer of their own.

use std::io;
use std::path::PathBuf;

use crate::Name;
use crate::name::{Address, PIPE_PREFIX};

mod handle;
mod token;

cfg_if::cfg_if! {
    if #[cfg(any(feature = "tokio", feature = "blocking"))] {
        mod attach;
        mod connecting;
        mod exit;
        mod job;
        mod listener;
        #[cfg(feature = "node")]
        mod create;
        #[cfg(feature = "node")]
        mod environment;
        #[cfg(feature = "node")]
        pub(crate) mod node;
        #[cfg(feature = "node")]
        mod program;
        #[cfg(feature = "node")]
        mod runtime;
        mod orphan;
        mod overlapped;
        mod owner;
        mod pipe;
        mod process;
        mod read_size;
        mod remote;
        mod running;
        mod security;
        #[cfg(feature = "node")]
        pub(crate) mod socket;
        mod spawn;
        mod stdin;
        mod stream;
        mod timed;

        pub(crate) use attach::Slot;
        pub(crate) use exit::Exit;
        pub(crate) use process::{Process, this_program};
        pub(crate) use spawn::spawn;
        pub(crate) use stream::Channel;
    }
}

cfg_if::cfg_if! {
    if #[cfg(feature = "tokio")] {
        pub(crate) use listener::Listener;
        pub(crate) use stream::{ReadHalf, Stream, WriteHalf};
    }
}

cfg_if::cfg_if! {
    if #[cfg(feature = "blocking")] {
        pub(crate) mod blocking;
        mod parker;
    }
}

/// What can travel beside the bytes of a stream.
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
pub type Handle = std::os::windows::io::OwnedSocket;

/// The pipe of a name: all pipes of a computer live in one folder, so the label carries its user's SID.
pub(crate) fn address(name: &Name) -> io::Result<PathBuf> {
    match name.address() {
        Address::Label(label) => {
            let user = token::user()?;
            Ok(format!("{PIPE_PREFIX}offspring.{user}.{label}").into())
        }
        Address::Path(path) => Ok(path.clone()),
    }
}

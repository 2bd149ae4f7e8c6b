//! The Unix backend: Linux, macOS and the BSDs.

use std::io;
use std::path::PathBuf;

use crate::Name;
use crate::name::Address;

mod folder;

cfg_if::cfg_if! {
    if #[cfg(any(feature = "tokio", feature = "blocking"))] {
        mod channel;
        mod connecting;
        mod descriptor;
        mod error;
        mod exit;
        mod listener;
        #[cfg(feature = "node")]
        pub(crate) mod node;
        #[cfg(feature = "node")]
        mod numbered;
        mod orphan;
        mod ownership;
        #[cfg(feature = "node")]
        mod passing;
        mod peer;
        mod process;
        mod program;
        mod reaper;
        mod slot;
        #[cfg(feature = "node")]
        pub(crate) mod socket;
        mod spawn;
        mod thread;

        pub(crate) use channel::Channel;
        pub(crate) use exit::Exit;
        pub(crate) use process::Process;
        pub(crate) use program::this_program;
        pub(crate) use slot::Slot;
        pub(crate) use spawn::spawn;
    }
}

cfg_if::cfg_if! {
    if #[cfg(feature = "tokio")] {
        mod stream;

        pub(crate) use listener::Listener;
        pub(crate) use stream::{ReadHalf, Stream, WriteHalf};
    }
}

/// What can travel beside the bytes of a stream.
#[cfg(all(feature = "node", any(feature = "tokio", feature = "blocking")))]
pub type Handle = std::os::fd::OwnedFd;

#[cfg(feature = "blocking")]
pub(crate) mod blocking;

/// The path of the socket. Creates nothing.
pub(crate) fn address(name: &Name) -> io::Result<PathBuf> {
    match name.address() {
        Address::Label(label) => folder::socket_path(label),
        Address::Path(path) => Ok(path.clone()),
    }
}

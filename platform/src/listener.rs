//! A name that other programs of the same user connect to.

use std::io;

use crate::{Name, Stream, sys};

/// The owner of a [`Name`].
///
/// A name has one owner at a time, decided by a lock that the system releases when the process ends. What a dead
/// owner left behind is recovered; a live owner, or a file that is not ours, is never displaced.
///
/// # Platform notes
///
/// On Windows a server that runs as administrator cannot be reached by programs that do not: they may not write
/// to what it creates. Clients that do not use this crate are asked for by their process id, so they must still
/// live when they are accepted, and must not have more rights than the server.
#[derive(Debug)]
pub struct Listener(sys::Listener);

impl Listener {
    /// Takes the name and starts to listen, for this user only.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a live server has the name, `AlreadyExists` if something that is not an abandoned socket
    /// of ours is in its place, `PermissionDenied` if the folder of the name could be changed by other users.
    pub fn bind(name: &Name) -> io::Result<Self> {
        sys::Listener::bind(name).map(Self)
    }

    /// Waits for the next client of the same user.
    ///
    /// A client of another user is closed before one byte is read; a client that has already gone is passed
    /// over; when the process or the system runs out of descriptors this waits and tries again. An error
    /// therefore means that the listener itself is broken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no client.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        self.0.accept().await.map(Stream)
    }
}

//! [`Local`]: a Unix domain socket or a Windows named pipe.

use std::io;

use offspring_platform as platform;

use crate::transport::Transport;

/// A Unix domain socket or a Windows named pipe to one other process of the same user, chosen when the program is
/// built.
///
/// Made by [`Connection::connect`](crate::Connection::connect), [`Listener::accept`](crate::Listener::accept),
/// [`Command::spawn`](crate::Command::spawn) and [`Parent::attach`](crate::Parent::attach); there is nothing to do
/// with it by hand.
///
/// # Examples
///
/// ```
/// use offspring::{Connection, transport::Local};
///
/// // `Local` is what a connection uses unless another transport is named.
/// fn same<Tx, Rx>(connection: Connection<Tx, Rx>) -> Connection<Tx, Rx, Local> {
///     connection
/// }
/// ```
#[derive(Debug)]
pub struct Local(pub(crate) platform::Stream);

impl Transport for Local {
    type ReadHalf = platform::ReadHalf;
    type WriteHalf = platform::WriteHalf;

    fn into_split(self) -> (Self::ReadHalf, Self::WriteHalf) {
        self.0.into_split()
    }

    fn try_read(read_half: &mut Self::ReadHalf, buf: &mut [u8]) -> io::Result<usize> {
        read_half.try_read(buf)
    }

    fn end(write_half: &mut Self::WriteHalf) -> bool {
        write_half.end()
    }

    fn make_room(write_half: &mut Self::WriteHalf) {
        write_half.make_room();
    }
}

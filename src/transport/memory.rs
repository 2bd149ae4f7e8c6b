//! [`Memory`]: two ends in one process.

use tokio::io::{DuplexStream, ReadHalf, WriteHalf};

use crate::transport::Transport;

/// One of two ends that are joined within this process, without any system call.
///
/// For tests of code that speaks over a [`Connection`](crate::Connection), and for documentation.
///
/// # Examples
///
/// ```
/// use offspring::{Connection, transport::Memory};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let (left, right) = Memory::pair();
/// let left = Connection::<u32, u32, _>::new(left);
/// let mut right = Connection::<u32, u32, _>::new(right);
/// left.send(&7).await?;
/// assert_eq!(right.recv().await?, Some(7));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Memory(DuplexStream);

impl Memory {
    /// Creates two joined ends. Each direction holds up to 64 KiB, much as a socket does.
    ///
    /// # Examples
    ///
    /// ```
    /// let (left, right) = offspring::transport::Memory::pair();
    /// # let _ = (left, right);
    /// ```
    pub fn pair() -> (Self, Self) {
        let (left, right) = tokio::io::duplex(CAPACITY);
        (Self(left), Self(right))
    }
}

impl Transport for Memory {
    type ReadHalf = ReadHalf<DuplexStream>;
    type WriteHalf = WriteHalf<DuplexStream>;

    fn into_split(self) -> (Self::ReadHalf, Self::WriteHalf) {
        tokio::io::split(self.0)
    }
}

const CAPACITY: usize = 64 * 1024;

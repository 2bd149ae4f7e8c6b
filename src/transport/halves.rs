//! [`Halves`]: any reader and any writer.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::transport::Transport;

/// Any reader and any writer that together form a two-way stream, such as the pipes of another program.
///
/// # Examples
///
/// ```
/// use offspring::{Connection, transport::Halves};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let (mine, theirs) = tokio::io::duplex(1024);
/// let (read, write) = tokio::io::split(mine);
/// let mine = Connection::<str, String, _>::new(Halves(read, write));
/// let (read, write) = tokio::io::split(theirs);
/// let mut theirs = Connection::<str, String, _>::new(Halves(read, write));
/// mine.send("any bytes will do").await?;
/// assert_eq!(theirs.recv().await?.as_deref(), Some("any bytes will do"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Halves<R, W>(pub R, pub W);

impl<R, W> Transport for Halves<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type ReadHalf = R;
    type WriteHalf = W;

    fn into_split(self) -> (R, W) {
        (self.0, self.1)
    }
}

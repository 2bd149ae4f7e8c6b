//! [`Event`]: what a parent or a child can learn about the other.

use std::process::ExitStatus;

/// Something that happened to a [`Child`](crate::Child) or a [`Parent`](crate::Parent).
///
/// Events come in the order in which they stand here: any number of messages, then one `Disconnect`, then (of a child)
/// one `Exit`, which is the last.
///
/// # Examples
///
/// ```no_run
/// use offspring::{Command, Event};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// let mut child = Command::new("./worker").spawn::<str, String>()?;
/// while let Some(event) = child.event().await? {
///     match event {
///         Event::Message(text) => println!("the child says {text}"),
///         Event::Disconnect => println!("the child has no more to say"),
///         Event::Exit(status) => println!("the child ended: {status}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<M> {
    /// The other side sent a message.
    Message(M),
    /// No more messages come: the other side said goodbye, or is gone.
    Disconnect,
    /// The child process has ended and was reaped. Never comes from a parent.
    Exit(ExitStatus),
}

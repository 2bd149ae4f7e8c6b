//! [`Event`]: what a parent or a child can learn about the other.

use std::process::ExitStatus;

use crate::error::{ErrorKind, Result};

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
    /// The child process has ended and was reaped. Never comes from a parent. A grandchild that holds the channel open, or
    /// writes to it without a pause, does not delay it.
    Exit(ExitStatus),
}

/// Which events are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Messages,
    Disconnect,
    /// Of a child only.
    Exit,
    Nothing,
}

impl Stage {
    /// What a receive means as an event, and what may come after it; `end` is what follows a `Disconnect`.
    pub(crate) fn after<M>(
        received: Result<Option<M>>,
        end: Self,
    ) -> (Self, Result<Option<Event<M>>>) {
        match received {
            Ok(Some(message)) => (Self::Messages, Ok(Some(Event::Message(message)))),
            Ok(None) => (end, Ok(Some(Event::Disconnect))),
            Err(error) if error.kind() == ErrorKind::Disconnected => {
                (end, Ok(Some(Event::Disconnect)))
            }
            // It was told of one message; others may follow.
            Err(error) if !error.kind().ends_connection() => (Self::Messages, Err(error)),
            Err(error) => (Self::Disconnect, Err(error)),
        }
    }
}

//! The messages that are measured, and the wire around them.

use offspring::wire::{Encoding, Envelope, Hello, Inbox, Limits, Outbox};
use serde::{Deserialize, Serialize};

/// A struct as programs have them: 64 bytes on the wire with the frame's head.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Small {
    pub id: u64,
    pub reply: bool,
    pub price: f64,
    pub name: String,
}

/// The one [`Small`] that is used everywhere.
pub fn small() -> Small {
    Small {
        id: u64::from(u32::MAX) + 1,
        reply: true,
        price: 12.25,
        name: "sixteen letters!".into(),
    }
}

/// A hundred of them, to see what one more value costs without what each message costs.
pub fn many() -> Vec<Small> {
    vec![small(); 100]
}

/// An outbox that has said hello.
pub fn outbox() -> Outbox {
    let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    outbox.push_hello(&Hello::new());
    outbox.take(&mut Vec::new());
    outbox
}

/// An inbox that has heard the hello.
pub fn inbox() -> Inbox {
    let mut inbox = Inbox::new(Limits::new(), Hello::new());
    let mut hello = Vec::new();
    Hello::new().encode(&mut hello);
    read(&mut inbox, &hello);
    assert!(matches!(inbox.next(), Ok(None)));
    inbox
}

/// The bytes of one message with its frame.
pub fn frame<M: Serialize>(message: &M) -> offspring::Result<Vec<u8>> {
    let (mut outbox, mut bytes) = (outbox(), Vec::new());
    outbox.push(message)?;
    outbox.take(&mut bytes);
    Ok(bytes)
}

/// Moves bytes into the inbox as a read would.
pub fn read(inbox: &mut Inbox, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let space = inbox.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        inbox.filled(count);
        bytes = &bytes[count..];
    }
}

/// Takes one message out of the inbox and hands its body over.
pub fn next<R>(
    inbox: &mut Inbox,
    take: impl FnOnce(offspring::wire::Body<'_>) -> R,
) -> offspring::Result<Option<R>> {
    Ok(match inbox.next()? {
        Some(Envelope::Message(body)) => Some(take(body)),
        _ => None,
    })
}

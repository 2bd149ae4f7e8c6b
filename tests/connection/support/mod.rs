//! What the tests stand on.

mod message;
mod random;
mod tasks;
mod watchdog;
mod wire;

use offspring::wire::{Encoding, Hello, Limits, Outbox};
use offspring::{Config, Connection, ErrorKind, Result};

pub(crate) use self::message::Item;
pub(crate) use self::random::Random;
pub(crate) use self::tasks::Tasks;
pub(crate) use self::watchdog::watchdog;
pub(crate) use self::wire::End;
use self::wire::{Tap, joined, one_end};

/// Two connections over a strict pipe; the taps show and change what is between them.
pub(crate) struct Joined<A: ?Sized, B, C: ?Sized, D> {
    pub(crate) left: Connection<A, B, End>,
    pub(crate) right: Connection<C, D, End>,
    /// From left to right, and back.
    pub(crate) there: Tap,
    pub(crate) back: Tap,
}

/// Joins two connections; each direction holds up to `capacity` bytes.
pub(crate) fn connections<A: ?Sized, B, C: ?Sized, D>(
    capacity: usize,
    config: Config,
) -> Joined<A, B, C, D> {
    let (left, right, there, back) = joined(capacity);
    Joined {
        left: Connection::with_config(left, config.clone()),
        right: Connection::with_config(right, config),
        there,
        back,
    }
}

/// One connection, and the test in the place of the other side.
pub(crate) struct Played<Tx: ?Sized, Rx> {
    pub(crate) connection: Connection<Tx, Rx, End>,
    /// What the test says, and what the connection says.
    pub(crate) to: Tap,
    pub(crate) from: Tap,
}

/// Opens a connection whose other side the test plays, byte by byte.
pub(crate) fn played<Tx: ?Sized, Rx>(config: Config) -> Played<Tx, Rx> {
    let (near, from, to) = one_end(usize::MAX);
    Played {
        connection: Connection::with_config(near, config),
        to,
        from,
    }
}

/// What a well-behaved other side would write.
pub(crate) struct Script(Outbox);

impl Script {
    pub(crate) fn new() -> Self {
        Self::with_hello(&Hello::new())
    }

    pub(crate) fn with_hello(hello: &Hello) -> Self {
        // A peer with limits of its own, that are larger than those of the side under test.
        let limits = Limits::new()
            .with_max_message(u32::MAX as usize)
            .with_max_items(u32::MAX);
        let mut outbox = Outbox::new(limits, Encoding::Named);
        outbox.push_hello(hello);
        Self(outbox)
    }

    pub(crate) fn message(mut self, message: impl serde::Serialize) -> Self {
        self.0.push(&message).unwrap();
        self
    }

    pub(crate) fn taken(mut self, count: u64) -> Self {
        self.0.push_taken(count);
        self
    }

    pub(crate) fn goodbye(mut self) -> Self {
        self.0.push_goodbye(0).unwrap();
        self
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.take(&mut bytes);
        bytes
    }
}

/// One frame, whatever is in it.
pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap();
    [&length.to_be_bytes(), &[kind][..], body].concat()
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

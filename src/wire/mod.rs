//! The wire: bytes in, bytes out, and nothing else. No I/O, no clock, no lock, no runtime.

mod agreement;
mod buffer;
mod control;
mod envelope;
mod frame;
mod hello;
mod inbox;
mod limits;
mod msgpack;
mod order;
mod outbox;
mod scan;

pub use self::agreement::Agreement;
pub use self::envelope::{Body, Envelope};
pub use self::frame::{Frame, Parsed};
pub use self::hello::Hello;
pub use self::inbox::Inbox;
pub use self::limits::{Encoding, Limits};
pub use self::outbox::Outbox;

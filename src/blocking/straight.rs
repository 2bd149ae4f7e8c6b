//! Writes a message whose large bytes stay where the program has them.

use std::io;
use std::time::Instant;

use serde::Serialize;

use crate::blocking::link::Link;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{Line as _, gone};
use crate::wire::{Outline, Unwritten};

/// Writes an outlined message, if nothing else waits to leave. False if something does: then nothing is taken.
///
/// # Errors
///
/// As of a message that waits: after [`ErrorKind::Stalled`] it still leaves when there is room.
pub(super) fn send<M: Serialize + ?Sized>(
    link: &Link,
    message: &M,
    outline: &Outline,
) -> Result<bool> {
    if !link.sending(link.take_off(outline))? {
        return Ok(false);
    }
    let mut flight = Flight {
        link,
        stall: None,
        stalled: None,
        rest: Vec::new(),
        landed: false,
    };
    let written = outline.write(message, |bytes| flight.write(bytes));
    let result = match (written, flight.stalled.take()) {
        (Ok(()), None) => Ok(true),
        (Ok(()), Some(error)) => Err(error),
        (Err(Unwritten::Failed(kind)), _) => {
            link.fail_all(kind);
            Err(gone(kind))
        }
        (Err(Unwritten::Changed), _) => {
            link.abort();
            Err(Error::new(
                ErrorKind::Encode,
                "its `Serialize` does not write the same twice, and half of it has left: the connection is ended",
            ))
        }
    };
    flight.landed = true;
    drop(flight);
    link.push_out();
    link.sending(result)
}

/// The one thread that writes.
struct Flight<'a> {
    link: &'a Link,
    /// See [`Link::wait_for_room`].
    stall: Option<(Instant, u64)>,
    /// Why no more is written for now.
    stalled: Option<Error>,
    /// What is then left for others to write.
    rest: Vec<u8>,
    landed: bool,
}

impl Flight<'_> {
    fn write(&mut self, [mut head, mut bytes]: [&[u8]; 2]) -> Result<(), io::ErrorKind> {
        while head.len() + bytes.len() > 0 && self.stalled.is_none() {
            if let Some(kind) = self.link.queue().failure() {
                return Err(kind);
            }
            match self.link.stream().try_write_both(head, bytes) {
                Ok(count) => {
                    self.link.queue().wrote(count, false);
                    let of_head = count.min(head.len());
                    (head, bytes) = (&head[of_head..], &bytes[count - of_head..]);
                    if head.len() + bytes.len() == 0 {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.kind()),
            }
            match self.link.wait_for_room(self.stall, None) {
                Ok(stall) => self.stall = stall,
                Err(error) => self.stalled = Some(error),
            }
            self.link.tell_followers();
        }
        for bytes in [head, bytes] {
            if self.rest.is_empty() && !bytes.is_empty() {
                self.link.queue().lend(&mut self.rest);
            }
            self.rest.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed {
            // The message panicked, and half of it has left.
            self.link.abort();
        }
        self.link.land(std::mem::take(&mut self.rest));
    }
}

//! What frames that are good one by one can get wrong together.

use super::envelope::Envelope;
use crate::{Error, ErrorKind, Result};

/// Follows the envelopes of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    goodbye: bool,
    taken: u64,
}

impl Order {
    /// Takes note of the next envelope, or says why it cannot come here.
    #[inline]
    pub(super) fn follow(&mut self, envelope: &Envelope<'_>) -> Result<()> {
        let taken = match *envelope {
            Envelope::Message(_) if self.goodbye => {
                return fault("a message comes after the goodbye");
            }
            Envelope::Goodbye { .. } if self.goodbye => return fault("there is a second goodbye"),
            Envelope::Message(_) => return Ok(()),
            Envelope::Goodbye { taken } => taken,
            Envelope::Taken { count } => count,
            // Only Node says such things, of which there is no order to keep.
            #[cfg(feature = "node")]
            Envelope::WithHandle { .. } | Envelope::HandleAnswer { .. } => return Ok(()),
        };
        if taken < self.taken {
            return fault("the number of messages taken goes down");
        }
        self.taken = taken;
        self.goodbye |= matches!(envelope, Envelope::Goodbye { .. });
        Ok(())
    }
}

#[cold]
fn fault(what: &'static str) -> Result<()> {
    Err(Error::new(
        ErrorKind::Protocol,
        format!("read a frame: {what}"),
    ))
}

//! What the two halves of a connection share.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::{io, thread};

use serde::Serialize;
use tokio::task::coop::unconstrained;

use crate::connection::incoming::{End, Incoming};
use crate::connection::outgoing::Outgoing;
use crate::connection::quota::Permit;
use crate::connection::wakers::Wakers;
use crate::error::Result;
use crate::transport::Transport;
use crate::wire::Inbox;
use crate::{Config, trace};

/// The shared middle of a connection: the way out, the way in, and who waits for them.
pub(super) struct Link<T: Transport> {
    outgoing: Outgoing<T::WriteHalf>,
    incoming: Incoming<T::ReadHalf>,
    wakers: Arc<Wakers>,
    senders: AtomicUsize,
    aborted: AtomicBool,
    config: Config,
    /// The other side, in words for error texts.
    peer: String,
    /// The place among the clients of a listener.
    permit: Option<Permit>,
}

impl<T: Transport> Link<T> {
    /// Wraps a transport. The hello is written at once if the transport takes it without waiting, as an empty
    /// socket or pipe does; otherwise it leaves with the first message.
    pub(super) fn new(transport: T, config: Config, peer: String, permit: Option<Permit>) -> Self {
        let (read_half, write_half) = transport.into_split();
        let wakers = Arc::new(Wakers::default());
        let link = Self {
            outgoing: Outgoing::new(write_half, &config, &wakers),
            incoming: Incoming::new(read_half, &config, &wakers),
            wakers,
            senders: AtomicUsize::new(1),
            aborted: AtomicBool::new(false),
            config,
            peer,
            permit,
        };
        link.push_out();
        link
    }

    pub(super) fn outgoing(&self) -> &Outgoing<T::WriteHalf> {
        &self.outgoing
    }

    pub(super) fn incoming(&self) -> &Incoming<T::ReadHalf> {
        &self.incoming
    }

    pub(super) fn wakers(&self) -> &Wakers {
        &self.wakers
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// Encodes a message and tells the position in the stream behind it; `None` if it has to wait for room.
    pub(super) fn push<M: Serialize + ?Sized>(&self, message: &M) -> Option<Result<u64>> {
        let pushed = self.outgoing.push(message);
        pushed.map(|result| self.sending(result))
    }

    /// Writes until the transport has taken everything before `target`.
    pub(super) fn poll_flush(&self, target: u64) -> Poll<Result<()>> {
        self.outgoing
            .poll_flush(target)
            .map(|result| self.sending(result))
    }

    fn sending<V>(&self, result: Result<V>) -> Result<V> {
        result.map_err(|error| error.during(format_args!("send to {}", self.peer)))
    }

    /// Says goodbye, once: no message follows.
    pub(super) fn push_goodbye(&self) {
        self.outgoing.push_goodbye(|| self.incoming.tell_taken(0));
    }

    /// Tells the other side how many of its messages the program has taken, or has in its hands and will take.
    pub(super) fn push_taken(&self, kept: u64) {
        self.outgoing.push_taken(|| self.incoming.tell_taken(kept));
    }

    /// Notes that the other side has said hello, and the largest message that it receives.
    pub(super) fn greeted(&self, bytes: u64) {
        if let Some(permit) = &self.permit {
            permit.greeted();
        }
        self.outgoing.set_peer_limit(bytes);
    }

    /// Writes what waits as far as possible without waiting.
    pub(super) fn push_out(&self) {
        if !self.outgoing.is_idle() {
            // A failure is remembered and reported to the next sender.
            let _ = at_once(|| self.outgoing.poll_flush_all());
        }
    }

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Says goodbye when the last sender goes, unless the program is in the middle of a panic.
    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            if self.aborted.load(Ordering::Relaxed) {
                trace::debug!("no goodbye to {}: aborted", self.peer);
            } else if thread::panicking() {
                trace::debug!("no goodbye to {}: this thread panics", self.peer);
            } else {
                self.push_goodbye();
                self.push_out();
                if !self.outgoing.is_idle() {
                    // Lost, the goodbye would be taken for a crash.
                    self.outgoing.with_half(T::make_room);
                    self.push_out();
                }
            }
        }
    }

    /// Closes the transport as a crash would, under the hands of all that use it.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        self.outgoing.abort();
        self.incoming.abort();
    }

    /// Moves bytes into the receiver's inbox that have already arrived: `Pending` if there are none.
    pub(super) fn fill_now(&self, inbox: &mut Inbox) -> Poll<Result<(), End>> {
        at_once(|| {
            let filled = self
                .incoming
                .fill(inbox, |half, room| match T::try_read(half, room) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                    result => Poll::Ready(result),
                });
            match filled {
                // `try_read` may have made the transport forget whom to wake.
                Poll::Pending => self.incoming.poll_fill(inbox),
                filled => filled,
            }
        })
    }
}

/// Polls once, outside of the budget that tokio gives each task: who does not wait cannot come back for the rest.
pub(super) fn at_once<R>(mut poll: impl FnMut() -> Poll<R>) -> Poll<R> {
    let polling = pin!(unconstrained(poll_fn(|_| poll())));
    polling.poll(&mut Context::from_waker(Waker::noop()))
}

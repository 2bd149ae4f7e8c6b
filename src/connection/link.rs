//! What the two halves of a connection share.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use tokio::task::coop::unconstrained;

use crate::Config;
use crate::connection::incoming::Incoming;
use crate::connection::outgoing::Outgoing;
use crate::connection::wakers::Wakers;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{End, Line, Permit, Pushed, Queue, Taken};
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::transport::Transport;
use crate::wire::{Inbox, Outline};

/// The shared middle of a connection: the way out, the way in, and who waits for them.
pub(super) struct Link<T: Transport> {
    outgoing: Outgoing<T::WriteHalf>,
    incoming: Incoming<T::ReadHalf>,
    wakers: Arc<Wakers>,
    senders: AtomicUsize,
    /// The task that sent last, by the address of its waker's data.
    last_sender: AtomicUsize,
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
            last_sender: AtomicUsize::new(0),
            aborted: AtomicBool::new(false),
            config,
            peer,
            permit,
        };
        link.push_out();
        link
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

    /// Writes until the transport has taken everything before `target`.
    pub(super) fn poll_flush(&self, target: u64) -> Poll<Result<()>> {
        let flushed = self.outgoing.poll_flush(target);
        if flushed.is_ready() {
            self.end_after_goodbye();
        }
        flushed.map(|result| self.sending(result))
    }

    /// Takes a message: large bytes of it are written from where they are as far as there is room, and everything else
    /// waits to leave. Tells the position in the stream behind it; `None` if it has to wait for room.
    pub(super) fn take<M: Serialize + ?Sized>(&self, message: &M) -> Option<Result<u64>> {
        let outline = match self.queue().push_or_outline(message)? {
            Ok(Pushed::Encoded(end)) => return Some(Ok(end)),
            Ok(Pushed::Outlined(outline)) => outline,
            Err(error) => return Some(self.sending(Err(error))),
        };
        match self.write_outlined(message, &outline) {
            Ok(Some(end)) => Some(Ok(end)),
            Ok(None) => self.push(message),
            Err(error) => Some(self.sending(Err(error))),
        }
    }

    #[inline(never)]
    fn write_outlined<M: Serialize + ?Sized>(
        &self,
        message: &M,
        outline: &Outline,
    ) -> Result<Option<u64>> {
        let _torn = Torn(self);
        self.outgoing.take_outlined(message, outline)
    }

    /// Ends the stream if that is how goodbye is said here, and nothing is left to be said before.
    fn end_after_goodbye(&self) {
        if self.queue().take_end() && self.outgoing.with_half(T::end) == Some(false) {
            // Only both directions at once can be closed. What has arrived by now is not lost.
            self.incoming.close(T::try_read);
            self.outgoing.close();
        }
    }

    /// Whether the last message was of another task, which may have more.
    pub(super) fn takes_turns(&self, waker: &Waker) -> bool {
        let this = waker.data().addr();
        let last = self.last_sender.load(Ordering::Relaxed);
        if last != this {
            self.last_sender.store(this, Ordering::Relaxed);
        }
        last != this && ![last, this].contains(&NOBODY)
    }

    pub(super) fn add_sender(&self) {
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Says goodbye when the last sender goes.
    pub(super) fn remove_sender(&self) {
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.leave(self.aborted.load(Ordering::Relaxed));
        }
    }

    /// Lets every send fail from here on.
    pub(super) fn hang_up(&self) {
        self.outgoing.hang_up();
    }

    /// Closes the transport as a crash would, under the hands of all that use it.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        self.outgoing.abort();
        self.incoming.abort();
    }

    /// Why the other side has closed the connection, if that stands in its hello, which nobody has read yet.
    #[cold]
    fn misfit(&self) -> Option<Error> {
        let hello = match self.config.format.is_polite() {
            true => self.incoming.hello(T::try_read)?,
            false => return None,
        };
        self.config.hello().agree(&hello).err()
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

#[cfg(feature = "node")]
impl<T: Transport> Link<T> {
    pub(super) fn outgoing(&self) -> &Outgoing<T::WriteHalf> {
        &self.outgoing
    }
}

impl<T: Transport> Line for Link<T> {
    fn peer(&self) -> &str {
        &self.peer
    }

    fn queue(&self) -> &Queue {
        self.outgoing.queue()
    }

    fn taken(&self) -> &Taken {
        self.incoming.taken()
    }

    fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// Whoever was not let in hears why, also if it sends before it receives.
    fn sending<V>(&self, result: Result<V>) -> Result<V> {
        result.map_err(|error| {
            let error = match error.kind() {
                ErrorKind::Disconnected => self.misfit().unwrap_or(error),
                _ => error,
            };
            error.during(format_args!("send to {}", self.peer))
        })
    }

    fn push_out(&self) {
        if !self.is_idle() {
            // A failure is remembered and reported to the next sender.
            let _ = at_once(|| self.outgoing.poll_flush_all());
        }
        self.end_after_goodbye();
    }

    #[cfg(feature = "node")]
    fn take_handle(&self) -> Option<offspring_platform::Handle> {
        self.incoming.take_handle()
    }

    fn make_room(&self) {
        self.outgoing.with_half(T::make_room);
    }
}

/// Ends the connection in both directions if half of a message has left and the rest is not to be had.
struct Torn<'a, T: Transport>(&'a Link<T>);

impl<T: Transport> Drop for Torn<'_, T> {
    fn drop(&mut self) {
        if self.0.queue().failure() == Some(io::ErrorKind::ConnectionAborted) {
            self.0.abort();
        }
    }
}

/// Polls once, outside of the budget that tokio gives each task: who does not wait cannot come back for the rest.
pub(crate) fn at_once<R>(mut poll: impl FnMut() -> Poll<R>) -> Poll<R> {
    let polling = pin!(unconstrained(poll_fn(|_| poll())));
    polling.poll(&mut Context::from_waker(Waker::noop()))
}

/// No task. Of wakers that wake nobody the data is null, too.
const NOBODY: usize = 0;

//! The way out of a connection: what waits to leave, and who writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use serde::Serialize;
use tokio::io::AsyncWrite;

use crate::Config;
use crate::connection::wakers::Wakers;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{Encoder, Queue, gone, lock};
use crate::sync::{Mutex, MutexGuard};
use crate::wire::{Outline, Unwritten};

/// What leaves, of all senders of a connection.
///
/// No lock is held across an `await`: a task that is not polled any more cannot hold up the others. Lock order:
/// `writer` before that of the queue.
pub(super) struct Outgoing<W> {
    queue: Queue,
    writer: Mutex<Writer<W>>,
    /// Who holds `writer` while a message writes itself.
    encoder: Encoder,
    wakers: Arc<Wakers>,
    /// `wakers`, as the transport sees it.
    waker: Waker,
}

struct Writer<W> {
    /// `None` after an abort.
    half: Option<W>,
    batch: Vec<u8>,
    /// How much of `batch` is written.
    position: usize,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(super) fn new(half: W, config: &Config, wakers: &Arc<Wakers>) -> Self {
        Self {
            queue: Queue::new(config),
            writer: Mutex::new(Writer {
                half: Some(half),
                batch: Vec::new(),
                position: 0,
            }),
            encoder: Encoder::default(),
            wakers: Arc::clone(wakers),
            waker: Waker::from(Arc::clone(wakers)),
        }
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Writes what waits as far as possible without waiting.
    pub(super) fn poll_flush_all(&self) -> Poll<Result<()>> {
        self.poll_flush(self.queue.encoded())
    }

    /// Writes until the transport has taken everything before `target`.
    ///
    /// Whoever comes here writes for all: everything encoded so far goes out in one batch.
    pub(super) fn poll_flush(&self, target: u64) -> Poll<Result<()>> {
        if self.queue.has_left(target) {
            return Poll::Ready(Ok(()));
        }
        let before = self.queue.written();
        let polled = self.poll_write(target);
        let written = self.queue.written();
        match polled {
            Poll::Ready(Err(kind)) => {
                self.wakers.wake_all();
                return Poll::Ready(Err(gone(kind)));
            }
            Poll::Ready(Ok(())) => self.hand_over(written),
            Poll::Pending if written > before => self.wakers.wake_written(written),
            Poll::Pending => {}
        }
        polled.map(|_| Ok(()))
    }

    /// Leaves the writing to whoever else needs it. The transport had room at last, so it will not tell them.
    fn hand_over(&self, written: u64) {
        if self.queue.is_idle() {
            self.wakers.wake_written(written);
        } else {
            self.wakers.wake_senders();
        }
        if self.queue.is_closed() {
            // Who closes waits as a receiver until all has left.
            self.wakers.wake_receiver();
        }
    }

    fn poll_write(&self, target: u64) -> Poll<Result<(), io::ErrorKind>> {
        let mut guard = self.writer();
        // Another one may have written this far and met a failure only behind it.
        if self.queue.has_left(target) {
            return Poll::Ready(Ok(()));
        }
        if let Some(kind) = self.queue.failure() {
            return Poll::Ready(Err(kind));
        }
        let mut cx = Context::from_waker(&self.waker);
        let written = ready!(self.poll_write_batches(&mut guard, target, &mut cx));
        Poll::Ready(written.map_err(|error| {
            self.fail(&mut guard, error.kind());
            error.kind()
        }))
    }

    fn poll_write_batches(
        &self,
        writer: &mut Writer<W>,
        target: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(half) = &mut writer.half else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        while !self.queue.has_left(target) {
            if self.queue.is_unflushed() {
                // Costs nothing on `Local`, where it does nothing; other transports may buffer.
                ready!(Pin::new(&mut *half).poll_flush(cx))?;
                self.queue.flushed();
            } else if writer.position < writer.batch.len() {
                let rest = &writer.batch[writer.position..];
                let count = match ready!(Pin::new(&mut *half).poll_write(cx, rest)) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Poll::Ready(Err(error)),
                };
                writer.position += count;
                self.queue.wrote(count, true);
            } else {
                writer.batch.clear();
                writer.position = 0;
                self.queue.take(&mut writer.batch);
                if writer.batch.is_empty() {
                    break;
                }
            }
        }
        if writer.position == writer.batch.len() {
            writer.position = 0;
            writer.batch.clear();
            self.queue.give_back(&mut writer.batch);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes an outlined message: writes what there is room for from where the program has it, and copies the rest. Tells
    /// the position in the stream behind it; `None` if something else has to leave before.
    ///
    /// This does not wait, for whoever waits may be dropped, or never be polled again.
    pub(super) fn take_outlined<M: Serialize + ?Sized>(
        &self,
        message: &M,
        outline: &Outline,
    ) -> Result<Option<u64>> {
        let mut guard = self.writer();
        let Some(end) = self.queue.take_outlined(outline)? else {
            return Ok(None);
        };
        guard.batch.clear();
        guard.position = 0;
        let mut flight = Flight {
            outgoing: self,
            writer: guard,
            left: outline.len(),
            full: false,
            landed: false,
        };
        let encoding = self.encoder.begin();
        let written = outline.write(message, |bytes| flight.write(bytes));
        drop(encoding);
        flight.landed = true;
        let error = match written {
            Ok(()) => return Ok(Some(end)),
            Err(Unwritten::Failed(kind)) => {
                self.fail(&mut flight.writer, kind);
                gone(kind)
            }
            Err(Unwritten::Changed) => {
                flight.landed = false;
                Error::new(
                    ErrorKind::Encode,
                    "its `Serialize` does not write the same twice, and half of it has left: the connection is ended",
                )
            }
        };
        drop(flight);
        self.wakers.wake_all();
        Err(error)
    }

    /// # Panics
    ///
    /// If this thread has locked it already: see [`Queue`]. To wait for oneself would do more harm.
    fn writer(&self) -> MutexGuard<'_, Writer<W>> {
        self.encoder.is_another();
        lock(&self.writer)
    }

    /// Remembers that nothing leaves any more. Bytes that can never leave need no memory.
    fn fail(&self, writer: &mut Writer<W>, kind: io::ErrorKind) {
        self.queue.fail(kind);
        writer.batch = Vec::new();
        writer.position = 0;
    }

    /// Takes nothing more, for the other side is known to be gone.
    pub(super) fn hang_up(&self) {
        if self.queue.failure().is_none() {
            self.fail(&mut self.writer(), io::ErrorKind::BrokenPipe);
            self.wakers.wake_all();
        }
    }

    /// Changes the transport.
    pub(super) fn with_half<R>(&self, change: impl FnOnce(&mut W) -> R) -> Option<R> {
        self.writer().half.as_mut().map(change)
    }

    /// Lets go of the transport, to which nothing more is written.
    pub(super) fn close(&self) {
        let half = self.writer().half.take();
        drop(half);
    }

    /// Closes this direction in the middle of whatever is under way.
    pub(super) fn abort(&self) {
        let mut guard = self.writer();
        self.fail(&mut guard, io::ErrorKind::ConnectionAborted);
        let half = guard.half.take();
        drop(guard);
        drop(half);
        self.wakers.wake_all();
    }
}

/// A message that is being written from where the program has it.
struct Flight<'a, W: AsyncWrite + Unpin> {
    outgoing: &'a Outgoing<W>,
    writer: MutexGuard<'a, Writer<W>>,
    /// How many bytes of it are neither written nor copied.
    left: u64,
    /// There is no room for now.
    full: bool,
    landed: bool,
}

impl<W: AsyncWrite + Unpin> Flight<'_, W> {
    fn write(&mut self, [mut head, mut bytes]: [&[u8]; 2]) -> Result<(), io::ErrorKind> {
        let mut cx = Context::from_waker(&self.outgoing.waker);
        let writer = &mut *self.writer;
        while !self.full && head.len() + bytes.len() > 0 {
            let Some(half) = &mut writer.half else {
                return Err(io::ErrorKind::ConnectionAborted);
            };
            let half = Pin::new(half);
            let polled = match (head, bytes) {
                (bytes, []) | ([], bytes) => half.poll_write(&mut cx, bytes),
                _ => {
                    let both = [IoSlice::new(head), IoSlice::new(bytes)];
                    half.poll_write_vectored(&mut cx, &both)
                }
            };
            match polled {
                Poll::Pending => self.full = true,
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero),
                Poll::Ready(Ok(count)) => {
                    self.outgoing.queue.wrote(count, true);
                    self.left -= count as u64;
                    let of_head = count.min(head.len());
                    (head, bytes) = (&head[of_head..], &bytes[count - of_head..]);
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error.kind()),
            }
        }
        if self.full {
            if writer.batch.is_empty() {
                self.outgoing.queue.lend(&mut writer.batch);
                // All of it is in memory already, so its size is a `usize`.
                writer.batch.reserve_exact(self.left as usize);
            }
            for bytes in [head, bytes] {
                writer.batch.extend_from_slice(bytes);
                self.left -= bytes.len() as u64;
            }
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin> Drop for Flight<'_, W> {
    fn drop(&mut self) {
        if !self.landed {
            // Half of the message has left, and the rest is not to be had: nothing may follow.
            self.outgoing
                .fail(&mut self.writer, io::ErrorKind::ConnectionAborted);
            self.writer.half = None;
        }
    }
}

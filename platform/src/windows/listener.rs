//! The server side of a name.

use std::io;
use std::os::windows::io::AsRawHandle;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_NO_DATA, ERROR_PIPE_CONNECTED};

use super::overlapped::{Action, Operation, Outcome, Port};
use super::owner::{Owner, is_taken};
use super::stream::{Stream, jitter};
use super::{address, pipe, security};
use crate::error::context;
use crate::{Name, trace};

/// Keeps several instances of the pipe waiting, so that clients which come together find one each, and so that there
/// is no moment without any, in which the name would be free for somebody else.
pub(crate) struct Listener {
    // Closed before the ownership, so that the next owner finds nothing that still listens.
    waiting: Vec<Waiting>,
    owner: Owner,
}

impl Listener {
    pub(crate) fn bind(name: &Name) -> io::Result<Self> {
        Self::take(name).map_err(|error| context(error, format!("bind {:?}", name.to_string())))
    }

    fn take(name: &Name) -> io::Result<Self> {
        let owner = Owner::claim(address(name)?)?;
        let first = Waiting::new(Port::new(owner.create_first()?)?);
        let mut listener = Self {
            waiting: vec![first],
            owner,
        };
        // With one instance it listens; `accept` makes those that cannot be made now.
        let _ = listener.fill();
        Ok(listener)
    }

    pub(crate) async fn accept(&mut self) -> io::Result<Stream> {
        loop {
            tokio::task::consume_budget().await;
            let filled = self.fill();
            let none = self.waiting.is_empty();
            let next = std::future::poll_fn(|cx| self.poll_next(cx));
            let next = match filled {
                Ok(()) => next.await,
                Err(error) if none && is_taken(&error) => return Err(error),
                // Out of memory or handles: those that wait still do, and the missing ones are
                // tried again later.
                Err(_) => match tokio::time::timeout(jitter(PAUSE), next).await {
                    Ok(next) => next,
                    Err(_) => continue,
                },
            };
            match next {
                Some(port) => {
                    // The next client's place, before this client is served.
                    let _ = self.fill();
                    if let Some(stream) = admit(port) {
                        return Ok(stream);
                    }
                }
                None => tokio::time::sleep(jitter(PAUSE)).await,
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        while self.waiting.len() < BACKLOG {
            let port = Port::new(self.owner.create_further()?)?;
            self.waiting.push(Waiting::new(port));
        }
        Ok(())
    }

    /// The next instance with a client; `None` if the system gave one up, for a reason that is not the client's.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Port>>> {
        for index in 0..self.waiting.len() {
            let Poll::Ready(outcome) = self.waiting[index].poll(cx.waker()) else {
                continue;
            };
            let instance = self.waiting.swap_remove(index);
            let port = match outcome {
                // A client has come; or had come before we asked; or had gone again.
                Ok(_) | Err(ERROR_PIPE_CONNECTED | ERROR_NO_DATA) => Some(instance.into_port()),
                Err(_) => None,
            };
            return Poll::Ready(port);
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// An instance of the pipe without a client.
struct Waiting {
    connect: Operation,
    /// If there was nothing to wait for.
    early: Option<Outcome>,
}

impl Waiting {
    fn new(port: Arc<Port>) -> Self {
        let mut connect = Operation::new(port, Action::Connect);
        let early = match connect.start(Waker::noop()) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        };
        Self { connect, early }
    }

    fn poll(&mut self, waker: &Waker) -> Poll<Outcome> {
        if let Some(outcome) = self.early {
            return Poll::Ready(outcome);
        }
        // Once it is ready it is not asked again, so there is always an operation.
        self.connect
            .poll(waker)
            .map(|outcome| outcome.unwrap_or(Ok(0)))
    }

    fn into_port(self) -> Arc<Port> {
        Arc::clone(self.connect.port())
    }
}

/// `None`, and closed, if the client has gone without a word or is not of this user.
fn admit(port: Arc<Port>) -> Option<Stream> {
    pipe::arrived(port.pipe()).ok()?;
    if let Err(error) = security::check_client(port.pipe()) {
        trace::warn!("refused a client: {error}");
        return None;
    }
    let peer = pipe::client_pid(port.pipe().as_raw_handle()).ok();
    Some(Stream::new(port, peer))
}

/// How many clients can come between two calls of `accept` before one has to try again.
const BACKLOG: usize = 16;

/// How long to wait before asking again for what the system has refused.
const PAUSE: Duration = Duration::from_millis(100);

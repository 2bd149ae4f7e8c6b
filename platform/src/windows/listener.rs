//! The server side of a name.

use std::io;
use std::os::windows::io::AsRawHandle;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_NO_DATA, ERROR_PIPE_CONNECTED};

#[cfg(feature = "tokio")]
use super::connecting::jitter;
use super::overlapped::{Action, Operation, Outcome, Port};
use super::owner::{Owner, is_taken};
use super::{address, pipe, security};
use crate::error::context;
use crate::{Name, trace};

#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(crate) struct Listener(Instances);

#[cfg(feature = "tokio")]
impl Listener {
    pub(crate) fn bind(name: &Name) -> io::Result<Self> {
        Instances::bind(name).map(Self)
    }

    pub(crate) async fn accept(&mut self) -> io::Result<super::Stream> {
        let Self(instances) = self;
        loop {
            tokio::task::consume_budget().await;
            let filled = instances.fill_or_fail()?;
            let next = std::future::poll_fn(|cx| instances.poll_next(cx.waker()));
            let next = match filled {
                true => next.await,
                false => match tokio::time::timeout(jitter(PAUSE), next).await {
                    Ok(next) => next,
                    Err(_) => continue,
                },
            };
            match next {
                Some(port) => {
                    if let Some((port, peer)) = instances.admit(port) {
                        return Ok(super::Stream::new(port, peer));
                    }
                }
                None => tokio::time::sleep(jitter(PAUSE)).await,
            }
        }
    }
}

/// Keeps several instances of the pipe waiting, so that clients which come together find one each, and so that there
/// is no moment without any, in which the name would be free for somebody else.
pub(super) struct Instances {
    // Closed before the ownership, so that the next owner finds nothing that still listens.
    waiting: Vec<Waiting>,
    owner: Owner,
}

impl Instances {
    pub(super) fn bind(name: &Name) -> io::Result<Self> {
        Self::take(name).map_err(|error| context(error, format!("bind {:?}", name.to_string())))
    }

    fn take(name: &Name) -> io::Result<Self> {
        let owner = Owner::claim(address(name)?)?;
        let first = Waiting::new(Port::new(owner.create_first()?)?);
        let mut instances = Self {
            waiting: vec![first],
            owner,
        };
        // With one instance it listens; `accept` makes those that cannot be made now.
        let _ = instances.fill();
        Ok(instances)
    }

    /// Makes the instances that are missing. `false` if the system is out of memory or handles: those that wait still do,
    /// and the missing ones are to be tried again after a [`PAUSE`].
    pub(super) fn fill_or_fail(&mut self) -> io::Result<bool> {
        match self.fill() {
            Ok(()) => Ok(true),
            Err(error) if self.waiting.is_empty() && is_taken(&error) => Err(error),
            Err(_) => Ok(false),
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
    pub(super) fn poll_next(&mut self, waker: &Waker) -> Poll<Option<Arc<Port>>> {
        for index in 0..self.waiting.len() {
            let Poll::Ready(outcome) = self.waiting[index].poll(waker) else {
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

    /// The client and its process; `None`, and closed, if it has gone without a word or is not of this user.
    pub(super) fn admit(&mut self, port: Arc<Port>) -> Option<(Arc<Port>, Option<u32>)> {
        // The next client's place, before this client is served.
        let _ = self.fill();
        pipe::arrived(port.pipe()).ok()?;
        if let Err(error) = security::check_client(port.pipe()) {
            trace::warn!("refused a client: {error}");
            return None;
        }
        let peer = pipe::client_pid(port.pipe().as_raw_handle()).ok();
        Some((port, peer))
    }
}

impl std::fmt::Debug for Instances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instances")
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

/// How many clients can come between two calls of `accept` before one has to try again.
const BACKLOG: usize = 16;

/// How long to wait before asking again for what the system has refused.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

//! [`Offer`]: an open socket on its way to Node.js, and what the answers to it mean.

use std::sync::Arc;
use std::time::Duration;

use offspring_platform::{self as platform, SocketKind};

use super::Line;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::wire::node::HandleKind;

/// An open socket that is sent beside a message until the other side has it.
pub(crate) struct Offer {
    pub(crate) kind: HandleKind,
    fd: Arc<platform::Handle>,
    /// How often it may still be sent.
    tries: u32,
}

impl Offer {
    pub(crate) fn new(line: &impl Line, handle: Handle) -> Result<Self> {
        let prepared = handle.prepared();
        let (kind, fd) = prepared.map_err(|error| Error::io(sending(line), error))?;
        let kind = match kind {
            SocketKind::TcpListener | SocketKind::UnixListener => HandleKind::Server,
            SocketKind::TcpStream | SocketKind::UnixStream => HandleKind::Socket,
            SocketKind::Udp4 if platform::NODE_TAKES_DATAGRAMS => HandleKind::Udp4,
            SocketKind::Udp6 if platform::NODE_TAKES_DATAGRAMS => HandleKind::Udp6,
            _ => {
                let text = format!("{}: it is no socket that Node knows", sending(line));
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        };
        Ok(Self {
            kind,
            fd: Arc::new(fd),
            tries: if kind == HandleKind::Socket { TRIES } else { 1 },
        })
    }

    /// The copy that travels.
    pub(crate) fn copy(&self) -> Result<platform::Handle> {
        let copy = self.fd.try_clone();
        copy.map_err(|error| Error::io("copy a socket", error))
    }

    /// To be kept until there is an answer.
    pub(crate) fn kept(&self) -> Arc<platform::Handle> {
        Arc::clone(&self.fd)
    }

    /// Whether the answer is the last word; if not, it is to be sent once more.
    pub(crate) fn answered(&mut self, line: &impl Line, arrived: bool) -> Result<bool> {
        self.tries -= u32::from(!arrived);
        if !arrived && self.tries == 0 {
            let text = format!("{}: the socket was lost on the way", sending(line));
            return Err(Error::new(ErrorKind::Io, text));
        }
        Ok(arrived)
    }
}

/// The error of a socket to which there was no answer in time.
#[cold]
pub(crate) fn unanswered(line: &impl Line) -> Error {
    let text = format!("{}: it does not say whether it has come", sending(line));
    Error::new(ErrorKind::Timeout, text)
}

fn sending(line: &impl Line) -> String {
    format!("send a socket to {}", line.peer())
}

/// How often a connection is sent before it is given up; Node does the same.
const TRIES: u32 = 4;

/// How long the answer may take of a Node that still has to load its script.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

//! How a client reaches a server.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::{SocketAddrUnix, connect};

use super::channel::may_be_busy;
use super::descriptor::{retry, socket};
use super::error::context;
use super::{address, peer};
use crate::Name;

/// One client's attempts to reach a server, whose queue may be full for a while.
///
/// Each needs one call and does not wait, so no runtime is asked. Not interprocess's connect: that one takes EAGAIN,
/// which on Linux means that the queue is full, for EINPROGRESS, and hands out a socket that is connected to nobody.
pub(super) struct Attempts<'a> {
    name: &'a Name,
    address: SocketAddrUnix,
    begin: Instant,
    deadline: Instant,
    pause: Duration,
}

pub(super) enum Attempt {
    /// With a server of this user; its process id, if the system tells it.
    Connected(OwnedFd, Option<u32>),
    /// It is busy: try again after that time.
    Busy(Duration),
}

impl<'a> Attempts<'a> {
    pub(super) fn new(name: &'a Name, deadline: Instant) -> io::Result<Self> {
        Ok(Self {
            name,
            address: SocketAddrUnix::new(&address(name)?)?,
            begin: Instant::now(),
            deadline,
            pause: Duration::from_millis(1),
        })
    }

    pub(super) fn next(&mut self) -> io::Result<Attempt> {
        // A new one each time: POSIX does not say what one is good for after a failure.
        let socket = socket()?;
        if let Err(error) = retry(|| connect(&socket, &self.address)) {
            return self.pause(error.into()).map(Attempt::Busy);
        }
        let peer_pid = peer::same_user(&socket).map_err(|error| {
            context(error, format!("{}: the server is not ours", self.quoted()))
        })?;
        Ok(Attempt::Connected(socket, peer_pid))
    }

    fn pause(&mut self, error: io::Error) -> io::Result<Duration> {
        if !may_be_busy(&error, self.begin) {
            let text = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    format!("{}: nobody is listening", self.quoted())
                }
                _ => self.quoted(),
            };
            return Err(context(error, text));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let text = format!("{}: the server did not answer in time", self.quoted());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        // Of many that wait, not all should come back at the same moment.
        let jitter = f64::from(crate::name::random()?[0]) / 255.0;
        let pause = self.pause.mul_f64(0.5 + jitter).min(left);
        self.pause = (self.pause * 2).min(Duration::from_millis(50));
        Ok(pause)
    }

    fn quoted(&self) -> String {
        format!("connect to {:?}", self.name.to_string())
    }
}

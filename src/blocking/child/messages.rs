//! The messages of a [`Child`]: what its connection does, and the end of it when the process has ended.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Child;
use crate::blocking::receiver::Got;
use crate::blocking::{Sender, deadline};
use crate::error::{ErrorKind, Result};
use crate::wire::Body;

impl<Tx: ?Sized, Rx> Child<Tx, Rx> {
    /// Another [`Sender`] to the child, for other threads.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(child: &offspring::blocking::Child<str, String>) {
    /// let jobs = child.sender();
    /// std::thread::spawn(move || jobs.send("one more"));
    /// # }
    /// ```
    pub fn sender(&self) -> Sender<Tx> {
        self.connection.sender()
    }

    /// Waits until everything that was fed has been taken by the operating system. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// As [`Sender::flush`].
    ///
    /// # Examples
    ///
    /// See [`Sender::flush`].
    pub fn flush(&self) -> Result<()> {
        self.connection.flush()
    }

    /// The version of the application's protocol in use. See [`Connection::protocol_version`](crate::blocking::Connection::protocol_version).
    ///
    /// # Examples
    ///
    /// See [`Connection::protocol_version`](crate::blocking::Connection::protocol_version).
    pub fn protocol_version(&self) -> Option<u32> {
        self.connection.protocol_version()
    }

    /// Says goodbye: no message to the child follows. This side can go on receiving.
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub fn disconnect(&self) {
        self.connection.disconnect();
    }

    /// Says goodbye and waits until the child's program has taken every message. See [`Connection::close`](crate::blocking::Connection::close).
    ///
    /// # Errors
    ///
    /// As [`Connection::close`](crate::blocking::Connection::close). If the child ends before it has taken everything this is [`ErrorKind::Disconnected`],
    /// even if a grandchild still holds the connection open.
    ///
    /// # Examples
    ///
    /// See [`Connection::close`](crate::blocking::Connection::close).
    pub fn close(&mut self) -> Result<()> {
        self.connection.close_unless(Some(self.process.platform()))
    }

    /// Receives one message without copying it. See [`Receiver::recv_with`](crate::blocking::Receiver::recv_with).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), except that the message is decoded by `read`.
    ///
    /// # Examples
    ///
    /// See [`Receiver::recv_with`](crate::blocking::Receiver::recv_with).
    pub fn recv_with<R>(&mut self, read: impl FnOnce(Body<'_>) -> R) -> Result<Option<R>> {
        let got = self.wait_with(read, None);
        let received = got.and_then(|got| match got {
            Got::Message(value) => Ok(Some(value)),
            Got::End => Ok(None),
            Got::Exited | Got::TimedOut => Err(self.connection.receiver().ended()),
        });
        received.map_err(|error| self.explain(error))
    }

    fn wait_with<R>(
        &mut self,
        read: impl FnOnce(Body<'_>) -> R,
        until: Option<Instant>,
    ) -> Result<Got<R>> {
        if let Some(exit) = self.exit_if_due() {
            return self.take_at_last(exit, &mut Some(read));
        }
        let receiver = self.connection.receiver();
        let got = receiver.wait_with(read, Some(self.process.platform()), until);
        if let Ok(Got::Exited) = got {
            // Messages first, even if the system does not tell how the process ended.
            self.try_wait()?;
        }
        got
    }

    /// The exit, if it is known, or if it is time to look for it although messages come.
    fn exit_if_due(&mut self) -> Option<Result<ExitStatus>> {
        match self.looks.is_due(self.process.0.status()) {
            true => self.try_wait().transpose(),
            false => None,
        }
    }

    /// Messages first, even if the system does not tell how the process ended.
    fn take_at_last<R>(
        &mut self,
        exit: Result<ExitStatus>,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Result<Got<R>> {
        match (self.connection.receiver().take_at_last(read)?, exit) {
            (Got::Exited, Err(error)) => Err(error),
            (last, _) => Ok(last),
        }
    }
}

impl<Tx: Serialize + ?Sized, Rx> Child<Tx, Rx> {
    /// Sends one message to the child. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub fn send(&self, message: &Tx) -> Result<()> {
        self.connection.send(message)
    }

    /// Sends one message, and waits for room no longer than that. See [`Sender::send_timeout`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send_timeout`].
    ///
    /// # Examples
    ///
    /// See [`Sender::send_timeout`].
    pub fn send_timeout(&self, message: &Tx, timeout: Duration) -> Result<()> {
        self.connection.send_timeout(message, timeout)
    }

    /// Encodes one message without writing it. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// As [`Sender::feed`].
    ///
    /// # Examples
    ///
    /// See [`Sender::flush`].
    pub fn feed(&self, message: &Tx) -> Result<()> {
        self.connection.feed(message)
    }

    /// Sends one message if that needs no waiting. See [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::try_send`].
    ///
    /// # Examples
    ///
    /// See [`Sender::try_send`].
    pub fn try_send(&self, message: &Tx) -> Result<()> {
        self.connection.try_send(message)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Child<Tx, Rx> {
    /// Receives the child's next message; `Ok(None)` after its goodbye.
    ///
    /// When the process has ended, this gives everything that it had sent and then ends at once. A grandchild that holds
    /// the channel open cannot delay that, even if it writes without a pause: of what it writes, only that is read which
    /// lies in the channel when the end of the child is seen, or comes along with it. The stream may then end within a
    /// message of the grandchild, which is [`ErrorKind::Truncated`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`](crate::blocking::Receiver::recv). The text of a connection that broke tells how the process
    /// ended.
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub fn recv(&mut self) -> Result<Option<Rx>> {
        let received = self.receive(None);
        received.map_err(|error| self.explain(error))
    }

    /// Receives the child's next message, and waits for it no longer than that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Empty`] if none came in time; otherwise as [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// See [`Receiver::recv_timeout`](crate::blocking::Receiver::recv_timeout).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Rx>> {
        let received = self.receive(deadline(timeout));
        received.map_err(|error| self.explain(error))
    }

    pub(super) fn receive(&mut self, until: Option<Instant>) -> Result<Option<Rx>> {
        let got = self.wait_with(|body| body.decode(), until)?;
        self.connection.receiver().decoded(got)
    }

    /// Receives a message that is already there. See [`Receiver::try_recv`](crate::blocking::Receiver::try_recv).
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`](crate::blocking::Receiver::try_recv).
    ///
    /// # Examples
    ///
    /// See [`Receiver::try_recv`](crate::blocking::Receiver::try_recv).
    pub fn try_recv(&mut self) -> Result<Option<Rx>> {
        let exit = match self.exit_if_due() {
            Some(exit) => exit,
            None => {
                let empty = match self.connection.try_recv() {
                    Err(error) if error.kind() == ErrorKind::Empty => error,
                    answer => return answer,
                };
                // A grandchild may hold the channel open, which must not hide the end from who only polls.
                let Some(exit) = self.try_wait().transpose() else {
                    return Err(empty);
                };
                exit
            }
        };
        let last = self.take_at_last(exit, &mut Some(|body: Body<'_>| body.decode()))?;
        self.connection.receiver().decoded(last)
    }
}

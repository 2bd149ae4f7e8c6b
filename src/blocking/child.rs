//! [`Child`]: the parent's handle on a child.

mod messages;

use std::fmt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use offspring_platform as platform;
use serde::de::DeserializeOwned;

use crate::blocking::receiver::Got;
use crate::blocking::{Connection, Process, deadline};
use crate::error::{Error, Result};
use crate::life::{
    EXIT_FOLLOWS, Event, Looks, STDERR_IS_THERE, STDERR_TAIL, Stage, may_be_exit, with_tail,
};

/// A child process and the connection to it. Made by [`Command::spawn`](crate::blocking::Command::spawn) and
/// [`fork`](crate::blocking::fork).
///
/// The same as [`Child`](crate::Child) of the async API, for threads. Messages can be sent at once; they wait until the
/// child takes them. After the process has ended, everything that it had sent can still be received, and `recv` then ends,
/// even if a grandchild still holds the connection open.
///
/// Dropping a `Child` says goodbye and lets the process finish, unless
/// [`Command::kill_on_drop`](crate::blocking::Command::kill_on_drop) was set; it is reaped when it ends.
///
/// # Examples
///
/// ```
/// use offspring::Event;
/// use offspring::blocking::{Command, Parent};
///
/// # fn main() -> offspring::Result<()> {
/// if let Some(mut parent) = Parent::<u64, u64>::attach_if_child()? {
///     while let Some(number) = parent.recv()? {
///         parent.send(&(number * number))?;
///     }
///     return parent.close();
/// }
///
/// let mut child = Command::current_exe()?.spawn::<u64, u64>()?;
/// for number in 1..=3 {
///     child.send(&number)?;
/// }
/// child.disconnect(); // there are no more numbers
///
/// let mut events = Vec::new();
/// while let Some(event) = child.event()? {
///     events.push(event);
/// }
/// assert_eq!(events[..4], [Event::Message(1), Event::Message(4), Event::Message(9), Event::Disconnect]);
/// assert!(matches!(events[4], Event::Exit(status) if status.success()));
/// # Ok(())
/// # }
/// ```
pub struct Child<Tx: ?Sized, Rx> {
    // Dropped first: a child that is to be killed then has no time to take the goodbye for a reason to end.
    process: Process,
    pub(super) connection: Connection<Tx, Rx>,
    stage: Stage,
    looks: Looks,
    /// The writing end of the child's standard input, if that is [piped](crate::Stdio::piped).
    pub stdin: Option<ChildStdin>,
    /// The reading end of the child's standard output, if that is piped.
    pub stdout: Option<ChildStdout>,
    /// The reading end of the child's standard error, if that is piped.
    pub stderr: Option<ChildStderr>,
}

impl<Tx: ?Sized, Rx> Child<Tx, Rx> {
    pub(super) fn new(connection: Connection<Tx, Rx>, process: Process) -> Self {
        let (stdin, stdout, stderr) = (None, None, None);
        Self {
            connection,
            process,
            stage: Stage::Messages,
            looks: Looks::default(),
            stdin,
            stdout,
            stderr,
        }
    }

    /// The id that the system gave the process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(child: &offspring::blocking::Child<str, String>) {
    /// println!("running as {}", child.id());
    /// # }
    /// ```
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the child has attached, and checks that both sides fit together.
    ///
    /// Not needed before sending or receiving. It tells a child that works from one that never will: if the child does
    /// not attach in time, says something else than hello, or does not fit, it is ended.
    ///
    /// # Errors
    ///
    /// As [`Child::ready`](crate::Child::ready) of the async API: [`ErrorKind::ExitedEarly`](crate::ErrorKind::ExitedEarly) at once if the child ended
    /// first; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), [`ErrorKind::Protocol`](crate::ErrorKind::Protocol), [`ErrorKind::Incompatible`](crate::ErrorKind::Incompatible). The text has the last lines of
    /// the child's standard error if that is [piped](crate::Stdio::piped).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{ErrorKind, blocking::Command};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// let program = if cfg!(windows) { "hostname" } else { "true" }; // does not attach
    /// let error = Command::new(program).spawn::<str, String>()?.ready().unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::ExitedEarly { status } if status.success()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready(&mut self) -> Result<()> {
        let receiver = self.connection.receiver();
        let ready = match receiver.wait_ready(Some(self.process.platform())) {
            Ok(true) => return Ok(()),
            Ok(false) => Err(receiver.ended()),
            Err(error) => Err(error),
        };
        ready.map_err(|error| self.failed_to_start(error))
    }

    #[cold]
    fn failed_to_start(&mut self, error: Error) -> Error {
        let early = match may_be_exit(&error) {
            // The end of the channel is often seen a moment before the end of the process.
            true => self.process.wait_timeout(EXIT_FOLLOWS).ok().flatten(),
            false => None,
        };
        let error = match early {
            Some(status) => self.process.0.ended_early(status),
            None => {
                // Not a child that could be talked to. What goes wrong here is less telling than `error`.
                let _ = self.process.kill();
                error
            }
        };
        with_tail(error, &self.stderr_tail())
    }

    /// Adds to the error of a connection that broke how the process ended, if it did.
    fn explain(&mut self, error: Error) -> Error {
        if !may_be_exit(&error) {
            return error;
        }
        match self.process.wait_timeout(EXIT_FOLLOWS) {
            Ok(Some(status)) => {
                let error = error.and_then_text(format_args!("; it ended with {status}"));
                with_tail(error, &self.stderr_tail())
            }
            _ => error,
        }
    }

    /// What the child wrote last to its standard error, as far as it is there. A grandchild may hold the other end open
    /// for ever.
    fn stderr_tail(&mut self) -> Vec<u8> {
        let until = Instant::now() + STDERR_IS_THERE;
        match &mut self.stderr {
            Some(stderr) => platform::blocking::tail(stderr, STDERR_TAIL, until),
            None => Vec::new(),
        }
    }

    /// Waits until the process has ended.
    ///
    /// Says goodbye first and closes the child's piped stdin, as std does, so that a child which works until its parent
    /// has no more to say can finish.
    ///
    /// What the child sends meanwhile is kept, up to [`Config::read_ahead`](crate::Config::read_ahead), and can be
    /// received afterwards. To a child that waits in [`Parent::close`](crate::blocking::Parent::close) it counts as taken:
    /// it cannot be lost by the end of the child any more.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    ///
    /// # Examples
    ///
    /// See [`Command`](crate::blocking::Command).
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.take_leave();
        self.exit()
    }

    /// Waits until the process has ended as [`wait`](Self::wait) does, and no longer than that; `None` if it has not.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(child: &mut offspring::blocking::Child<str, String>) -> offspring::Result<()> {
    /// use std::time::Duration;
    /// if child.wait_timeout(Duration::from_secs(1))?.is_none() {
    ///     println!("still busy");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<ExitStatus>> {
        self.take_leave();
        self.exit_until(deadline(timeout))
    }

    fn take_leave(&mut self) {
        self.disconnect();
        drop(self.stdin.take());
    }

    fn exit(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.exit_until(None)? {
                return Ok(status);
            }
        }
    }

    /// Waits for the exit, and reads aside what the child sends, for it may wait for room.
    fn exit_until(&mut self, until: Option<Instant>) -> Result<Option<ExitStatus>> {
        if self.process.0.status().is_none() {
            let receiver = self.connection.receiver();
            receiver.keep(self.process.platform(), until);
        }
        let exit = self.process.wait_until(until);
        self.note(&exit);
        exit
    }

    /// Nothing more is sent to a process that has ended: a grandchild may hold the channel open, but never reads.
    fn note(&self, exit: &Result<Option<ExitStatus>>) {
        if let Ok(Some(_)) = exit {
            self.connection.hang_up();
        }
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(child: &mut offspring::blocking::Child<str, String>) -> offspring::Result<()> {
    /// if child.try_wait()?.is_none() {
    ///     println!("still running");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let exit = self.process.try_wait();
        self.note(&exit);
        exit
    }

    /// Ends the child: says goodbye, waits for `grace`, terminates it, waits for `grace` again, kills it. If
    /// [`Command::kill_tree`](crate::blocking::Command::kill_tree) was set, what is then left of its descendants is killed
    /// too.
    ///
    /// What the child sent before it ended can still be received afterwards, as with [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// As [`Process::wait`] and [`Process::kill`].
    ///
    /// # Platform notes
    ///
    /// Windows has no request to terminate that every program understands: there the child is ended after the first
    /// `grace`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::{Command, Parent};
    /// # fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv()?; return Ok(()) }
    /// use std::time::Duration;
    ///
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// let status = child.stop(Duration::from_secs(5))?;
    /// assert!(status.success()); // this one leaves when its parent says goodbye
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop(&mut self, grace: Duration) -> Result<ExitStatus> {
        self.take_leave();
        if self.exit_until(deadline(grace))?.is_none() {
            self.process.terminate()?;
            self.exit_until(deadline(grace))?;
        }
        // If the child has ended, this is for its descendants.
        self.kill()
    }

    /// Ends the process at once, with its descendants if [`Command::kill_tree`](crate::blocking::Command::kill_tree) was
    /// set, and waits until it has ended.
    ///
    /// What the child sent before can still be received afterwards.
    ///
    /// # Errors
    ///
    /// As [`Process::kill`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::blocking::{Command, Parent};
    /// # fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv()?; return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// assert!(!child.kill()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.process.kill()
    }

    /// Takes the child apart, so that its parts can be used by different threads. Take the standard streams out first.
    ///
    /// The connection alone does not tell when the process has ended: while a grandchild holds the channel open, its
    /// `recv` goes on waiting. A send does not wait for room that nobody will make.
    ///
    /// # Examples
    ///
    /// See [`Process`].
    pub fn into_parts(self) -> (Connection<Tx, Rx>, Process) {
        (self.connection, self.process)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Child<Tx, Rx> {
    /// Waits for the next thing that happens to the child: messages, then [`Event::Disconnect`], then
    /// [`Event::Exit`], then `None`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), except that a child which ended without a goodbye is no error here: its exit status
    /// tells more. An error takes nothing away from the order of events: go on calling to get the rest.
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub fn event(&mut self) -> Result<Option<Event<Rx>>> {
        self.event_until(None)
    }

    /// Waits for the next thing that happens, and no longer than that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Empty`](crate::ErrorKind::Empty) if nothing did in time; otherwise as [`event`](Self::event).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # fn show(child: &mut offspring::blocking::Child<str, String>) -> offspring::Result<()> {
    /// let event = child.event_timeout(Duration::from_secs(1))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn event_timeout(&mut self, timeout: Duration) -> Result<Option<Event<Rx>>> {
        self.event_until(deadline(timeout))
    }

    fn event_until(&mut self, until: Option<Instant>) -> Result<Option<Event<Rx>>> {
        let (next, result) = match self.stage {
            Stage::Messages => Stage::after(self.receive(until), Stage::Exit),
            Stage::Disconnect => (Stage::Exit, Ok(Some(Event::Disconnect))),
            Stage::Exit => match self.exit_until(until) {
                Ok(None) => {
                    let receiver = self.connection.receiver();
                    (Stage::Exit, receiver.decoded(Got::TimedOut).map(|_| None))
                }
                exit => (Stage::Nothing, exit.map(|status| status.map(Event::Exit))),
            },
            Stage::Nothing => (Stage::Nothing, Ok(None)),
        };
        self.stage = next;
        result
    }
}

impl<Tx: ?Sized, Rx> fmt::Debug for Child<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

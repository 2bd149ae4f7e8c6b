//! [`Child`]: the parent's handle on a child.

mod messages;

use std::fmt;
use std::future::poll_fn;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::coop::{has_budget_remaining, poll_proceed};
use tokio::time::timeout;

use crate::Connection;
use crate::error::{Error, Result};
use crate::life::{
    EXIT_FOLLOWS, Event, Looks, STDERR_IS_THERE, STDERR_TAIL, Stage, may_be_exit, with_tail,
};
use crate::process::Process;
use crate::wire::Body;

/// A child process and the connection to it. Made by [`Command::spawn`](crate::Command::spawn) and
/// [`fork`](crate::fork).
///
/// Messages can be sent at once; they wait until the child takes them. After the process has ended, everything that it
/// had sent can still be received, and `recv` then ends at once, even if a grandchild still holds the connection open.
///
/// Also a [`Stream`](futures_core::Stream) of the child's messages.
///
/// Dropping a `Child` says goodbye and lets the process finish, unless
/// [`Command::kill_on_drop`](crate::Command::kill_on_drop) was set; it is reaped when it ends.
///
/// # Examples
///
/// ```
/// use offspring::{Command, Event, Parent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> offspring::Result<()> {
/// if let Some(mut parent) = Parent::<u64, u64>::attach_if_child()? {
///     while let Some(number) = parent.recv().await? {
///         parent.send(&(number * number)).await?;
///     }
///     return parent.close().await;
/// }
///
/// let mut child = Command::current_exe()?.spawn::<u64, u64>()?;
/// for number in 1..=3 {
///     child.send(&number).await?;
/// }
/// child.disconnect(); // there are no more numbers
///
/// let mut events = Vec::new();
/// while let Some(event) = child.event().await? {
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
    /// ```
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
    /// let child = Command::current_exe()?.spawn::<str, String>()?;
    /// assert_ne!(child.id(), std::process::id());
    /// # Ok(())
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
    /// [`ErrorKind::ExitedEarly`](crate::ErrorKind::ExitedEarly) at once if the child ended first, with its exit status;
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if it did not attach within
    /// [`Config::handshake_timeout`](crate::Config::handshake_timeout) (30 seconds unless set), as a program does that
    /// never calls [`Parent::attach`](crate::Parent::attach); [`ErrorKind::Protocol`](crate::ErrorKind::Protocol) if it writes something else to the
    /// channel; [`ErrorKind::Incompatible`](crate::ErrorKind::Incompatible). The text has the last lines of the child's standard error if that is
    /// [piped](crate::Stdio::piped).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::{Command, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// let program = if cfg!(windows) { "hostname" } else { "true" }; // does not attach
    /// let error = Command::new(program).spawn::<str, String>()?.ready().await.unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::ExitedEarly { status } if status.success()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&mut self) -> Result<()> {
        match poll_fn(|cx| self.poll_ready(cx)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed_to_start(error).await),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let receiver = self.connection.receiver_mut();
        if let Poll::Ready(result) = receiver.poll_ready(cx) {
            return Poll::Ready(result);
        }
        ready!(self.poll_exit(cx))?;
        Poll::Ready(self.connection.receiver_mut().ready_at_last())
    }

    #[cold]
    async fn failed_to_start(&mut self, error: Error) -> Error {
        let early = match may_be_exit(&error) {
            // The end of the channel is often seen a moment before the end of the process.
            true => timeout(EXIT_FOLLOWS, self.process.wait())
                .await
                .ok()
                .and_then(Result::ok),
            false => None,
        };
        let error = match early {
            Some(status) => self.process.0.ended_early(status),
            None => {
                // Not a child that could be talked to. What goes wrong here is less telling than `error`.
                let _ = self.process.kill().await;
                error
            }
        };
        with_tail(error, &self.stderr_tail().await)
    }

    /// Adds to the error of a connection that broke how the process ended, if it did.
    pub(super) async fn explain(&mut self, error: Error) -> Error {
        if !may_be_exit(&error) {
            return error;
        }
        match timeout(EXIT_FOLLOWS, self.process.wait()).await {
            Ok(Ok(status)) => {
                let error = error.and_then_text(format_args!("; it ended with {status}"));
                with_tail(error, &self.stderr_tail().await)
            }
            _ => error,
        }
    }

    /// What the child wrote last to its standard error, as far as it is there.
    async fn stderr_tail(&mut self) -> Vec<u8> {
        let mut tail = Vec::new();
        if let Some(stderr) = &mut self.stderr {
            let read_all = async {
                let mut chunk = [0; STDERR_TAIL];
                while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
                    tail.extend_from_slice(&chunk[..count]);
                    let excess = tail.len().saturating_sub(STDERR_TAIL);
                    tail.drain(..excess);
                }
            };
            // A grandchild may hold the other end open for ever.
            let _ = timeout(STDERR_IS_THERE, read_all).await;
        }
        tail
    }

    fn poll_recv_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Poll<Result<Option<R>>> {
        if let Some(exit) = self.exit_if_due() {
            ready!(poll_proceed(cx)).made_progress();
            return Poll::Ready(self.recv_last_with(exit, read));
        }
        let receiver = self.connection.receiver_mut();
        if let Poll::Ready(result) = receiver.poll_recv_with(cx, read) {
            return Poll::Ready(result);
        }
        if !has_budget_remaining() {
            // There may be a message. Whoever takes one after the other must let other tasks run.
            return Poll::Pending;
        }
        let exit = ready!(self.poll_exit(cx));
        Poll::Ready(self.recv_last_with(exit, read))
    }

    /// The exit, if it is known, or if it is time to look for it although messages come.
    pub(super) fn exit_if_due(&mut self) -> Option<Result<ExitStatus>> {
        match self.looks.is_due(self.process.0.status()) {
            true => self.try_wait().transpose(),
            false => None,
        }
    }

    /// Messages first, even if the system does not tell how the process ended.
    fn recv_last_with<R>(
        &mut self,
        exit: Result<ExitStatus>,
        read: &mut Option<impl FnOnce(Body<'_>) -> R>,
    ) -> Result<Option<R>> {
        let last = self.connection.receiver_mut().recv_last_with(read);
        last.map_err(|end| exit.err().unwrap_or(end))
    }

    /// Waits until the process has ended.
    ///
    /// Says goodbye first and closes the child's piped stdin, as std does, so that a child which works until its parent
    /// has no more to say can finish.
    ///
    /// What the child sends meanwhile is kept, up to [`Config::read_ahead`](crate::Config::read_ahead), and can be
    /// received afterwards. To a child that waits in [`Parent::close`](crate::Parent::close) it counts as taken: it
    /// cannot be lost by the end of the child any more.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped nothing is lost; the status can be asked for again and again.
    ///
    /// # Examples
    ///
    /// See [`Command`](crate::Command).
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.disconnect();
        drop(self.stdin.take());
        self.exit().await
    }

    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<Result<ExitStatus>> {
        let exit = ready!(self.process.poll_wait(cx));
        self.note(&exit);
        Poll::Ready(exit)
    }

    /// Nothing more is sent to a process that has ended: a grandchild may hold the channel open, but never reads.
    fn note(&self, exit: &Result<ExitStatus>) {
        // An error may come of something else, and then a sender that finds no room looks for itself.
        if exit.is_ok() {
            self.connection.hang_up();
        }
    }

    /// Waits for the exit, and reads aside what the child sends, for it may wait for room.
    async fn exit(&mut self) -> Result<ExitStatus> {
        poll_fn(|cx| {
            self.connection.receiver_mut().poll_keep(cx);
            self.poll_exit(cx)
        })
        .await
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    ///
    /// As [`Process::wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// assert_eq!(child.try_wait()?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let exit = self.process.try_wait().transpose();
        if let Some(exit) = &exit {
            self.note(exit);
        }
        exit.transpose()
    }

    /// Ends the child: says goodbye, waits for `grace`, terminates it, waits for `grace` again, kills it. If
    /// [`Command::kill_tree`](crate::Command::kill_tree) was set, what is then left of its descendants is killed too.
    ///
    /// What the child sent before it ended can still be received afterwards, as with [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// As [`Process::wait`] and [`Process::kill`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the steps that were taken stay taken; `stop` may be called again.
    ///
    /// # Platform notes
    ///
    /// Windows has no request to terminate that every program understands: there the child is ended after the first
    /// `grace`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
    /// use std::time::Duration;
    ///
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// let status = child.stop(Duration::from_secs(5)).await?;
    /// assert!(status.success()); // this one leaves when its parent says goodbye
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop(&mut self, grace: Duration) -> Result<ExitStatus> {
        if timeout(grace, self.wait()).await.is_err() {
            self.process.terminate()?;
            let _ = timeout(grace, self.exit()).await;
        }
        // If the child has ended, this is for its descendants.
        self.process.kill().await
    }

    /// Ends the process at once, with its descendants if [`Command::kill_tree`](crate::Command::kill_tree) was set, and
    /// waits until it has ended.
    ///
    /// What the child sent before can still be received afterwards.
    ///
    /// # Errors
    ///
    /// As [`Process::kill`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the process is ended all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use offspring::{Command, Parent};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// # if let Ok(mut parent) = Parent::<str, String>::attach() { parent.recv().await?; return Ok(()) }
    /// let mut child = Command::current_exe()?.spawn::<str, String>()?;
    /// assert!(!child.kill().await?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.process.kill().await
    }

    /// Takes the child apart, so that its parts can be used by different tasks. Take the standard streams out first.
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
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no event was taken.
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub async fn event(&mut self) -> Result<Option<Event<Rx>>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event<Rx>>>> {
        let (next, result) = match self.stage {
            Stage::Messages => {
                let read = &mut Some(|body: Body<'_>| body.decode());
                let received = ready!(self.poll_recv_with(cx, read));
                let received = received.and_then(|message| self.decoded(message));
                Stage::after(received, Stage::Exit)
            }
            Stage::Disconnect => (Stage::Exit, Ok(Some(Event::Disconnect))),
            Stage::Exit => {
                // The child may still write to a channel that nobody reads from.
                self.connection.receiver_mut().poll_keep(cx);
                let status = ready!(self.poll_exit(cx));
                (
                    Stage::Nothing,
                    status.map(|status| Some(Event::Exit(status))),
                )
            }
            Stage::Nothing => (Stage::Nothing, Ok(None)),
        };
        self.stage = next;
        Poll::Ready(result)
    }
}

impl<Tx: ?Sized, Rx> fmt::Debug for Child<Tx, Rx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

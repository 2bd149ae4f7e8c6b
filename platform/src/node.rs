//! The channel of Node.js: how a Node child gets one from us, and how we get ours from a Node parent.
//!
//! Node knows no note and no preface. A variable names the descriptor, and that is all:
//!
//! ```text
//! parent                                              child
//! make the channel, start the child with its end
//! NODE_CHANNEL_FD=<descriptor>        ->              is a socket or pipe of an inheriting kind there?
//! NODE_CHANNEL_SERIALIZATION_MODE=<mode>              from here on it is ours: remove the variables
//!                                                     out of the sight of children
//! ```

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Command;
use std::time::Duration;

use crate::handoff::{AttachError, Channel, End as _, once, remove_variables};
use crate::process::{Spawned, Stdin};
use crate::sys;

/// The variable in which a Node parent tells its child the number of the channel's descriptor.
pub const NODE_CHANNEL_VARIABLE: &str = "NODE_CHANNEL_FD";

/// The variable in which a Node parent tells its child how messages are written.
pub const NODE_MODE_VARIABLE: &str = "NODE_CHANNEL_SERIALIZATION_MODE";

/// The variable that makes a Node program a worker of a cluster.
const NODE_CLUSTER_VARIABLE: &str = "NODE_UNIQUE_ID";

/// Whether the bytes of the channel are wrapped in frames of libuv on this system.
pub const NODE_CHANNEL_IS_FRAMED: bool = sys::node::FRAMED;

/// Whether UDP sockets travel on the channel on this system.
pub const NODE_TAKES_DATAGRAMS: bool = sys::node::DATAGRAMS;

/// How [`NodeLauncher::spawn`] starts a child, beyond what a [`Command`] tells of itself.
#[derive(Debug)]
pub struct NodeOptions<'a> {
    /// How the child is to write messages.
    pub mode: &'a str,
    /// Makes the child that worker of a cluster.
    pub worker: Option<u32>,
    /// The child's standard input.
    pub stdin: Stdin,
    /// The child's standard output; `None`: what was set on the command.
    pub stdout: Option<Stdin>,
    /// The child's standard error; `None`: what was set on the command.
    pub stderr: Option<Stdin>,
    /// Whether [`Command::env_clear`] was called.
    pub env_cleared: bool,
    /// As [`Options::kill_tree`](crate::Options::kill_tree).
    pub kill_tree: bool,
}

/// Prepares one [`Command`] for Node children.
///
/// On Unix this adds a hook that runs between `fork` and `exec`, for std knows no other way to hand down a descriptor.
/// The hook stays with the command for good and does nothing but in [`spawn`](Self::spawn), so a command is prepared
/// once and spawned many times.
#[derive(Debug)]
pub struct NodeLauncher(sys::node::Launcher);

impl NodeLauncher {
    /// Prepares `command`.
    pub fn new(command: &mut Command) -> Self {
        Self(sys::node::Launcher::new(command))
    }

    /// Starts `command`, which must be the one that was prepared, with a channel as Node expects it: descriptor 3.
    ///
    /// On Unix the cost grows with the memory of this process. On Windows the system is asked without std: of `command`
    /// count the program, the arguments, the variables and the folder.
    ///
    /// # Errors
    ///
    /// As [`spawn`](crate::spawn). On Windows `Unsupported` for a batch file, which would hand no channel on, and for
    /// streams that only `command` knows.
    pub fn spawn<S: Channel>(
        &self,
        command: &mut Command,
        options: NodeOptions<'_>,
    ) -> io::Result<Spawned<S>> {
        command.env(NODE_MODE_VARIABLE, options.mode);
        match options.worker {
            Some(id) => command.env(NODE_CLUSTER_VARIABLE, id.to_string()),
            None => command.env_remove(NODE_CLUSTER_VARIABLE),
        };
        let spawned = self.0.spawn::<S::Inner>(command, options);
        hide(command);
        command.env_remove(NODE_CLUSTER_VARIABLE);
        spawned.map(Spawned::wrapped)
    }
}

/// Keeps a channel of this process, which it has not taken yet, from being announced to a child.
pub(crate) fn hide(command: &mut Command) {
    command
        .env_remove(NODE_CHANNEL_VARIABLE)
        .env_remove(NODE_MODE_VARIABLE);
}

/// The child's end of a channel that a Node parent made.
#[derive(Debug)]
#[non_exhaustive]
pub struct NodeAttached<S> {
    /// The channel to the parent.
    pub channel: S,
    /// The parent's process id.
    pub parent_pid: u32,
    /// How the parent writes messages, if it said so.
    pub mode: Option<OsString>,
}

/// Takes the channel that a Node parent has left for this process, once.
///
/// The rules are those of [`attach`](crate::attach), which comes first where both have left one. `grace` is how long this
/// process goes on after the parent has died, which a Node parent does not say; `None`: for ever.
///
/// # Errors
///
/// [`AttachError::NotAChild`] if the variable is missing, is no number, or names something that a Node parent cannot
/// have left there: nothing was touched then.
pub fn attach_node<S: Channel>(grace: Option<Duration>) -> Result<NodeAttached<S>, AttachError> {
    once(|attached| {
        let number = std::env::var_os(NODE_CHANNEL_VARIABLE);
        let slot = number
            .as_deref()
            .and_then(descriptor)
            .and_then(sys::node::Slot::find)
            .ok_or(AttachError::NotAChild)?;
        S::Inner::check()?;
        *attached = true;
        let mode = std::env::var_os(NODE_MODE_VARIABLE);
        forget();
        let (channel, parent_pid) = slot.take::<S::Inner>(grace)?;
        Ok(NodeAttached {
            channel: S::wrap(channel),
            parent_pid,
            mode,
        })
    })
}

/// Removes what a Node parent said, so that no program that this one starts takes it for its own.
pub(crate) fn forget() {
    remove_variables(&[
        NODE_CHANNEL_VARIABLE,
        NODE_MODE_VARIABLE,
        NODE_CLUSTER_VARIABLE,
    ]);
}

/// The descriptor that the variable names: a number in decimal and nothing else.
fn descriptor(text: &OsStr) -> Option<u16> {
    let text = text.to_str()?;
    // `parse` would take a leading plus sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_a_number_and_nothing_else() {
        for (text, number) in [
            ("3", Some(3)),
            ("0", Some(0)),
            ("65535", Some(65535)),
            ("65536", None),
            ("", None),
            ("+3", None),
            ("-1", None),
            (" 3", None),
            ("3x", None),
            ("abc", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(descriptor(OsStr::new(text)), number, "{text:?}");
        }
    }
}

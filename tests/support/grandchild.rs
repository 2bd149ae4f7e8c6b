//! Processes that outlive the one which starts them.

use offspring::Stdio;

/// Starts this program in the given role, without a channel to it: it outlives the caller.
#[expect(
    clippy::zombie_processes,
    reason = "who calls this ends first, and so there is nobody to wait"
)]
pub(crate) fn leave_behind(entry: &str, stdin: Stdio) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", entry, "--ignored", "--nocapture"]);
    command.stdin(stdin).stdout(Stdio::null()).spawn().unwrap();
}

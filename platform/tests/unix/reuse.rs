//! A child that somebody else has reaped, and whose id another child has got.

use offspring_platform::Stdin;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::alone;
use crate::support::{Child, attached, options, program, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_waits() {
    let (mut read, mut write) = attached();
    write.write_all(b"ready").await.unwrap();
    let _ = read.read_u8().await;
}

async fn child(kill_tree: bool) -> Child {
    let mut options = options(Stdin::Null);
    options.kill_tree = kill_tree;
    let mut child = Child::spawn_with(&mut program("reuse::child_waits"), options);
    child.expect(b"ready").await;
    child
}

/// Starts a child with this id, if the system can be made to.
async fn stranger(id: u32) -> Option<Child> {
    for _ in 0..200 {
        // Others start processes too, so the next id may go to one of these.
        std::fs::write("/proc/sys/kernel/ns_last_pid", (id - 1).to_string()).ok()?;
        let stranger = child(true).await;
        if stranger.process.id() == id {
            return Some(stranger);
        }
    }
    None
}

/// Whether threads wait for children here, for there are no pidfds.
fn has_threads() -> bool {
    use rustix::process::{PidfdFlags, getpid, pidfd_open};
    pidfd_open(getpid(), PidfdFlags::empty()).is_err()
}

/// Whether this process has such a thread; `state` is what it does: `S` if it waits, nothing for whatever it does.
fn has_thread(state: &str) -> bool {
    let is_it = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat"));
        stat.is_ok_and(|stat| stat.contains(&format!("(offspring-exit) {state}")))
    };
    let mut threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    threads.any(is_it)
}

#[test]
fn a_handle_takes_no_other_child_for_its_own() {
    alone("reuse::handles_of_the_dead");
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn handles_of_the_dead() {
    within(async {
        for kill_tree in [false, true] {
            for first in ["kill", "terminate", "try_wait", "wait", "drop"] {
                let mut child = child(kill_tree).await;
                while has_threads() && !has_thread("S") {
                    tokio::task::yield_now().await;
                }
                let pid = Pid::from_raw(child.process.id() as i32).unwrap();
                kill_process(pid, Signal::KILL).unwrap();
                waitpid(Some(pid), WaitOptions::empty()).unwrap();
                while has_thread("") {
                    tokio::task::yield_now().await;
                }
                let Some(mut stranger) = stranger(child.process.id()).await else {
                    println!("skipped: process ids cannot be chosen here");
                    return;
                };
                // Whatever they answer.
                let _ = match first {
                    "kill" => child.process.kill(),
                    "terminate" => child.process.terminate(),
                    "try_wait" => child.process.try_wait().map(drop),
                    "wait" => child.process.wait().await.map(drop),
                    _ => Ok(()),
                };
                drop(child);
                assert_eq!(stranger.process.try_wait().unwrap(), None, "{first}");
                stranger.send(b"!").await;
                stranger.succeeds().await;
            }
        }
    })
    .await;
}

//! Promise: no signal hits a process that got the id of a child.

use std::time::Duration;

use offspring::{Child, Parent, Result};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::stage::{size, within};
use crate::support::role;

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_waits() -> Result<()> {
    let mut parent = Parent::<(), ()>::attach()?;
    while parent.recv().await?.is_some() {}
    Ok(())
}

/// Starts a child with this id, if the system can be made to.
fn stranger(id: u32) -> std::io::Result<Option<Child<(), ()>>> {
    let mut command = role("reuse::child_waits");
    // As the leader of a group, it can also be hit through that.
    command.kill_tree(true);
    for _ in 0..200 {
        // Others start processes too, so the next id may go to one of these.
        std::fs::write("/proc/sys/kernel/ns_last_pid", (id - 1).to_string())?;
        let child = command.spawn().unwrap();
        if child.id() == id {
            return Ok(Some(child));
        }
    }
    Ok(None)
}

/// Ends a child and reaps it, behind the back of its handle.
fn steal(id: u32) {
    let pid = Pid::from_raw(id as i32).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)).unwrap();
}

/// How a child is gone before its handle is told to end it.
#[derive(Clone, Copy, Debug)]
enum Gone {
    /// Seen by its handle.
    Reaped,
    /// Reaped behind the back of its handle, as a program does that reaps all its children.
    Stolen,
}

#[tokio::test]
async fn no_signal_hits_a_process_that_got_the_id_of_a_child() -> Result<()> {
    within(async {
        let (mut reused, mut missed) = (0, 0);
        for round in 0..size(2, 25) {
            for (gone, tree) in [
                (Gone::Reaped, false),
                (Gone::Reaped, true),
                (Gone::Stolen, false),
                (Gone::Stolen, true),
            ] {
                let mut child: Child<(), ()> =
                    role("reuse::child_waits").kill_tree(tree).spawn()?;
                child.ready().await?;
                let id = child.id();
                match gone {
                    Gone::Reaped => {
                        child.kill().await?;
                        // The leader of a group is reaped only now; its id is kept until then.
                        child.kill().await?;
                    }
                    Gone::Stolen => steal(id),
                }
                let mut stranger = match stranger(id) {
                    Ok(Some(stranger)) => stranger,
                    Ok(None) => {
                        missed += 1;
                        continue;
                    }
                    Err(error) => {
                        println!("figure: death: skipped: cannot choose process ids here: {error}");
                        return Ok(());
                    }
                };
                stranger.ready().await?;
                reused += 1;
                // Whatever they answer.
                let _ = child.try_wait();
                let _ = child.stop(Duration::ZERO).await;
                let _ = child.kill().await;
                let (_connection, mut process) = child.into_parts();
                let _ = process.terminate();
                let _ = process.start_kill();
                drop(process);
                stranger.disconnect();
                let status = stranger.wait().await?;
                assert!(status.success(), "{gone:?}, {tree}, round {round}: {status}");
            }
        }
        println!(
            "figure: death: {reused} ids of dead children were given to other processes ({missed} tries failed): \
             kill, stop, terminate and drop hit 0 of them"
        );
        Ok(())
    })
    .await
}

/// The first thing that the handle hears is the order to kill.
#[tokio::test]
async fn the_first_kill_does_not_hit_a_process_that_got_the_id_of_a_child() -> Result<()> {
    within(async {
        for tree in [false, true] {
            let child: Child<(), ()> = role("reuse::child_waits").kill_tree(tree).spawn()?;
            let id = child.id();
            steal(id);
            let Ok(Some(mut stranger)) = stranger(id) else {
                return Ok(());
            };
            stranger.ready().await?;
            // `kill_on_drop` is set.
            drop(child);
            stranger.disconnect();
            let status = stranger.wait().await?;
            assert!(status.success(), "{tree}: {status}");
        }
        Ok(())
    })
    .await
}

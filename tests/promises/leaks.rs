//! Promise: nothing is left of a child that has ended.

use std::time::Instant;

use offspring::{Child, Config, Parent, Result, Stdio};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::proc::{descriptors, forget_peak, memory, mib, threads};
use crate::stage::{alone, size, within};
use crate::support::role;

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_echoes() -> Result<()> {
    let mut parent = Parent::<u64, u64>::attach()?;
    while let Some(number) = parent.recv().await? {
        parent.send(&number).await?;
    }
    parent.close().await
}

/// One child, which ends in one of the ways in which children end.
async fn cycle(number: u64) -> Result<()> {
    let mut command = role("leaks::child_echoes");
    let command = command.stdin(Stdio::null()).config(Config::new());
    let mut child: Child<u64, u64> = command.kill_tree(number % 16 == 7).spawn()?;
    child.send(&number).await?;
    assert_eq!(child.recv().await?, Some(number));
    match number % 8 {
        5 => drop(child),
        6 => assert!(!child.kill().await?.success()),
        7 => assert!(
            child
                .stop(std::time::Duration::from_secs(60))
                .await?
                .success()
        ),
        _ => assert!(child.wait().await?.success()),
    }
    Ok(())
}

/// Descriptors, threads, and whether there is any child, alive or dead.
fn footprint() -> (usize, u64, bool) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let children = !matches!(waitid(WaitId::All, look), Err(Errno::CHILD));
    (descriptors(), threads(), children)
}

async fn settled() -> (usize, u64, bool) {
    // Who is dropped is reaped by a thread that nobody can wait for.
    let mut last = footprint();
    while last.2 || last.1 > 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        last = footprint();
    }
    last
}

#[tokio::test]
async fn nothing_is_left_of_children_that_have_ended() {
    alone("leaks::parent_of_many").await;
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn parent_of_many() -> Result<()> {
    within(async {
        let cycles = size(300, 10_000);
        // The first ones fill what the allocator and the runtime keep.
        for number in 0..size(40, 400) {
            cycle(number).await?;
        }
        let (before, memory_before) = (settled().await, memory(std::process::id()));
        forget_peak();
        let begin = Instant::now();
        for round in 0..cycles / 4 {
            let number = round * 4;
            tokio::try_join!(cycle(number), cycle(number + 1), cycle(number + 2), cycle(number + 3))?;
        }
        let (after, time) = (settled().await, begin.elapsed());
        let grown = memory(std::process::id()).saturating_sub(memory_before);
        println!(
            "figure: leaks: {cycles} children in {time:.1?}: descriptors {} before, {} after; threads {}, {}; \
             children left {}, {}; resident memory {}, +{}",
            before.0,
            after.0,
            before.1,
            after.1,
            u8::from(before.2),
            u8::from(after.2),
            mib(memory_before),
            mib(grown)
        );
        assert_eq!(before, after);
        assert!(grown <= 2 << 20, "{grown}");
        Ok(())
    })
    .await
}

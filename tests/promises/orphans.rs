//! Promise: children and grandchildren end when their parent was killed. Seen from a third process.

use std::time::{Duration, Instant};

use offspring::{Child, Parent, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::stage::{Times, size, within};
use crate::support::role;

const GRACE: Duration = Duration::from_millis(300);

/// What a process is told to do and to have.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    /// How many children, and how many children each of these has.
    generations: Vec<usize>,
    /// Whether it receives, or is too busy for that.
    reads: bool,
}

/// Answers with its own id and those of all its descendants, and stays.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_of_a_family() -> Result<()> {
    let mut parent = Parent::<Vec<u32>, Order>::attach()?;
    let order = parent.recv().await?.unwrap();
    let mut ids = vec![std::process::id()];
    let mut children = Vec::new();
    if let [count, rest @ ..] = &*order.generations {
        let mut command = role("orphans::child_of_a_family");
        command.orphan_grace(GRACE);
        for number in 0..*count {
            let child: Child<Order, Vec<u32>> = command.spawn()?;
            // The first generation is as it was told to be; of the next, every other one.
            let reads = order.reads != (order.generations.len() == 1 && number % 2 == 1);
            let generations = rest.to_vec();
            child.try_send(&Order { generations, reads })?;
            children.push(child);
        }
        for child in &mut children {
            ids.extend(child.recv().await?.unwrap());
        }
    }
    parent.send(&ids).await?;
    if order.reads {
        // An error if the parent was killed. If it ended because its own parent was, it may have said goodbye.
        let gone = parent.recv().await;
        assert!(!matches!(gone, Ok(Some(_))));
        Ok(())
    } else {
        // Nothing of this process is polled any more.
        loop {
            std::thread::park();
        }
    }
}

/// Processes that are no children of ours, and are ended with the test.
struct Strangers(Vec<OwnedFd>);

impl Strangers {
    fn open(ids: &[u32]) -> Self {
        let open = |id: &u32| {
            let id = Pid::from_raw(*id as i32).unwrap();
            pidfd_open(id, PidfdFlags::empty()).unwrap()
        };
        Self(ids.iter().map(open).collect())
    }

    /// When each of them ended.
    fn ends(&self, begin: Instant, patience: Duration) -> Times {
        let mut times = Times::default();
        let mut left: Vec<_> = self.0.iter().collect();
        while !left.is_empty() {
            let rest = patience.saturating_sub(begin.elapsed());
            assert!(!rest.is_zero(), "{} did not end", left.len());
            let mut fds: Vec<_> = left
                .iter()
                .map(|fd| PollFd::new(*fd, PollFlags::IN))
                .collect();
            let rest = Timespec::try_from(rest).unwrap();
            let _ = poll(&mut fds, Some(&rest));
            let mut ended = fds
                .iter()
                .map(|fd| !fd.revents().is_empty())
                .collect::<Vec<_>>();
            ended.reverse();
            left.retain(|_| {
                let ended = ended.pop().unwrap();
                if ended {
                    times.add(begin.elapsed());
                }
                !ended
            });
        }
        times
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        for stranger in &self.0 {
            let _ = pidfd_send_signal(stranger, Signal::KILL);
        }
    }
}

async fn family(generations: Vec<usize>, reads: bool) -> Result<(usize, Times)> {
    let mut top = role("orphans::child_of_a_family").spawn::<Order, Vec<u32>>()?;
    // The one at the top has to be killed, so it must not end by itself.
    top.send(&Order { generations, reads }).await?;
    let ids = top.recv().await?.unwrap();
    let strangers = Strangers::open(&ids[1..]);
    let (_connection, mut process) = top.into_parts();
    let begin = Instant::now();
    process.start_kill()?;
    let ends = tokio::task::spawn_blocking(move || strangers.ends(begin, Duration::from_secs(30)));
    let ends = ends.await.unwrap();
    process.wait().await?;
    Ok((ids.len() - 1, ends))
}

#[tokio::test]
async fn nobody_outlives_a_killed_parent() -> Result<()> {
    within(async {
        let count = size(10, 100);
        // All receive: told by the channel, generation after generation.
        let (all, readers) = family(vec![count], true).await?;
        println!("figure: death: of {all} children of a killed parent, half reading, half busy with a grace of {GRACE:?}: all gone, {readers}");
        assert_eq!(all, count);
        assert!(readers.percentile(99) >= GRACE, "the busy ones have their grace: {readers}");
        assert!(readers.percentile(40) < GRACE, "the others do not wait: {readers}");

        let (all, family_ends) = family(vec![count, 1], true).await?;
        assert_eq!(all, 2 * count);
        println!("figure: death: of {count} children of a killed parent that read, and as many grandchildren: all gone, {family_ends}");

        let (all, busy_ends) = family(vec![count, 1], false).await?;
        assert_eq!(all, 2 * count);
        println!("figure: death: of {count} busy children with a grace of {GRACE:?}, and as many busy grandchildren: all gone, {busy_ends}");
        Ok(())
    })
    .await
}

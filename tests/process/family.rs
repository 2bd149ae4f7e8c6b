//! What happens to a child when its parent dies. Three processes: the test, a parent, its child.

use std::future::pending;
use std::time::{Duration, Instant};

use offspring::{Child, Connection, ErrorKind, Parent, Result};

use crate::gate::{self, Gate};
use crate::support::{role, within};

/// Starts a child as it is told, and stays until it is killed.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn parent_has_a_child() -> Result<()> {
    let mut parent = Parent::<(), (String, Option<u64>)>::attach()?;
    let (entry, grace) = parent.recv().await?.unwrap();
    let mut command = role(&entry);
    match grace {
        Some(millis) => command.orphan_grace(Duration::from_millis(millis)),
        None => command.outlive_parent(true),
    };
    let _child = command.spawn::<str, String>()?;
    pending().await
}

/// A parent that can be killed, and the report of its child.
struct Family {
    parent: Child<(String, Option<u64>), ()>,
    child: Connection<str, String>,
}

impl Family {
    async fn start(entry: &str, grace: Option<Duration>) -> Result<Self> {
        let mut gate = Gate::open()?;
        let mut command = role("family::parent_has_a_child");
        let parent = gate.show(&mut command).spawn()?;
        let grace = grace.map(|grace| grace.as_millis() as u64);
        parent.send(&(entry.to_owned(), grace)).await?;
        let mut child = gate.accept().await?;
        assert_eq!(child.recv().await?.as_deref(), Some("here"));
        Ok(Self { parent, child })
    }
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_reads() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let mut gate = gate::report().await?;
    gate.send("here").await?;
    let error = parent.recv().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    gate.send("the parent is gone").await?;
    gate.close().await
}

#[tokio::test]
async fn a_child_that_receives_learns_at_once_that_its_parent_was_killed() -> Result<()> {
    within(async {
        let grace = Some(Duration::from_secs(600));
        let mut family = Family::start("family::child_reads", grace).await?;
        family.parent.kill().await?;
        let said = family.child.recv().await?;
        assert_eq!(said.as_deref(), Some("the parent is gone"));
        assert_eq!(family.child.recv().await?, None);
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_busy() -> Result<()> {
    let _parent = Parent::<str, String>::attach()?;
    let gate = gate::report().await?;
    gate.send("here").await?;
    let begin = Instant::now();
    // The limit is for when nobody ends it.
    while begin.elapsed() < Duration::from_secs(100) {
        std::hint::spin_loop();
    }
    Ok(())
}

#[tokio::test]
async fn a_busy_child_of_a_killed_parent_is_ended_after_its_grace() -> Result<()> {
    within(async {
        let grace = Duration::from_millis(300);
        let mut family = Family::start("family::child_is_busy", Some(grace)).await?;
        let begin = Instant::now();
        family.parent.kill().await?;
        let ended = family.child.recv().await.unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::Disconnected);
        assert!(begin.elapsed() >= grace, "after {:?}", begin.elapsed());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_goes_on() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let mut gate = gate::report().await?;
    gate.send("here").await?;
    let error = parent.recv().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    // Whoever waits for the parent's death to end this process does so in a thread of this name.
    #[cfg(target_os = "linux")]
    for thread in std::fs::read_dir("/proc/self/task").unwrap() {
        let name = std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap();
        assert!(!name.starts_with("offspring-orpha"), "{name}");
    }
    gate.send("the parent is gone").await?;
    while let Some(text) = gate.recv().await? {
        gate.send(&text).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_child_that_may_outlive_its_parent_goes_on() -> Result<()> {
    within(async {
        let mut family = Family::start("family::child_goes_on", None).await?;
        family.parent.kill().await?;
        let said = family.child.recv().await?;
        assert_eq!(said.as_deref(), Some("the parent is gone"));
        for _ in 0..100 {
            family.child.send("and now?").await?;
            assert_eq!(family.child.recv().await?.as_deref(), Some("and now?"));
        }
        Ok(())
    })
    .await
}

/// A child of a child of a child: each one is both.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_of_a_line() -> Result<()> {
    let mut parent = Parent::<u32, u32>::attach()?;
    while let Some(generations) = parent.recv().await? {
        let mut count = 1;
        if generations > 1 {
            let mut child = role("family::child_of_a_line").spawn::<u32, u32>()?;
            child.send(&(generations - 1)).await?;
            count += child.recv().await?.unwrap();
            assert!(child.wait().await?.success());
        }
        parent.send(&count).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn children_have_children() -> Result<()> {
    within(async {
        let mut first = role("family::child_of_a_line").spawn::<u32, u32>()?;
        first.send(&4).await?;
        assert_eq!(first.recv().await?, Some(4));
        assert!(first.wait().await?.success());
        Ok(())
    })
    .await
}

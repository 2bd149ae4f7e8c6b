//! Many children, and children of threads and runtimes that do not last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use offspring::{Child, Parent, Result};

use crate::gate::{self, Gate};
use crate::support::{role, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_doubles() -> Result<()> {
    let mut parent = Parent::<u64, u64>::attach()?;
    while let Some(number) = parent.recv().await? {
        parent.send(&(number * 2)).await?;
    }
    parent.close().await
}

/// Wine takes its time for a process.
const MANY: u64 = if cfg!(windows) { 10 } else { 50 };

#[tokio::test]
async fn a_command_can_be_spawned_many_times() -> Result<()> {
    within(async {
        let mut command = role("many::child_doubles");
        for number in 0..10 {
            let mut child = command.spawn::<u64, u64>()?;
            child.send(&number).await?;
            assert_eq!(child.recv().await?, Some(number * 2));
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

/// All alive at once, each in a task of its own.
async fn many_at_once() -> Result<()> {
    within(async {
        let mut command = role("many::child_doubles");
        let mut tasks = Vec::new();
        for number in 0..MANY {
            let mut child = command.spawn::<u64, u64>()?;
            tasks.push(tokio::spawn(async move {
                child.send(&number).await?;
                assert_eq!(child.recv().await?, Some(number * 2));
                Ok::<_, offspring::Error>(child)
            }));
        }
        let mut children = Vec::new();
        for task in tasks {
            children.push(task.await.unwrap()?);
        }
        for child in &mut children {
            assert_eq!(child.try_wait()?, None);
        }
        for mut child in children {
            assert!(child.stop(Duration::from_secs(600)).await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn many_children_live_at_once_in_a_runtime_of_one_thread() -> Result<()> {
    many_at_once().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_children_live_at_once_in_a_runtime_of_many_threads() -> Result<()> {
    many_at_once().await
}

#[test]
fn a_child_outlives_the_thread_that_started_it() -> Result<()> {
    let (stopped, mut stops) = tokio::sync::mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_keep_alive(Duration::ZERO)
        .on_thread_stop(move || {
            // Nobody listens any more when the runtime itself ends.
            let _ = stopped.send(());
        })
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(within(async {
        let spawn = || role("many::child_doubles").spawn::<u64, u64>();
        let mut child = tokio::task::spawn_blocking(spawn).await.unwrap()?;
        stops.recv().await.unwrap();
        child.send(&21).await?;
        assert_eq!(child.recv().await?, Some(42));
        assert!(child.wait().await?.success());
        Ok(())
    }))
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_answers_at_the_gate() -> Result<()> {
    let mut parent = Parent::<(), ()>::attach()?;
    let mut gate = gate::report().await?;
    while let Some(text) = gate.recv().await? {
        gate.send(&text).await?;
    }
    // A goodbye, as always when the handle is dropped.
    assert_eq!(parent.recv().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_child_outlives_the_runtime_that_started_it() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("many::child_answers_at_the_gate");
        gate.show(&mut command);
        let start = move || -> Result<Child<(), ()>> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let _inside = runtime.enter();
            command.spawn()
        };
        let child = std::thread::spawn(start).join().unwrap()?;
        let mut report = gate.accept().await?;
        report.send("still there?").await?;
        assert_eq!(report.recv().await?.as_deref(), Some("still there?"));
        report.disconnect();
        // The process can be waited for in any runtime; the connection was of the one that has ended.
        let (connection, mut process) = child.into_parts();
        drop(connection);
        assert!(process.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_child_can_be_dropped_outside_of_a_runtime() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("many::child_answers_at_the_gate");
        command.kill_on_drop(false);
        let child = gate.show(&mut command).spawn::<(), ()>()?;
        let mut report = gate.accept().await?;
        std::thread::spawn(move || drop(child)).join().unwrap();
        report.send("still there?").await?;
        assert_eq!(report.recv().await?.as_deref(), Some("still there?"));
        report.disconnect();
        assert_eq!(report.recv().await?, None);
        Ok(())
    })
    .await
}

/// Starts itself before and after its file was replaced.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_updated() -> Result<()> {
    let mut parent = Parent::<u64, u64>::attach()?;
    let path = std::env::current_exe().unwrap();
    while let Some(number) = parent.recv().await? {
        let mut child = role("many::child_doubles").spawn::<u64, u64>()?;
        child.send(&number).await?;
        parent.send(&child.recv().await?.unwrap()).await?;
        assert!(child.wait().await?.success());
        match number {
            1 => std::fs::remove_file(&path).unwrap(),
            2 => std::fs::write(&path, "another program").unwrap(),
            _ => {}
        }
    }
    parent.close().await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_whose_file_was_replaced_still_starts_itself() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        // Not written by this process: a child that another thread is starting could hold the file open for writing,
        // and then nobody can execute it.
        let mut copy = std::process::Command::new("cp");
        copy.arg(std::env::current_exe().unwrap()).arg(&path);
        assert!(copy.status().unwrap().success());
        let mut child = offspring::Command::new(&path)
            .args(["--exact", "many::child_is_updated", "--ignored"])
            .stdout(offspring::Stdio::null())
            .kill_on_drop(true)
            .spawn::<u64, u64>()?;
        for number in 1..=4 {
            child.send(&number).await?;
            assert_eq!(child.recv().await?, Some(number * 2));
        }
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_counts() -> Result<()> {
    let mut parent = Parent::<u32, ()>::attach()?;
    for number in 0..10_000 {
        parent.feed(&number).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn taking_what_has_arrived_lets_other_tasks_run() -> Result<()> {
    within(async {
        let mut child = role("many::child_counts").spawn::<(), u32>()?;
        assert!(child.wait().await?.success());
        let turns = Arc::new(AtomicU32::new(0));
        let others = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            }
        });
        for number in 0..10_000 {
            assert_eq!(child.recv().await?, Some(number));
        }
        // Of one thread: had this task kept it, there would have been none.
        assert!(turns.load(Ordering::Relaxed) > 10);
        others.abort();
        Ok(())
    })
    .await
}

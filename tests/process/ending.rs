//! How children are ended, and that none stays behind.

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::{Duration, Instant};

use offspring::{Child, Config, Connection, ErrorKind, Event, Parent, Result, Stdio};

use crate::gate::{self, Gate};
use crate::grandchild::leave_behind;
use crate::support::{role, within};

/// Longer than a test may take: what waits for it to pass fails.
const NEVER: Duration = Duration::from_secs(600);

/// Soon over; what is ended by it was not going to end by itself.
const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_exits_with_the_code_that_it_receives() -> Result<()> {
    let mut parent = Parent::<(), i32>::attach()?;
    let code = parent.recv().await?.unwrap();
    std::process::exit(code)
}

#[tokio::test]
async fn the_exit_code_is_the_one_that_the_child_gave() -> Result<()> {
    within(async {
        for code in [0, 1, 7, 255] {
            let entry = "ending::child_exits_with_the_code_that_it_receives";
            let mut child = role(entry).spawn::<i32, ()>()?;
            assert_eq!(child.try_wait()?, None);
            child.send(&code).await?;
            let status = child.wait().await?;
            assert_eq!(status.code(), Some(code));
            // As often as it is asked for, and in every way.
            assert_eq!(child.wait().await?, status);
            assert_eq!(child.try_wait()?, Some(status));
            assert_eq!(child.kill().await?, status);
            assert_eq!(child.stop(NEVER).await?, status);
            assert_eq!(child.event().await?, Some(Event::Disconnect));
            assert_eq!(child.event().await?, Some(Event::Exit(status)));
            assert_eq!(child.event().await?, None);
        }
        Ok(())
    })
    .await
}

/// Ends when its parent says goodbye.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_polite() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    parent.send("here").await?;
    while parent.recv().await?.is_some() {}
    parent.send("goodbye").await?;
    parent.close().await
}

#[tokio::test]
async fn stop_lets_a_polite_child_finish() -> Result<()> {
    within(async {
        let mut child = role("ending::child_is_polite").spawn::<str, String>()?;
        // Also if it has not attached yet.
        assert!(child.stop(NEVER).await?.success());
        // What it sent meanwhile is still there.
        assert_eq!(child.recv().await?.as_deref(), Some("here"));
        assert_eq!(child.recv().await?.as_deref(), Some("goodbye"));
        assert_eq!(child.recv().await?, None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn no_time_limit_is_too_long() -> Result<()> {
    within(async {
        let config = Config::new()
            .handshake_timeout(Duration::MAX)
            .close_timeout(Duration::MAX)
            .stall_timeout(Duration::MAX);
        let mut command = role("ending::child_is_polite");
        let mut child = command
            .config(config)
            .orphan_grace(Duration::MAX)
            .spawn::<str, String>()?;
        child.ready().await?;
        assert!(child.stop(Duration::MAX).await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_dropped_stop_can_be_taken_up_again() -> Result<()> {
    within(async {
        let mut child = role("ending::child_is_polite").spawn::<str, String>()?;
        {
            let mut stop = std::pin::pin!(child.stop(NEVER));
            let stopped = poll_fn(|cx| Poll::Ready(stop.as_mut().poll(cx).is_ready())).await;
            assert!(!stopped);
        }
        assert!(child.stop(NEVER).await?.success());
        Ok(())
    })
    .await
}

/// Neither a goodbye nor a request to terminate ends it.
#[cfg(unix)]
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_stubborn() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let _ignored = signal(SignalKind::terminate()).unwrap();
    child_is_deaf_with("stubborn").await
}

/// A goodbye does not end it.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_deaf() -> Result<()> {
    child_is_deaf_with("deaf").await
}

async fn child_is_deaf_with(word: &str) -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    parent.send(word).await?;
    while parent.recv().await?.is_some() {}
    parent.send("not yet").await?;
    pending().await
}

#[tokio::test]
async fn stop_terminates_a_child_that_stays_after_the_goodbye() -> Result<()> {
    within(async {
        let mut child = role("ending::child_is_deaf").spawn::<str, String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some("deaf"));
        let status = child.stop(SHORT).await?;
        assert!(!status.success());
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt as _;
            assert_eq!(status.signal(), Some(15));
        }
        Ok(())
    })
    .await
}

#[cfg(unix)]
#[tokio::test]
async fn stop_kills_a_child_that_stays_whatever_is_asked() -> Result<()> {
    use std::os::unix::process::ExitStatusExt as _;
    within(async {
        let mut child = role("ending::child_is_stubborn").spawn::<str, String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some("stubborn"));
        let status = child.stop(SHORT).await?;
        assert_eq!(status.signal(), Some(9));
        // What it sent before the end is not lost.
        assert_eq!(child.recv().await?.as_deref(), Some("not yet"));
        assert_eq!(
            child.recv().await.unwrap_err().kind(),
            ErrorKind::Disconnected
        );
        Ok(())
    })
    .await
}

#[cfg(unix)]
#[tokio::test]
async fn terminate_and_kill_are_signals() -> Result<()> {
    use std::os::unix::process::ExitStatusExt as _;
    within(async {
        let mut child = role("ending::child_is_deaf").spawn::<str, String>()?;
        child.ready().await?;
        let (_connection, mut process) = child.into_parts();
        process.terminate()?;
        assert_eq!(process.wait().await?.signal(), Some(15));
        process.terminate()?;

        let mut child = role("ending::child_is_deaf").spawn::<str, String>()?;
        assert_eq!(child.kill().await?.signal(), Some(9));
        Ok(())
    })
    .await
}

/// Sends more than the system holds, and ends when that is done.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_talks() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let line = "x".repeat(64 << 10);
    for _ in 0..64 {
        parent.send(&line).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn wait_reads_aside_what_a_child_sends_that_nobody_receives() -> Result<()> {
    within(async {
        let mut child = role("ending::child_talks").spawn::<str, String>()?;
        assert!(child.wait().await?.success());
        for _ in 0..64 {
            assert_eq!(child.recv().await?.unwrap().len(), 64 << 10);
        }
        assert_eq!(child.recv().await?, None);

        let mut child = role("ending::child_talks").spawn::<str, String>()?;
        assert!(child.stop(NEVER).await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn stop_ends_a_child_that_sends_more_than_is_read_aside() -> Result<()> {
    within(async {
        let mut child = role("ending::child_talks")
            .config(Config::new().read_ahead(64 << 10))
            .spawn::<str, String>()?;
        child.ready().await?;
        assert!(!child.stop(SHORT).await?.success());
        Ok(())
    })
    .await
}

/// Sends, and stays until its parent has taken that.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_sends_and_closes() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    parent.send("result").await?;
    parent.close().await
}

#[tokio::test]
async fn a_child_that_closes_does_not_wait_for_a_parent_that_waits_for_it() -> Result<()> {
    within(async {
        let mut child = role("ending::child_sends_and_closes").spawn::<str, String>()?;
        child.ready().await?;
        let begin = Instant::now();
        assert!(child.wait().await?.success());
        assert!(
            begin.elapsed() < Duration::from_secs(3),
            "{:?}",
            begin.elapsed()
        );
        assert_eq!(child.recv().await?.as_deref(), Some("result"));
        assert_eq!(child.recv().await?, None);
        Ok(())
    })
    .await
}

/// Is there, and tells on another way when its parent has said goodbye.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_reports() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let gate = gate::report().await?;
    gate.send("here").await?;
    while parent.recv().await?.is_some() {}
    gate.send("the parent has said goodbye").await?;
    Ok(())
}

async fn reporting() -> Result<(Child<str, String>, Connection<str, String>)> {
    reporting_as(false).await
}

async fn reporting_as(kill_on_drop: bool) -> Result<(Child<str, String>, Connection<str, String>)> {
    let mut gate = Gate::open()?;
    let mut command = role("ending::child_reports");
    command.kill_on_drop(kill_on_drop);
    let child = gate.show(&mut command).spawn::<str, String>()?;
    let mut report = gate.accept().await?;
    assert_eq!(report.recv().await?.as_deref(), Some("here"));
    Ok((child, report))
}

#[tokio::test]
async fn a_dropped_child_hears_a_goodbye_and_is_reaped() -> Result<()> {
    within(async {
        let (child, mut report) = reporting_as(false).await?;
        let id = child.id();
        drop(child);
        let said = report.recv().await?;
        assert_eq!(said.as_deref(), Some("the parent has said goodbye"));
        assert_eq!(report.recv().await?, None);
        reaped(id).await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn kill_on_drop_kills_on_drop() -> Result<()> {
    within(async {
        let (child, mut report) = reporting_as(true).await?;
        let id = child.id();
        drop(child);
        assert_eq!(
            report.recv().await.unwrap_err().kind(),
            ErrorKind::Disconnected
        );
        reaped(id).await;
        Ok(())
    })
    .await
}

/// Waits until there is not even a zombie of the process.
#[cfg(target_os = "linux")]
async fn reaped(id: u32) {
    // Nothing announces that.
    while std::path::Path::new(&format!("/proc/{id}")).exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[cfg(not(target_os = "linux"))]
async fn reaped(_: u32) {}

#[tokio::test]
async fn the_parts_of_a_child_work_apart() -> Result<()> {
    within(async {
        let (child, mut report) = reporting().await?;
        let (connection, mut process) = child.into_parts();
        assert_eq!(process.try_wait()?, None);
        let waiting = tokio::spawn(async move { process.wait().await });
        drop(connection);
        let said = report.recv().await?;
        assert_eq!(said.as_deref(), Some("the parent has said goodbye"));
        assert!(waiting.await.unwrap()?.success());
        Ok(())
    })
    .await
}

/// Starts another one, and reports; so does that.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_has_a_grandchild() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    leave_behind("ending::grandchild_stays", Stdio::null());
    while parent.recv().await?.is_some() {}
    Ok(())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn grandchild_stays() -> Result<()> {
    let mut gate = gate::report().await?;
    gate.send("here").await?;
    // Ends with the test.
    gate.recv().await?;
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum End {
    Kill,
    KillAfterExit,
    Stop,
    Drop,
    DropAfterExit,
}

#[tokio::test]
async fn kill_tree_ends_grandchildren_too() -> Result<()> {
    within(async {
        for end in [
            End::Kill,
            End::KillAfterExit,
            End::Stop,
            End::Drop,
            End::DropAfterExit,
        ] {
            let mut gate = Gate::open()?;
            let mut command = role("ending::child_has_a_grandchild");
            command.kill_tree(true);
            let mut child = gate.show(&mut command).spawn::<str, String>()?;
            let mut grandchild = gate.accept().await?;
            assert_eq!(grandchild.recv().await?.as_deref(), Some("here"));
            match end {
                End::Kill => assert!(!child.kill().await?.success()),
                End::KillAfterExit => {
                    assert!(child.wait().await?.success());
                    assert!(child.kill().await?.success());
                }
                End::Stop => assert!(child.stop(NEVER).await?.success()),
                End::Drop => drop(child),
                End::DropAfterExit => {
                    assert!(child.wait().await?.success());
                    drop(child);
                }
            }
            let ended = grandchild.recv().await.unwrap_err();
            assert_eq!(ended.kind(), ErrorKind::Disconnected, "{end:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_kill_tree_grandchildren_are_left_alone() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("ending::child_has_a_grandchild");
        let mut child = gate.show(&mut command).spawn::<str, String>()?;
        let mut grandchild = gate.accept().await?;
        assert_eq!(grandchild.recv().await?.as_deref(), Some("here"));
        child.kill().await?;
        drop(child);
        // It takes this as the end and ends by itself.
        grandchild.send("still there?").await?;
        assert_eq!(grandchild.recv().await?, None);
        Ok(())
    })
    .await
}

//! A child that has ended while a grandchild holds its end of the channel: nothing waits for the grandchild.

use std::process::exit;
use std::time::Duration;

use offspring::{Child, Config, Connection, ErrorKind, Event, Parent, Result, Stdio};

use crate::gate::{self, Gate};
use crate::grandchild::leave_behind;
use crate::support::{role, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_leaves_a_grandchild_on_the_channel() -> Result<()> {
    // Before `attach` the stdin slot is the channel, and whoever inherits that holds it open.
    leave_behind("held::grandchild_holds_the_channel", Stdio::inherit());
    let mut parent = Parent::<str, String>::attach()?;
    let way = parent.recv().await?.unwrap();
    parent.send("last words").await?;
    match &*way {
        "return" => Ok(()),
        _ => exit(0),
    }
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn grandchild_holds_the_channel() -> Result<()> {
    let mut gate = gate::report().await?;
    // Ends with the test.
    while let Some(text) = gate.recv().await? {
        gate.send(&text).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_grandchild_that_holds_the_channel_delays_neither_recv_nor_exit() -> Result<()> {
    within(async {
        for way in ["return", "exit"] {
            let mut gate = Gate::open()?;
            let mut command = role("held::child_leaves_a_grandchild_on_the_channel");
            let mut child = gate.show(&mut command).spawn::<str, String>()?;
            let mut grandchild = gate.accept().await?;

            child.send(way).await?;
            assert_eq!(child.recv().await?.as_deref(), Some("last words"));
            match (way, child.recv().await) {
                ("return", Ok(None)) => {}
                ("exit", Err(error)) => assert_eq!(error.kind(), ErrorKind::Disconnected),
                (_, answer) => panic!("{way}: {answer:?}"),
            }
            assert_eq!(child.event().await?, Some(Event::Disconnect));
            assert!(matches!(child.event().await?, Some(Event::Exit(_))));
            assert_eq!(child.event().await?, None);
            match (way, child.try_recv()) {
                ("return", Ok(None)) => {}
                ("exit", Err(error)) => assert_eq!(error.kind(), ErrorKind::Disconnected),
                (_, answer) => panic!("{way}: {answer:?}"),
            }

            grandchild.send("still there?").await?;
            assert!(grandchild.recv().await?.is_some());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nothing_can_be_sent_to_a_grandchild_that_holds_the_channel() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("held::child_leaves_a_grandchild_on_the_channel");
        let mut child = gate.show(&mut command).spawn::<str, String>()?;
        let _grandchild = gate.accept().await?;
        child.send("exit").await?;
        // More than the system holds, and nobody will read it.
        let sender = child.sender();
        let sending = tokio::spawn(async move { sender.send(&"x".repeat(8 << 20)).await });
        assert_eq!(child.recv().await?.as_deref(), Some("last words"));
        let error = child.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        for error in [
            sending.await.unwrap().unwrap_err(),
            child.send("late").await.unwrap_err(),
            child.try_send("late").unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Disconnected);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn polling_notices_the_end_although_a_grandchild_holds_the_channel() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("held::child_leaves_a_grandchild_on_the_channel");
        let mut child = gate.show(&mut command).spawn::<str, String>()?;
        let _grandchild = gate.accept().await?;
        child.send("exit").await?;
        assert!(child.wait().await?.success());
        assert_eq!(child.try_recv()?.as_deref(), Some("last words"));
        assert_eq!(
            child.try_recv().unwrap_err().kind(),
            ErrorKind::Disconnected
        );
        Ok(())
    })
    .await
}

/// More than the system holds.
fn large() -> String {
    "x".repeat(8 << 20)
}

/// A child that is told to exit, and whose end of the channel somebody else holds.
async fn dying(config: Config) -> Result<(Child<str, String>, Gate, Connection<str, String>)> {
    let mut gate = Gate::open()?;
    let mut command = role("held::child_leaves_a_grandchild_on_the_channel");
    let child = gate.show(command.config(config)).spawn::<str, String>()?;
    let grandchild = gate.accept().await?;
    child.send("exit").await?;
    Ok((child, gate, grandchild))
}

/// What the child had sent is still there.
async fn says_its_last_words(mut child: Child<str, String>) -> Result<()> {
    assert_eq!(child.recv().await?.as_deref(), Some("last words"));
    let error = child.recv().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(child.wait().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_send_ends_although_nobody_waits_for_the_exit() -> Result<()> {
    within(async {
        let (child, _gate, _grandchild) = dying(Config::new()).await?;
        let error = child.send(&large()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        says_its_last_words(child).await?;

        // Not even through a handle that knows the process.
        let (child, _gate, _grandchild) = dying(Config::new()).await?;
        let error = child.sender().send(&large()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        says_its_last_words(child).await
    })
    .await
}

#[tokio::test]
async fn a_feed_and_a_flush_end_although_nobody_waits_for_the_exit() -> Result<()> {
    within(async {
        let (child, _gate, _grandchild) = dying(Config::new()).await?;
        let error = loop {
            if let Err(error) = child.feed(&large()[..100_000]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        says_its_last_words(child).await?;

        let (child, _gate, _grandchild) = dying(Config::new().send_buffer(16 << 20)).await?;
        child.feed(&large()).await?;
        let error = child.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        says_its_last_words(child).await
    })
    .await
}

#[tokio::test]
async fn who_only_tries_to_send_is_told_too() -> Result<()> {
    within(async {
        let (child, _gate, _grandchild) = dying(Config::new()).await?;
        let text = &large()[..100_000];
        loop {
            match child.try_send(text) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Full => tokio::task::yield_now().await,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Disconnected);
                    break;
                }
            }
        }
        says_its_last_words(child).await
    })
    .await
}

#[tokio::test]
async fn a_close_ends_with_the_child() -> Result<()> {
    within(async {
        // Longer than the watchdog waits.
        let patient = Config::new().close_timeout(Duration::from_secs(3600));
        let (mut child, _gate, _grandchild) = dying(patient.clone()).await?;
        child.try_send("not read any more")?;
        let error = child.close().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert!(error.to_string().contains("of 2 messages"), "{error}");
        says_its_last_words(child).await?;

        // With more than fits in.
        let (mut child, _gate, _grandchild) = dying(patient.send_buffer(16 << 20)).await?;
        child.feed(&large()).await?;
        let error = child.close().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        says_its_last_words(child).await
    })
    .await
}

#[tokio::test]
async fn a_send_ends_when_the_connection_was_taken_apart_from_the_process() -> Result<()> {
    within(async {
        let (child, _gate, _grandchild) = dying(Config::new()).await?;
        let (connection, mut process) = child.into_parts();
        let error = connection.send(&large()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert!(process.wait().await?.success());
        Ok(())
    })
    .await
}

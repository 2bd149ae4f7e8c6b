//! Messages between a parent and its child.

use std::time::Duration;

use offspring::{Config, ErrorKind, Parent, Result};

use crate::gate::{self, Gate};
use crate::support::{role, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_echo() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    while let Some(text) = parent.recv().await? {
        parent.send(&text).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn messages_go_both_ways() -> Result<()> {
    within(async {
        let mut child = role("channel::child_echo").spawn::<str, String>()?;
        for text in ["Hello Child", "", "ünïcödé \0 \n"] {
            child.send(text).await?;
            assert_eq!(child.recv().await?.as_deref(), Some(text));
        }
        child.disconnect();
        assert_eq!(child.recv().await?, None);
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_speaks_first() -> Result<()> {
    let mut parent = Parent::<(u32, u32), u32>::attach()?;
    parent.send(&(std::process::id(), parent.id())).await?;
    assert_eq!(parent.recv().await?, Some(7));
    parent.close().await
}

#[tokio::test]
async fn the_child_may_speak_first_and_each_side_knows_the_id_of_the_other() -> Result<()> {
    within(async {
        let mut child = role("channel::child_speaks_first").spawn::<u32, (u32, u32)>()?;
        let (of_child, of_parent) = child.recv().await?.unwrap();
        assert_eq!(of_child, child.id());
        assert_eq!(of_parent, std::process::id());
        child.send(&7).await?;
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ready_says_that_the_child_has_attached() -> Result<()> {
    within(async {
        let mut child = role("channel::child_echo")
            .config(Config::new().max_message(1 << 20))
            .spawn::<str, String>()?;
        child.ready().await?;
        child.ready().await?;
        // From the hello on, the limit of the other side is known; this one has the default.
        assert_eq!(child.protocol_version(), None);
        assert!(child.stop(Duration::from_secs(30)).await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_attaches_when_told() -> Result<()> {
    let mut gate = gate::report().await?;
    assert_eq!(gate.recv().await?.as_deref(), Some("attach"));
    let mut parent = Parent::<str, String>::attach()?;
    while let Some(text) = parent.recv().await? {
        parent.send(&text).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn messages_that_come_before_the_child_has_attached_wait_for_it() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut child = gate
            .show(&mut role("channel::child_attaches_when_told"))
            .spawn::<str, String>()?;
        let gate = gate.accept().await?;
        // It runs and has not attached.
        for i in 0..100 {
            child.send(&format!("early {i}")).await?;
        }
        assert_eq!(child.try_recv().unwrap_err().kind(), ErrorKind::Empty);
        gate.send("attach").await?;
        for i in 0..100 {
            assert_eq!(child.recv().await?, Some(format!("early {i}")));
        }
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_send_of_more_than_the_system_holds_waits_for_the_child_to_attach() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut child = gate
            .show(&mut role("channel::child_attaches_when_told"))
            .spawn::<str, String>()?;
        let gate = gate.accept().await?;
        let big = "x".repeat(4 << 20);
        let sender = child.sender();
        let sending = async {
            sender.send(&big).await?;
            sender.send("small").await
        };
        tokio::pin!(sending);
        // It has filled what the system holds when the gate opens.
        let blocked = std::future::poll_fn(|cx| sending.as_mut().poll(cx).is_pending().into());
        assert!(blocked.await);
        gate.send("attach").await?;
        // The child answers while it still receives: whoever only sends goes on reading.
        sending.await?;
        assert!(child.recv().await?.as_deref() == Some(&*big));
        assert_eq!(child.recv().await?.as_deref(), Some("small"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_sends_all_before_it_reads() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let big = "c".repeat(1 << 20);
    for _ in 0..8 {
        parent.send(&big).await?;
    }
    for _ in 0..8 {
        assert_eq!(parent.recv().await?.unwrap().len(), 1 << 20);
    }
    parent.close().await
}

#[tokio::test]
async fn two_sides_that_send_all_before_they_read_do_not_wait_for_each_other() -> Result<()> {
    within(async {
        let mut child = role("channel::child_sends_all_before_it_reads").spawn::<str, String>()?;
        let big = "p".repeat(1 << 20);
        for _ in 0..8 {
            child.send(&big).await?;
        }
        for _ in 0..8 {
            assert_eq!(child.recv().await?.unwrap().len(), 1 << 20);
        }
        assert_eq!(child.recv().await?, None);
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

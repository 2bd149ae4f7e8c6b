//! What a child said before it ended arrives, however it ended, and before its end is reported.

use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::process::{ExitStatus, abort, exit};
use std::task::Poll;

use offspring::{Child, ErrorKind, Event, Parent, Result, Stdio};

use crate::gate::{self, Gate};
use crate::support::{role, within};

/// Together more than a socket or a pipe holds.
const COUNT: usize = 300;

fn message(number: usize) -> String {
    format!("{number:>1000}")
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_ends() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let way = parent.recv().await?.unwrap();
    for number in 0..COUNT {
        parent.send(&message(number)).await?;
    }
    match &*way {
        "return" => Ok(()),
        "return when that is taken" => {
            assert_eq!(parent.recv().await?.as_deref(), Some("return"));
            Ok(())
        }
        "close and return" => parent.close().await,
        "close and exit" => {
            parent.close().await?;
            exit(3)
        }
        "exit" => exit(4),
        "panic" => panic!("told to"),
        "abort" => abort(),
        "wait" => {
            let gate = gate::report().await?;
            gate.send("all is said").await?;
            pending().await
        }
        _ => unreachable!(),
    }
}

fn spawn(way: &str) -> Result<Child<str, String>> {
    let mut child = role("last_words::child_ends");
    let child = child.stderr(Stdio::null()).spawn::<str, String>()?;
    child.try_send(way)?;
    Ok(child)
}

/// All events but the messages in front; checks these, the order of the rest, and that nothing follows.
async fn exit_after_messages(child: &mut Child<str, String>, first: usize) -> Result<ExitStatus> {
    for number in first..COUNT {
        assert_eq!(child.event().await?, Some(Event::Message(message(number))));
    }
    assert_eq!(child.event().await?, Some(Event::Disconnect));
    let Some(Event::Exit(status)) = child.event().await? else {
        panic!("the exit follows the disconnect");
    };
    for _ in 0..3 {
        assert_eq!(child.event().await?, None);
    }
    assert_eq!(child.wait().await?, status);
    Ok(status)
}

async fn arrives(way: &str) -> Result<ExitStatus> {
    within(exit_after_messages(&mut spawn(way)?, 0)).await
}

#[tokio::test]
async fn what_was_sent_before_main_returned_arrives() -> Result<()> {
    assert!(arrives("return").await?.success());
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives() -> Result<()> {
    assert!(arrives("close and return").await?.success());
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_a_close_and_an_exit_arrives() -> Result<()> {
    assert_eq!(arrives("close and exit").await?.code(), Some(3));
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_an_exit_arrives() -> Result<()> {
    assert_eq!(arrives("exit").await?.code(), Some(4));
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_a_panic_arrives() -> Result<()> {
    assert_eq!(arrives("panic").await?.code(), Some(101));
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_an_abort_arrives() -> Result<()> {
    assert!(!arrives("abort").await?.success());
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_a_kill_arrives() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("last_words::child_ends");
        let mut child = gate.show(&mut command).spawn::<str, String>()?;
        child.send("wait").await?;
        // So few that the system says there is room for them: Linux does once three quarters of it are free.
        let unread = 10;
        for number in 0..COUNT - unread {
            assert_eq!(child.recv().await?, Some(message(number)));
        }
        let said = gate.accept().await?.recv().await?;
        assert_eq!(said.as_deref(), Some("all is said"));
        assert!(!child.kill().await?.success());
        let status = exit_after_messages(&mut child, COUNT - unread).await?;
        assert!(!status.success());
        Ok(())
    })
    .await
}

/// How `recv` ends after all messages.
async fn last_answer(way: &str) -> Result<Option<String>> {
    within(async {
        let mut child = spawn(way)?;
        for number in 0..COUNT {
            assert_eq!(child.recv().await?, Some(message(number)));
        }
        // A goodbye needs room: one that is said without waiting can be lost where messages wait.
        child.send("return").await.ok();
        let answer = child.recv().await;
        match (&answer, child.recv().await) {
            (Ok(None), Ok(None)) => {}
            (Err(first), Err(second)) => assert_eq!(first.kind(), second.kind()),
            (_, second) => panic!("{answer:?}, and later {second:?}"),
        }
        answer
    })
    .await
}

#[tokio::test]
async fn a_return_from_main_is_a_quiet_end() -> Result<()> {
    assert_eq!(last_answer("return when that is taken").await?, None);
    assert_eq!(last_answer("close and return").await?, None);
    assert_eq!(last_answer("close and exit").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_crash_is_never_a_quiet_end() {
    for way in ["exit", "panic", "abort"] {
        let error = last_answer(way).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{way}");
        assert!(
            error.to_string().contains("gone without a goodbye"),
            "{error}"
        );
    }
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_ends_in_the_middle_of_a_message() -> Result<()> {
    let parent = Parent::<str, String>::attach()?;
    parent.send("whole").await?;
    let big = "x".repeat(8 << 20);
    let mut sending = pin!(parent.send(&big));
    // Writes what fits. Nobody reads yet, so that is not all.
    let pending = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_pending())).await;
    assert!(pending);
    let gate = gate::report().await?;
    gate.send("half is said").await?;
    drop(gate);
    exit(0)
}

#[tokio::test]
async fn a_message_that_the_exit_cut_short_is_told_from_an_end_between_messages() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("last_words::child_ends_in_the_middle_of_a_message");
        let mut child = gate.show(&mut command).spawn::<str, String>()?;
        gate.accept().await?.recv().await?;
        assert_eq!(
            child.event().await?,
            Some(Event::Message("whole".to_owned()))
        );
        let end = match child.event().await {
            Err(error) => error.kind(),
            // Windows may take an unfinished write back as a whole.
            Ok(Some(Event::Disconnect)) if cfg!(windows) => ErrorKind::Disconnected,
            Ok(event) => panic!("{event:?}"),
        };
        if end == ErrorKind::Truncated {
            assert_eq!(child.event().await?, Some(Event::Disconnect));
        }
        assert!(matches!(child.event().await?, Some(Event::Exit(status)) if status.success()));
        assert_eq!(child.event().await?, None);
        assert_eq!(child.recv().await.unwrap_err().kind(), end);
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_returns_when_nothing_more_fits_in() -> Result<()> {
    let parent = Parent::<str, String>::attach()?;
    for number in 0.. {
        let message = message(number);
        let mut sending = pin!(parent.send(&message));
        if poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_pending())).await {
            let gate = gate::report().await?;
            gate.send(&(number + 1).to_string()).await?;
            break;
        }
    }
    Ok(())
}

/// Windows cannot make room: there the last message and the goodbye are lost. `close` would have waited.
#[cfg(unix)]
#[tokio::test]
async fn a_goodbye_that_does_not_fit_in_is_not_taken_for_a_crash() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("last_words::child_returns_when_nothing_more_fits_in");
        let child = gate.show(&mut command).spawn::<str, String>()?;
        let (mut connection, mut process) = child.into_parts();
        let count = gate.accept().await?.recv().await?.unwrap();
        assert!(process.wait().await?.success());
        for number in 0..count.parse().unwrap() {
            assert_eq!(connection.recv().await?, Some(message(number)));
        }
        assert_eq!(connection.recv().await?, None);
        Ok(())
    })
    .await
}

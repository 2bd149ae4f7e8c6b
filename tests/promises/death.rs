//! Promise: a death is noticed, and named.

use std::future::pending;
use std::process::{abort, exit};
use std::time::{Duration, Instant};

use offspring::{Child, ErrorKind, Event, Parent, Result, Stdio};

use crate::gate::{self, Gate};
use crate::grandchild::leave_behind;
use crate::stage::{Parcel, Times, size, within};
use crate::support::role;

/// What a noisy machine may add to half of the times.
const NOISE: Duration = Duration::from_millis(50);

/// Streams parcels if its parent asks for that, and otherwise waits.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_streams() -> Result<()> {
    let mut parent = Parent::<Parcel, bool>::attach()?;
    if parent.recv().await? == Some(true) {
        for number in 0.. {
            parent.send(&Parcel::new(number, 300_000)).await?;
        }
    }
    pending().await
}

#[tokio::test]
async fn the_end_of_a_killed_child_is_told_at_once() -> Result<()> {
    within(async {
        let (mut ends, mut exits) = (Times::default(), Times::default());
        let mut cut = 0;
        let deaths = size(20, 500);
        for round in 0..deaths {
            let mut child = role("death::child_streams").spawn::<bool, Parcel>()?;
            child.ready().await?;
            let streams = round % 2 == 1;
            child.send(&streams).await?;
            let mut next = 0;
            if streams {
                for _ in 0..round % 17 {
                    next += u64::from(matches!(child.event().await?, Some(Event::Message(_))));
                }
            }
            let (connection, mut process) = child.into_parts();
            let (_sender, mut receiver) = connection.split();
            let begin = Instant::now();
            process.start_kill()?;
            // What was sent before comes first, whole and in order.
            loop {
                match receiver.recv().await {
                    Ok(Some(parcel)) => {
                        assert!(parcel.number == next && parcel.is_whole());
                        next += 1;
                    }
                    Err(error) if error.kind() == ErrorKind::Disconnected => break,
                    Err(error) if error.kind() == ErrorKind::Truncated && streams => {
                        cut += 1;
                        break;
                    }
                    answer => panic!("{:?}", answer.map(|parcel| parcel.is_some())),
                }
            }
            ends.add(begin.elapsed());
            assert!(!process.wait().await?.success());
            exits.add(begin.elapsed());
        }
        assert!(
            ends.percentile(50) < NOISE && exits.percentile(50) < NOISE,
            "{ends}; {exits}"
        );
        println!(
            "figure: death: a child was killed, every other time in the middle of a stream: \
             recv told it after {ends}, wait after {exits}; {cut} told that a message was cut short"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_leaves_the_channel_to_a_grandchild() -> Result<()> {
    // Before `attach` the stdin slot is the channel, and whoever inherits that holds it open.
    leave_behind("death::grandchild_holds_the_channel", Stdio::inherit());
    let mut parent = Parent::<(), ()>::attach()?;
    parent.recv().await?;
    exit(0)
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn grandchild_holds_the_channel() -> Result<()> {
    // Ends with the test.
    gate::report().await?.recv().await?;
    Ok(())
}

#[tokio::test]
async fn a_grandchild_that_holds_the_channel_delays_no_exit() -> Result<()> {
    within(async {
        let mut times = Times::default();
        for _ in 0..size(5, 100) {
            let mut gate = Gate::open()?;
            let mut command = role("death::child_leaves_the_channel_to_a_grandchild");
            let mut child = gate.show(&mut command).spawn::<(), ()>()?;
            let _grandchild = gate.accept().await?;
            child.ready().await?;
            let begin = Instant::now();
            child.send(&()).await?;
            assert_eq!(child.event().await?, Some(Event::Disconnect));
            assert!(matches!(child.event().await?, Some(Event::Exit(_))));
            times.add(begin.elapsed());
        }
        assert!(times.percentile(50) < 4 * NOISE, "{times}");
        println!(
            "figure: death: a child told to exit while a grandchild holds its channel: Exit after {times}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_has_last_words() -> Result<()> {
    let mut parent = match std::env::var("BEFORE_IT_ATTACHES") {
        Ok(_) => {
            eprintln!("no licence");
            exit(7)
        }
        Err(_) => Parent::<str, String>::attach()?,
    };
    let way = parent.recv().await?;
    parent.send("last words").await?;
    eprintln!("something broke");
    match way.as_deref() {
        Some("exit") => exit(7),
        _ => abort(),
    }
}

#[tokio::test]
async fn an_error_names_the_way_in_which_the_child_ended() -> Result<()> {
    within(async {
        let mut told = Vec::new();
        for way in ["exit", "abort"] {
            let mut child: Child<str, String> = role("death::child_has_last_words")
                .stderr(Stdio::piped())
                .spawn()?;
            child.send(way).await?;
            assert_eq!(child.recv().await?.as_deref(), Some("last words"));
            let error = child.recv().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected);
            let status = child.wait().await?;
            let text = error.to_string();
            assert!(text.contains(&status.to_string()), "{text}");
            assert!(text.contains("something broke"), "{text}");
            told.push(status.to_string());
        }
        let mut child: Child<str, String> = role("death::child_has_last_words")
            .env("BEFORE_IT_ATTACHES", "1")
            .stderr(Stdio::piped())
            .spawn()?;
        let error = child.ready().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::ExitedEarly { status } if status.code() == Some(7)),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains("no licence"), "{text}");
        println!(
            "figure: death: 3 of 3 errors, of recv and of ready, had the exit ({}) and the end of stderr",
            told.join("; ")
        );
        Ok(())
    })
    .await
}

//! What a Node child and its Rust parent say to each other.

use std::collections::BTreeMap;

use offspring::node::Serialization;
use offspring::{Config, ErrorKind, Event, Result};
use serde::{Deserialize, Serialize};

use crate::scripts::{BOTH, ECHO, MANY, RAW, Source};
use crate::support::within;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    id: u32,
    name: String,
    parts: Vec<Option<f64>>,
    tags: BTreeMap<String, bool>,
}

#[tokio::test]
async fn values_come_back_as_they_were_sent() -> Result<()> {
    let Some(source) = Source::new(ECHO) else {
        return Ok(());
    };
    within(async {
        let job = Job {
            id: u32::MAX,
            name: "ünïcödé \u{2028} 🦛 \"\\ \0 \n \u{7f}".into(),
            parts: vec![Some(1.5), None, Some(-0.25), Some(1e300)],
            tags: [("ä".to_owned(), true), ("7".to_owned(), false)].into(),
        };
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<Job, Job>()?;
            for _ in 0..3 {
                child.send(&job).await?;
                assert_eq!(
                    child.recv().await?.as_ref(),
                    Some(&job),
                    "{serialization:?}"
                );
            }
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_string_of_ten_megabytes_comes_back() -> Result<()> {
    let Some(source) = Source::new(ECHO) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let config = Config::new().max_message(64 << 20);
            let mut child = source
                .command(serialization)
                .config(config)
                .spawn::<str, String>()?;
            for text in [
                "a".repeat(10_000_000),
                "ü".repeat(5_000_000),
                "→🦛".repeat(1_000_000),
            ] {
                child.send(&text).await?;
                assert!(
                    child.recv().await?.as_deref() == Some(&*text),
                    "{serialization:?}"
                );
            }
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn messages_that_come_before_the_script_listens_wait_for_it() -> Result<()> {
    let Some(source) = Source::new(
        "setTimeout(() => process.on('message', (message) => process.send(message)), 100);",
    ) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<u32, u32>()?;
            child.ready().await?; // says nothing about Node
            for number in 0..1000 {
                child.send(&number).await?;
            }
            for number in 0..1000 {
                assert_eq!(child.recv().await?, Some(number));
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_hundred_thousand_messages_before_a_natural_end_all_arrive() -> Result<()> {
    let text = format!("for (let i = 0; i < {MANY}; i++) process.send({{ i }});");
    let Some(source) = Source::new(&text) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source
                .command(serialization)
                .spawn::<(), BTreeMap<String, u32>>()?;
            for i in 0..MANY {
                assert_eq!(child.recv().await?.unwrap()["i"], i);
            }
            child.disconnect();
            assert_eq!(child.recv().await?, None);
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_hundred_thousand_messages_to_a_script_all_arrive() -> Result<()> {
    let text = format!(
        "let sum = 0;
         process.on('message', (n) => {{ sum += n; }});
         process.on('disconnect', () => {{ process.exitCode = sum === {} ? 7 : 8; }});",
        u64::from(MANY) * u64::from(MANY - 1) / 2
    );
    let Some(source) = Source::new(&text) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<u32, ()>()?;
            for number in 0..MANY {
                child.feed(&number).await?;
            }
            child.close().await?;
            assert_eq!(child.wait().await?.code(), Some(7), "{serialization:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_malformed_line_is_an_error_and_the_next_line_is_read() -> Result<()> {
    let Some(source) = Source::new(&format!(
        "{RAW} {}",
        r#"raw('"one"\n"two\n\n  \r\nnonsense\n"\\ud800"\n \t"three" \r\n7\n"four"\n');
           process.disconnect();"#
    )) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<(), String>()?;
        let mut answers = Vec::new();
        loop {
            match child.recv().await {
                Ok(Some(text)) => answers.push(text),
                Ok(None) => break,
                Err(error) => answers.push(format!("{:?}", error.kind())),
            }
        }
        let malformed = "Malformed";
        assert_eq!(
            answers[..5],
            ["one", malformed, malformed, malformed, malformed]
        );
        // What a lone surrogate becomes is the business of the codec; that it breaks nothing is ours.
        assert_eq!(answers[6..], ["three", "Decode", "four"], "{answers:?}");
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bad_value_in_a_good_frame_is_an_error_and_the_next_frame_is_read() -> Result<()> {
    let Some(source) = Source::new(&format!(
        "{RAW} {}",
        r"
          const frame = (...bytes) => raw([0, 0, 0, bytes.length, ...bytes]);
          frame(0xff, 0x0f, 0x49, 2);
          frame();
          frame(0xff);
          frame(0xff, 0x0f, 0x99);
          frame(0xff, 0x0f, 0x49, 4);
          process.disconnect();"
    )) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Advanced).spawn::<(), u32>()?;
        assert_eq!(child.recv().await?, Some(1));
        for _ in 0..3 {
            let error = child.recv().await.unwrap_err();
            assert!(!error.kind().ends_connection(), "{error:?}");
        }
        assert_eq!(child.recv().await?, Some(2));
        assert_eq!(child.recv().await?, None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_absurd_length_ends_the_channel_with_an_error() -> Result<()> {
    let Some(source) = Source::new(&format!(
        "{RAW} raw([0x7f, 0xff, 0xff, 0xff, 1]); setInterval(() => {{}}, 1000);"
    )) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Advanced).spawn::<(), u32>()?;
        for _ in 0..2 {
            let error = child.recv().await.unwrap_err();
            assert!(matches!(
                error.kind(),
                ErrorKind::TooLarge {
                    size: 0x7fff_ffff,
                    ..
                }
            ));
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_line_without_end_is_an_error_and_takes_no_more_memory_than_allowed() -> Result<()> {
    let Some(source) = Source::new(&format!(
        "{RAW} {}",
        r"
         const chunk = Buffer.alloc(4096, 'x');
         setInterval(() => { try { raw(chunk); } catch {} }, 1);"
    )) else {
        return Ok(());
    };
    within(async {
        let mut child = source
            .command(Serialization::Json)
            .config(Config::new().max_message(100_000))
            .spawn::<(), String>()?;
        let error = child.recv().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::TooLarge { limit: 100_000, .. }),
            "{error:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_message_that_was_cut_off_is_no_quiet_end() -> Result<()> {
    let Some(source) = Source::new(&format!(
        "{RAW} {}",
        r#"raw('"whole"\n"cut o'); process.exit(3);"#
    )) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<(), String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some("whole"));
        let error = child.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{error:?}");
        assert_eq!(child.wait().await?.code(), Some(3));
        Ok(())
    })
    .await
}

#[derive(Serialize)]
struct Command<'a> {
    cmd: &'a str,
    n: u8,
}

#[tokio::test]
async fn a_message_that_node_would_keep_to_itself_is_refused_where_it_is_sent() -> Result<()> {
    let Some(source) = Source::new(ECHO) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source
                .command(serialization)
                .spawn::<Command<'_>, BTreeMap<String, serde::de::IgnoredAny>>()?;
            for cmd in [
                "NODE_HANDLE",
                "NODE_x",
                "NODE_HANDLE_ACK",
                "NODE_ü",
                "NODE_→",
            ] {
                let error = child.send(&Command { cmd, n: 1 }).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Encode, "{cmd}");
                assert!(error.to_string().contains("NODE_"), "{error}");
            }
            // These look similar and are for everybody.
            for cmd in ["NODE_", "node_x", "", "xNODE_HANDLE", "NODE"] {
                child.send(&Command { cmd, n: 1 }).await?;
                let answer = child.recv().await?.unwrap();
                assert!(answer.contains_key("cmd"), "{cmd}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn control_messages_of_node_never_reach_the_program() -> Result<()> {
    let Some(source) = Source::new(
        r"process.send({ cmd: 'NODE_WHATEVER', n: 1 });
          process.send({ cmd: 'NODE_HANDLE_ACK' });
          process.send({ n: 2, cmd: 'NODE_→' });
          process.send({ cmd: 'NODE_', n: 3 });
          process.send({ inner: { cmd: 'NODE_WHATEVER' }, n: 4 });
          process.send({ cmd: ['NODE_WHATEVER'], n: 5 });
          process.send({ cmd: 'x', text: 'NODE_WHATEVER', n: 6 });
          process.disconnect();",
    ) else {
        return Ok(());
    };
    #[derive(Debug, PartialEq, Deserialize)]
    struct Numbered {
        n: u8,
    }
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<(), Numbered>()?;
            let mut found = Vec::new();
            while let Some(event) = child.event().await? {
                match event {
                    Event::Message(Numbered { n }) => found.push(n),
                    Event::Exit(status) => assert!(status.success()),
                    _ => {}
                }
            }
            assert_eq!(found, [3, 4, 5, 6], "{serialization:?}");
        }
        Ok(())
    })
    .await
}

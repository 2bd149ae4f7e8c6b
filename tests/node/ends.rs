//! How a Node child and the channel to it end.

use std::time::Duration;

use offspring::node::{Script, Serialization};
use offspring::{Command, ErrorKind, Event, Result, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::scripts::{BOTH, ECHO, Source, node};
use crate::support::within;

#[tokio::test]
async fn messages_come_before_disconnect_and_exit_is_the_last_event() -> Result<()> {
    for (end, code) in [
        ("", Some(0)),
        ("process.exit(5)", Some(5)),
        ("process.exitCode = 6; process.disconnect()", Some(6)),
        ("throw new Error('on purpose')", Some(1)),
        ("process.kill(process.pid, 'SIGKILL')", None),
    ] {
        let text = format!("process.send(1); process.send(2); {end};");
        let Some(source) = Source::new(&text) else {
            return Ok(());
        };
        within(async {
            for serialization in BOTH {
                let mut child = source
                    .command(serialization)
                    .stderr(Stdio::null())
                    .spawn::<(), u32>()?;
                let mut events = Vec::new();
                while let Some(event) = child.event().await? {
                    events.push(event);
                }
                let (before, last) = events.split_at(3);
                let expected = [Event::Message(1), Event::Message(2), Event::Disconnect];
                assert_eq!(before, expected, "{end}");
                let [Event::Exit(status)] = last else {
                    panic!("{last:?}");
                };
                // Windows knows no signals.
                let code = if cfg!(windows) {
                    code.or(Some(1))
                } else {
                    code
                };
                assert_eq!(status.code(), code, "{end}");
            }
            Result::Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_script_that_leaves_the_channel_lives_on() -> Result<()> {
    let Some(source) = Source::new(
        "process.send('bye'); process.disconnect();
         process.stdin.on('end', () => process.exit(9)).resume();",
    ) else {
        return Ok(());
    };
    within(async {
        let mut child = source
            .command(Serialization::Json)
            .stdin(Stdio::piped())
            .spawn::<str, String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some("bye"));
        assert_eq!(child.recv().await?, None);
        assert_eq!(child.try_wait()?, None);
        assert!(child.send("are you there?").await.is_err());
        drop(child.stdin.take());
        assert_eq!(child.wait().await?.code(), Some(9));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_disconnect_ends_a_script_that_has_nothing_else_to_do() -> Result<()> {
    let Some(source) = Source::new(ECHO) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<str, String>()?;
            child.send("x").await?;
            assert_eq!(child.recv().await?.as_deref(), Some("x"));
            child.disconnect();
            assert_eq!(child.send("y").await.unwrap_err().kind(), ErrorKind::Closed);
            assert_eq!(child.recv().await?, None);
            assert_eq!(child.wait().await?.code(), Some(0));
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn close_says_whether_the_script_has_read_everything() -> Result<()> {
    let Some(source) =
        Source::new("process.on('message', (text) => { if (text === 'leave') process.exit(0); });")
    else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<str, ()>()?;
        child.send("stay").await?;
        child.close().await?;
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_drop_lets_the_script_finish_what_it_was_sent() -> Result<()> {
    let Some(source) = Source::new(
        "let n = 0;
         process.on('message', () => { n += 1; });
         process.on('disconnect', () => { require('fs').writeFileSync(process.argv[2], `${n}`); });",
    ) else {
        return Ok(());
    };
    within(async {
        let result = source.path().with_file_name("result");
        let mut child = source
            .command(Serialization::Json)
            .kill_on_drop(false)
            .arg(&result)
            .spawn::<u32, ()>()?;
        for number in 0..5000 {
            child.send(&number).await?;
        }
        let (connection, mut process) = {
            child.ready().await?;
            child.into_parts()
        };
        drop(connection);
        assert!(process.wait().await?.success());
        assert_eq!(std::fs::read_to_string(result).unwrap(), "5000");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn stop_goes_from_goodbye_to_kill() -> Result<()> {
    let grace = Duration::from_millis(300);
    for (text, code) in [
        (ECHO, Some(0)),
        ("setInterval(() => {}, 1000); process.send('up');", None),
        (
            "process.on('SIGTERM', () => process.exit(4)); setInterval(() => {}, 1000); process.send('up');",
            Some(4),
        ),
        (
            "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send('up');",
            None,
        ),
    ] {
        let Some(source) = Source::new(text) else {
            return Ok(());
        };
        within(async {
            let mut child = source.command(Serialization::Json).spawn::<str, String>()?;
            child.send("x").await?;
            child.recv().await?;
            let status = child.stop(grace).await?;
            if cfg!(unix) {
                assert_eq!(status.code(), code, "{text}: {status}");
            }
            Result::Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_script_that_does_not_read_makes_send_wait_and_loses_nothing() -> Result<()> {
    // Deaf until something comes on its standard input.
    let Some(source) = Source::new(
        "process.stdin.once('data', () => {
             let n = 0;
             process.on('message', (text) => {
                 n += text.length;
                 if (text === 'end') process.send(n);
             });
         });
         require('fs').writeSync(1, 'x');
         const end = Date.now() + 1000;
         while (Date.now() < end);",
    ) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source
                .command(serialization)
                .stdin(Stdio::piped())
                .spawn::<str, u64>()?;
            let text = "x".repeat(1 << 20);
            let sender = child.sender();
            let sending = async {
                for _ in 0..32 {
                    sender.send(&text).await?;
                }
                sender.send("end").await
            };
            tokio::pin!(sending);
            let blocked = std::future::poll_fn(|cx| sending.as_mut().poll(cx).is_pending().into());
            assert!(blocked.await);
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(b"go").await.unwrap();
            sending.await?;
            assert_eq!(child.recv().await?, Some(32 << 20 | 3));
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_script_that_sends_more_than_is_read_waits_and_loses_nothing() -> Result<()> {
    let Some(source) = Source::new(
        "const text = 'y'.repeat(1 << 20);
         for (let i = 0; i < 32; i++) process.send(text);
         process.send('end');",
    ) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<(), String>()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            for _ in 0..32 {
                assert_eq!(child.recv().await?.unwrap().len(), 1 << 20);
            }
            assert_eq!(child.recv().await?.as_deref(), Some("end"));
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_grandchild_that_holds_the_channel_does_not_delay_the_exit() -> Result<()> {
    let Some(source) = Source::new(
        "const fd = process.channel.fd;
         const { spawn } = require('child_process');
         const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'],
             { stdio: ['pipe', 'ignore', 'ignore', fd], detached: true });
         process.send(child.pid, () => process.exit(3));",
    ) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<(), u32>()?;
        let _grandchild = child.recv().await?.unwrap();
        assert_eq!(child.event().await?, Some(Event::Disconnect));
        assert!(
            matches!(child.event().await?, Some(Event::Exit(status)) if status.code() == Some(3))
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_script_has_the_streams_arguments_and_variables_that_were_asked_for() -> Result<()> {
    let Some(source) = Source::new(
        "const seen = {
             argv: process.argv.slice(2),
             execArgv: process.execArgv,
             word: process.env.WORD,
             channel: Object.keys(process.env).filter((key) => /^NODE_CHANNEL|^OFFSPRING/.test(key)),
             cwd: process.cwd(),
         };
         let input = '';
         process.stdin.on('data', (chunk) => { input += chunk; });
         process.stdin.on('end', () => {
             process.stdout.write(`out ${input}`);
             process.stderr.write('err');
             process.send(seen, () => process.disconnect());
         });",
    ) else {
        return Ok(());
    };
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Seen {
        argv: Vec<String>,
        exec_argv: Vec<String>,
        word: String,
        channel: Vec<String>,
        cwd: String,
    }
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let script = source
            .script(Serialization::Json)
            .exec_argv(["--no-warnings", "--stack-trace-limit=7"]);
        let mut command = Command::node(script);
        command
            .args(["one", "two words"])
            .env("WORD", "hippo")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A command can be spawned again.
        for _ in 0..2 {
            let mut child = command.spawn::<(), Seen>()?;
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all("input".as_bytes()).await.unwrap();
            drop(stdin);
            let seen = child.recv().await?.unwrap();
            assert_eq!(seen.argv, ["one", "two words"]);
            assert_eq!(seen.exec_argv, ["--no-warnings", "--stack-trace-limit=7"]);
            assert_eq!(seen.word, "hippo");
            assert_eq!(seen.channel, Vec::<String>::new());
            let real = |path: &std::path::Path| std::fs::canonicalize(path).unwrap();
            assert_eq!(real(seen.cwd.as_ref()), real(folder.path()));
            let (mut out, mut err) = (String::new(), String::new());
            child
                .stdout
                .take()
                .unwrap()
                .read_to_string(&mut out)
                .await
                .unwrap();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut err)
                .await
                .unwrap();
            assert_eq!((&*out, &*err), ("out input", "err"));
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn children_of_the_script_see_neither_channel_nor_variables() -> Result<()> {
    let Some(source) = Source::new(
        "const { spawnSync } = require('child_process');
         const code = 'console.log(JSON.stringify([typeof process.send, Object.keys(process.env).filter((key) => /^NODE_CHANNEL/.test(key))]))';
         process.send(spawnSync(process.execPath, ['-e', code]).stdout.toString().trim());",
    ) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<(), String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some(r#"["undefined",[]]"#));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_missing_node_is_an_error_of_spawn() {
    let script = Script::new("child.js").program("./no-such-node");
    let error = Command::node(script).spawn::<(), ()>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Spawn);
    assert!(error.to_string().contains("no-such-node"), "{error}");
}

#[tokio::test]
async fn a_missing_script_is_an_end_with_status_one() -> Result<()> {
    let Some(node) = node() else {
        return Ok(());
    };
    within(async {
        let script = Script::new("no-such-script.js").program(node);
        let mut child = Command::node(script)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn::<(), ()>()?;
        assert_eq!(child.event().await?, Some(Event::Disconnect));
        assert!(
            matches!(child.event().await?, Some(Event::Exit(status)) if status.code() == Some(1))
        );
        Ok(())
    })
    .await
}

//! The blocking API with real Node at the other end: what the other files claim of the async one.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use offspring::blocking::{Command, Parent};
use offspring::node::Serialization;
use offspring::{Config, ErrorKind, Event, Result, Stdio};
use serde::{Deserialize, Serialize};

use crate::child_of_node::run;
use crate::scripts::{BOTH, ECHO, MANY, RAW, Source};
use crate::within::within;

/// How to start a script. Ended with its handle.
pub(crate) fn command(source: &Source, serialization: Serialization) -> Command {
    let mut command = Command::node(source.script(serialization));
    command.kill_on_drop(true).stdout(Stdio::null());
    command
}

/// Runs a claim about a script, for both ways in which messages are written.
pub(crate) fn of_script(
    text: &str,
    claim: impl Fn(&Source, Serialization) -> Result<()> + Send + 'static,
) -> Result<()> {
    let Some(source) = Source::new(text) else {
        return Ok(());
    };
    within(move || {
        BOTH.iter()
            .try_for_each(|serialization| claim(&source, *serialization))
    })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Job {
    id: u32,
    name: String,
    parts: Vec<Option<f64>>,
}

#[test]
fn values_come_back_as_they_were_sent() -> Result<()> {
    of_script(ECHO, |source, serialization| {
        let mut child = command(source, serialization).spawn::<Job, Job>()?;
        child.ready()?; // says nothing about Node
        for name in ["ünïcödé \u{2028} 🦛 \"\\ \0 \n", "", &"→🦛".repeat(500_000)] {
            let job = Job {
                id: u32::MAX,
                name: name.to_owned(),
                parts: vec![Some(1.5), None, Some(1e300)],
            };
            child.send(&job)?;
            assert!(child.recv()? == Some(job), "{serialization:?}");
        }
        assert!(child.wait()?.success());
        Ok(())
    })
}

#[test]
fn many_messages_before_a_natural_end_all_arrive() -> Result<()> {
    let text = format!("for (let i = 0; i < {MANY}; i++) process.send({{ i }});");
    of_script(&text, |source, serialization| {
        let mut child = command(source, serialization).spawn::<(), BTreeMap<String, u32>>()?;
        for i in 0..MANY {
            assert_eq!(child.recv()?.unwrap()["i"], i);
        }
        child.disconnect();
        assert_eq!(child.recv()?, None);
        assert!(child.wait()?.success());
        Ok(())
    })
}

#[test]
fn close_is_ok_when_the_script_has_read_everything() -> Result<()> {
    let text = format!(
        "let sum = 0;
         process.on('message', (n) => {{ sum += n; }});
         process.on('disconnect', () => {{ process.exitCode = sum === {} ? 7 : 8; }});",
        u64::from(MANY) * u64::from(MANY - 1) / 2
    );
    of_script(&text, |source, serialization| {
        let mut child = command(source, serialization).spawn::<u32, ()>()?;
        for number in 0..MANY {
            child.feed(&number)?;
        }
        child.close()?;
        assert_eq!(child.wait()?.code(), Some(7), "{serialization:?}");
        Ok(())
    })
}

#[test]
fn messages_come_before_disconnect_and_exit_is_the_last_event() -> Result<()> {
    for (end, code) in [
        ("", Some(0)),
        ("process.exit(5)", Some(5)),
        ("process.exitCode = 6; process.disconnect()", Some(6)),
        ("throw new Error('on purpose')", Some(1)),
        ("process.kill(process.pid, 'SIGKILL')", None),
    ] {
        // Windows knows no signals.
        let code = if cfg!(windows) {
            code.or(Some(1))
        } else {
            code
        };
        let text = format!("process.send(1); process.send(2); {end};");
        of_script(&text, move |source, serialization| {
            let mut child = command(source, serialization)
                .stderr(Stdio::null())
                .spawn::<(), u32>()?;
            for event in [Event::Message(1), Event::Message(2), Event::Disconnect] {
                assert_eq!(child.event()?, Some(event), "{end}");
            }
            let Some(Event::Exit(status)) = child.event()? else {
                panic!("no exit: {end}");
            };
            assert_eq!(status.code(), code, "{end}");
            assert_eq!(child.event()?, None);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_disconnect_ends_a_script_that_has_nothing_else_to_do() -> Result<()> {
    of_script(ECHO, |source, serialization| {
        let mut child = command(source, serialization).spawn::<str, String>()?;
        child.send("x")?;
        assert_eq!(child.recv()?.as_deref(), Some("x"));
        child.disconnect();
        assert_eq!(child.send("y").unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(child.recv()?, None);
        assert_eq!(child.wait()?.code(), Some(0));
        Ok(())
    })
}

#[test]
fn a_disconnect_of_another_thread_ends_a_receive() -> Result<()> {
    of_script(ECHO, |source, serialization| {
        let (connection, mut process) = command(source, serialization)
            .spawn::<str, String>()?
            .into_parts();
        let (sender, mut receiver) = connection.split();
        sender.send("x")?;
        let (answered, answer) = mpsc::channel();
        let receiving = thread::spawn(move || {
            answered.send(receiver.recv()?).unwrap();
            receiver.recv()
        });
        assert_eq!(answer.recv().unwrap().as_deref(), Some("x"));
        // It ends whether the other thread waits by then or not; most likely it does.
        thread::sleep(Duration::from_millis(50));
        sender.disconnect();
        assert_eq!(receiving.join().unwrap()?, None);
        assert_eq!(process.wait()?.code(), Some(0));
        Ok(())
    })
}

#[test]
fn a_drop_lets_the_script_finish_what_it_was_sent() -> Result<()> {
    let text = "let n = 0;
         process.on('message', () => { n += 1; });
         process.on('disconnect', () => { require('fs').writeFileSync(process.argv[2], `${n}`); });";
    of_script(text, |source, serialization| {
        let result = source.path().with_file_name("result");
        let child = command(source, serialization)
            .kill_on_drop(false)
            .arg(&result)
            .spawn::<u32, ()>()?;
        for number in 0..5000 {
            child.send(&number)?;
        }
        let (connection, mut process) = child.into_parts();
        drop(connection);
        assert!(process.wait()?.success());
        assert_eq!(std::fs::read_to_string(result).unwrap(), "5000");
        Ok(())
    })
}

#[test]
fn stop_goes_from_goodbye_to_kill() -> Result<()> {
    for (text, code) in [
        (ECHO, Some(0)),
        (
            "process.on('SIGTERM', () => process.exit(4)); setInterval(() => {}, 1000); process.send('up');",
            Some(4),
        ),
        (
            "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send('up');",
            None,
        ),
    ] {
        of_script(text, move |source, serialization| {
            let mut child = command(source, serialization).spawn::<str, String>()?;
            child.send("x")?;
            child.recv()?;
            let status = child.stop(Duration::from_millis(300))?;
            // Windows knows no request to end.
            assert!(cfg!(windows) || status.code() == code, "{text}: {status}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn both_sides_send_much_before_either_receives() -> Result<()> {
    let text = "const text = 'y'.repeat(1 << 20);
         let n = 0;
         process.on('message', (text) => { n += text.length; if (text === 'end') process.send(`${n}`); });
         for (let i = 0; i < 8; i++) process.send(text);";
    of_script(text, |source, serialization| {
        let mut child = command(source, serialization).spawn::<str, String>()?;
        let text = "x".repeat(1 << 20);
        for _ in 0..8 {
            child.send(&text)?;
        }
        child.send("end")?;
        for _ in 0..8 {
            assert_eq!(child.recv()?.unwrap().len(), 1 << 20);
        }
        assert_eq!(child.recv()?, Some(format!("{}", (8 << 20) + 3)));
        assert!(child.wait()?.success());
        Ok(())
    })
}

#[test]
fn a_grandchild_that_holds_the_channel_does_not_delay_the_exit() -> Result<()> {
    let text = "const fd = process.channel.fd;
         const { spawn } = require('child_process');
         const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'],
             { stdio: ['pipe', 'ignore', 'ignore', fd], detached: true });
         process.send(child.pid, () => process.exit(3));";
    of_script(text, |source, serialization| {
        let mut child = command(source, serialization).spawn::<(), u32>()?;
        let _grandchild = child.recv()?.unwrap();
        assert_eq!(child.event()?, Some(Event::Disconnect));
        let exit = child.event()?;
        assert!(matches!(exit, Some(Event::Exit(status)) if status.code() == Some(3)));
        Ok(())
    })
}

#[test]
fn a_malformed_line_is_an_error_and_the_next_line_is_read() -> Result<()> {
    let text = r#"raw('"one"\nnonsense\n\n7\n"two"\n"cut o'); process.exit(3);"#;
    of_script(&format!("{RAW} {text}"), |source, serialization| {
        if serialization != Serialization::Json {
            return Ok(());
        }
        let mut child = command(source, serialization).spawn::<(), String>()?;
        assert_eq!(child.recv()?.as_deref(), Some("one"));
        for kind in [
            ErrorKind::Malformed,
            ErrorKind::Malformed,
            ErrorKind::Decode,
        ] {
            assert_eq!(child.recv().unwrap_err().kind(), kind);
        }
        assert_eq!(child.recv()?.as_deref(), Some("two"));
        // What was cut off is no quiet end.
        assert_eq!(child.recv().unwrap_err().kind(), ErrorKind::Truncated);
        assert_eq!(child.wait()?.code(), Some(3));
        Ok(())
    })
}

#[test]
fn control_messages_are_neither_sent_nor_shown() -> Result<()> {
    let text = "process.send({ cmd: 'NODE_WHATEVER' });
         process.send({ cmd: 'NODE_HANDLE_ACK' });
         process.send({ cmd: 'NODE_' });
         process.on('message', (message) => { process.send(message); process.disconnect(); });";
    of_script(text, |source, serialization| {
        type Command = BTreeMap<String, String>;
        let cmd = |text: &str| Command::from([("cmd".to_owned(), text.to_owned())]);
        let mut child = command(source, serialization).spawn::<Command, Command>()?;
        let error = child.send(&cmd("NODE_HANDLE")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
        assert_eq!(child.recv()?, Some(cmd("NODE_")));
        child.send(&cmd("node_x"))?;
        assert_eq!(child.recv()?, Some(cmd("node_x")));
        assert_eq!(child.recv()?, None);
        Ok(())
    })
}

#[test]
fn a_script_that_leaves_the_channel_lives_on() -> Result<()> {
    let text = "process.send('bye'); process.disconnect();
         process.stdin.on('end', () => { process.stdout.write('out'); process.exitCode = 9; }).resume();";
    of_script(text, |source, serialization| {
        let mut child = command(source, serialization)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn::<str, String>()?;
        assert_eq!(child.recv()?.as_deref(), Some("bye"));
        assert_eq!(child.recv()?, None);
        assert_eq!(child.try_wait()?, None);
        assert!(child.send("are you there?").is_err());
        child.stdin.as_mut().unwrap().write_all(b"in").unwrap();
        drop(child.stdin.take());
        let mut out = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        assert_eq!(out, "out");
        assert_eq!(child.wait()?.code(), Some(9));
        Ok(())
    })
}

#[test]
#[ignore = "entry point of a child process"]
fn child_echo() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    while let Some(text) = parent.recv()? {
        parent.send(&text)?;
    }
    parent.close()
}

#[tokio::test]
async fn messages_of_a_node_parent_come_back() -> Result<()> {
    crate::child_of_node::messages_come_back("threads::child_echo").await
}

#[test]
#[ignore = "entry point of a child process"]
fn child_sends_much() -> Result<()> {
    let parent = Parent::<u32, ()>::attach()?;
    for number in 0..MANY {
        parent.send(&number)?;
    }
    std::process::exit(7);
}

#[tokio::test]
async fn what_was_sent_before_an_immediate_exit_arrives() -> Result<()> {
    let script = r"
        const child = start('threads::child_sends_much');
        let next = 0;
        child.on('message', (number) => { if (number !== next++) fail(`${number}`); });
        child.on('close', (code) => { if (code !== 7 || next !== MANY) fail(`${code} after ${next}`); });
    ";
    run(&script.replace("MANY", &MANY.to_string())).await
}

#[test]
#[ignore = "entry point of a child process"]
fn child_closes() -> Result<()> {
    // Longer than usual, for Wine.
    let config = Config::new().close_timeout(Duration::from_secs(40));
    let mut parent = Parent::<str, ()>::attach_with(config)?;
    for _ in 0..20_000 {
        parent.feed("a message of some size, to fill what the system holds")?;
    }
    parent.close()
}

#[tokio::test]
async fn close_writes_everything_for_a_parent_that_is_busy() -> Result<()> {
    run(r"
        const child = start('threads::child_closes');
        const end = Date.now() + 500;
        while (Date.now() < end);
        let n = 0;
        child.on('message', () => { n += 1; });
        child.on('exit', (code) => { if (code !== 0 || n !== 20000) fail(`${code} after ${n}`); });
    ")
    .await
}

#[test]
#[ignore = "entry point of a child process"]
fn child_tells_events() -> Result<()> {
    let mut parent = Parent::<u32, u32>::attach()?;
    assert!(std::env::vars().all(|(key, _)| !key.starts_with("NODE_CHANNEL")));
    let again = Parent::<(), ()>::attach().unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyAttached);
    parent.send(&parent.id())?;
    assert_eq!(parent.event()?, Some(Event::Message(1)));
    assert_eq!(parent.event().unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(parent.event()?, Some(Event::Message(3)));
    assert_eq!(parent.event()?, Some(Event::Disconnect));
    assert_eq!(parent.event()?, None);
    std::process::exit(6);
}

#[tokio::test]
async fn the_child_sees_messages_then_disconnect() -> Result<()> {
    run(r"
        const child = watch(start('threads::child_tells_events'));
        child.send(1);
        child.send('two');
        child.send({ cmd: 'NODE_NOTHING' });
        child.send(3);
        child.on('message', () => child.disconnect());
        expect(['message', process.pid], ['disconnect'], ['exit', 6, null]);
    ")
    .await
}

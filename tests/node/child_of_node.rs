//! This program as the child of a Node script.

use std::time::Duration;

use offspring::{Config, ErrorKind, Event, Parent, Result};

use crate::scripts::{MANY, Source};
use crate::support::within;

/// What all parents begin with: starts this program in one of its roles, `role`.
const PARENT: &str = r"
    const { fork, spawn } = require('child_process');
    const exe = process.argv[2];
    const start = (role, options = {}, args = []) => fork(role, args, {
        execPath: exe, execArgv: ['--ignored', '--nocapture', '--exact'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'], ...options,
    });
    const fail = (why) => { console.error(why); process.exit(1); };
    const seen = [];
    const watch = (child) => {
        for (const name of ['disconnect', 'exit', 'error'])
            child.on(name, (...args) => seen.push([name, ...args]));
        child.on('message', (message) => seen.push(['message', message]));
        return child;
    };
    // Node promises no order between the end of the channel and that of the process.
    const expect = (...expected) => process.on('exit', () => {
        seen.sort(([a], [b]) => (a === 'exit') - (b === 'exit'));
        const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
        if (a !== b) fail(`${a} instead of ${b}`);
    });
";

/// Runs a parent to its end; it tells of what is wrong by its status.
pub(crate) async fn run(script: &str) -> Result<()> {
    let Some(source) = Source::new(&format!("{PARENT}\n{script}")) else {
        return Ok(());
    };
    within(async {
        let mut parent = source.by_hand();
        parent.arg(std::env::current_exe().unwrap());
        let output = parent.output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", output.status);
        Ok(())
    })
    .await
}

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
async fn messages_come_back_and_a_disconnect_is_an_end_with_status_zero() -> Result<()> {
    messages_come_back("child_of_node::child_echo").await
}

/// A Node parent sends texts of many kinds to the child that is this entry point.
pub(crate) async fn messages_come_back(entry: &str) -> Result<()> {
    for serialization in ["json", "advanced"] {
        let script = r"
            const texts = ['Hello', '', 'ünïcödé \u2028 🦛 \0 \n', 'x'.repeat(10_000_000), '→'.repeat(1_000_000)];
            const child = start('ENTRY', { serialization: 'MODE' });
            let at = 0;
            child.on('message', (text) => {
                if (text !== texts[at++]) fail(`answer ${at}`);
                if (at === texts.length) child.disconnect();
            });
            for (const text of texts) child.send(text);
            child.on('exit', (code, signal) => {
                if (code !== 0 || at !== texts.length) fail(`${code} ${signal} after ${at}`);
            });
        ";
        let script = script.replace("ENTRY", entry);
        run(&script.replace("MODE", serialization)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_descriptor_may_have_any_number() -> Result<()> {
    run(r"
        const args = ['--ignored', '--nocapture', '--exact', 'child_of_node::child_echo'];
        const out = ['ignore', 'inherit'];
        const ways = [
            ['ignore', ...out, 'ipc'],
            ['ignore', ...out, 'ignore', 'pipe', 'ipc'],
            ['ipc', ...out],
        ];
        let left = ways.length;
        for (const stdio of ways) {
            const child = spawn(exe, args, { stdio });
            child.on('message', (text) => { if (text !== 'hi') fail(text); left -= 1; child.disconnect(); });
            child.on('exit', (code) => { if (code !== 0) fail(`${code}`); });
            child.send('hi');
        }
        process.on('exit', () => { if (left !== 0) process.exitCode = 1; });
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_sends_much() -> Result<()> {
    let parent = Parent::<u32, ()>::attach()?;
    for number in 0..MANY {
        parent.send(&number).await?;
    }
    std::process::exit(7);
}

#[tokio::test]
async fn what_was_sent_before_an_immediate_exit_arrives() -> Result<()> {
    for serialization in ["json", "advanced"] {
        let script = r"
            const child = start('child_of_node::child_sends_much', { serialization: 'MODE' });
            let next = 0;
            child.on('message', (number) => { if (number !== next++) fail(`${number}`); });
            child.on('close', (code) => { if (code !== 7 || next !== MANY) fail(`${code} after ${next}`); });
        ";
        run(&script
            .replace("MODE", serialization)
            .replace("MANY", &MANY.to_string()))
        .await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_closes() -> Result<()> {
    // Longer than usual, for Wine.
    let config = Config::new().close_timeout(Duration::from_secs(40));
    let mut parent = Parent::<str, ()>::attach_with(config)?;
    for _ in 0..20_000 {
        parent
            .feed("a message of some size, to fill what the system holds")
            .await?;
    }
    parent.close().await
}

#[tokio::test]
async fn close_writes_everything_for_a_parent_that_is_busy() -> Result<()> {
    run(r"
        const child = start('child_of_node::child_closes');
        const end = Date.now() + 500;
        while (Date.now() < end);
        let n = 0;
        child.on('message', () => { n += 1; });
        child.on('exit', (code) => { if (code !== 0 || n !== 20000) fail(`${code} after ${n}`); });
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_speaks_and_leaves() -> Result<()> {
    let mut parent = Parent::<u8, ()>::attach()?;
    for number in [1, 2] {
        parent.send(&number).await?;
    }
    parent.close().await?;
    assert_eq!(parent.recv().await?, None);
    std::process::exit(5);
}

#[tokio::test]
async fn the_parent_sees_messages_then_disconnect_then_exit() -> Result<()> {
    run(r"
        const child = watch(start('child_of_node::child_speaks_and_leaves'));
        expect(['message', 1], ['message', 2], ['disconnect'], ['exit', 5, null]);
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_tells_events() -> Result<()> {
    let mut parent = Parent::<str, u32>::attach()?;
    assert_eq!(parent.event().await?, Some(Event::Message(1)));
    let error = parent.event().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(parent.event().await?, Some(Event::Message(3)));
    assert_eq!(parent.event().await?, Some(Event::Disconnect));
    assert_eq!(parent.event().await?, None);
    std::process::exit(6);
}

#[tokio::test]
async fn the_child_sees_messages_then_disconnect() -> Result<()> {
    run(r"
        const child = watch(start('child_of_node::child_tells_events'));
        child.send(1);
        child.send('two');
        child.send({ cmd: 'NODE_NOTHING' });
        child.send(3, () => child.disconnect());
        expect(['disconnect'], ['exit', 6, null]);
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_looks_around() -> Result<()> {
    let mut parent = Parent::<(u32, Vec<String>, Vec<String>), ()>::attach()?;
    assert_eq!(
        Parent::<(), ()>::attach().unwrap_err().kind(),
        ErrorKind::AlreadyAttached
    );
    let variables = |(key, _): (String, String)| key.starts_with("NODE_").then_some(key);
    let ours = std::env::vars().filter_map(variables).collect();
    parent.send(&(parent.id(), ours, inherited().await)).await?;
    parent.close().await
}

/// The sockets and pipes that a child of this process finds, but for the standard ones.
#[cfg(target_os = "linux")]
async fn inherited() -> Vec<String> {
    let list = "for fd in /proc/self/fd/*; do echo $fd $(readlink $fd); done; env | grep ^NODE_";
    let mut shell = tokio::process::Command::new("/bin/sh");
    let output = shell.args(["-c", list]).output().await.unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let lines = output.lines().filter(|line| {
        let number = line.split([' ', '/']).nth(4).unwrap_or_default();
        line.starts_with("NODE_") || (line.contains("socket:") && number > "2")
    });
    lines.map(str::to_owned).collect()
}

#[cfg(not(target_os = "linux"))]
async fn inherited() -> Vec<String> {
    Vec::new()
}

#[tokio::test]
async fn neither_the_channel_nor_its_variables_are_seen_below_the_child() -> Result<()> {
    run(r"
        const env = { ...process.env, NODE_UNIQUE_ID: '7' };
        for (const key of Object.keys(env)) if (/^NODE_/.test(key) && key !== 'NODE_UNIQUE_ID') delete env[key];
        const child = watch(start('child_of_node::child_looks_around', { env }));
        expect(['message', [process.pid, [], []]], ['disconnect'], ['exit', 0, null]);
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_no_child() {
    let error = Parent::<(), ()>::attach().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAChild, "{error}");
    assert!(Parent::<(), ()>::attach_if_child().unwrap().is_none());
}

/// A variable that was left over, or that names something else, captures nothing.
#[tokio::test]
async fn a_stale_variable_captures_nothing() {
    within(async {
        for number in ["", "abc", "1", "2", "3", "99", "-1", "+3", "65536", "3 "] {
            let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
            child
                .args(["--ignored", "--exact", "child_of_node::child_is_no_child"])
                .env("NODE_CHANNEL_FD", number)
                .kill_on_drop(true);
            let output = child.output().await.unwrap();
            assert!(output.status.success(), "{number:?}: {output:?}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_of_a_child_is_ours() -> Result<()> {
    // The Node parent above has left its variables to all, since the one between has not attached.
    let mut parent = Parent::<str, String>::attach()?;
    let text = parent.recv().await?.unwrap();
    parent.send(&format!("{text} from {}", parent.id())).await?;
    parent.close().await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_starts_a_child_before_it_attaches() -> Result<()> {
    let mut child =
        crate::support::role("child_of_node::child_of_a_child_is_ours").spawn::<str, String>()?;
    child.send("hi").await?;
    let answer = child.recv().await?;
    let expected = format!("hi from {}", std::process::id());
    assert_eq!(answer, Some(expected));
    let parent = Parent::<str, ()>::attach()?;
    parent.send("all right").await?;
    Ok(())
}

#[tokio::test]
async fn a_grandchild_does_not_take_the_channel_of_its_grandparent() -> Result<()> {
    run(r"
        const child = watch(start('child_of_node::child_starts_a_child_before_it_attaches'));
        expect(['message', 'all right'], ['disconnect'], ['exit', 0, null]);
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_gets_garbage() -> Result<()> {
    let mut parent = Parent::<(), u32>::attach()?;
    let mut answers = Vec::new();
    loop {
        match parent.recv().await {
            Ok(Some(number)) => answers.push(format!("{number}")),
            Ok(None) => break,
            Err(error) => {
                answers.push(format!("{:?}", error.kind()));
                if error.kind().ends_connection() {
                    break;
                }
            }
        }
    }
    let expected = "1 Malformed Malformed 2 34 Malformed 5 Truncated";
    assert_eq!(answers.join(" "), expected);
    Ok(())
}

#[tokio::test]
#[cfg(unix)]
async fn garbage_of_the_parent_is_an_error_and_the_next_line_is_read() -> Result<()> {
    run(r"
        const child = watch(start('child_of_node::child_gets_garbage'));
        const raw = (text) => require('fs').writeSync(child.channel.fd, text);
        raw('1\nnonsense\n\n2\n');
        raw('3');
        raw('4\n');
        raw('nonsense\n5\n6');
        child.disconnect();
        expect(['disconnect'], ['exit', 0, null]);
    ")
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_busy() {
    let parent = Parent::<u32, ()>::attach().unwrap();
    parent.send(&std::process::id()).await.unwrap();
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_busy_child_ends_when_its_node_parent_was_killed() -> Result<()> {
    run(r"
        const middle = spawn(process.execPath, ['-e', `
            const child = require('child_process').fork('child_of_node::child_is_busy', {
                execPath: ${JSON.stringify(exe)}, execArgv: ['--ignored', '--nocapture', '--exact'] });
            child.on('message', (pid) => { console.log(pid); process.kill(process.pid, 'SIGKILL'); });
        `], { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        middle.stdout.on('data', (chunk) => {
            text += chunk;
            const pid = Number(/^(\d+)$/m.exec(text)?.[1]);
            if (!pid) return;
            const begin = Date.now();
            const look = setInterval(() => {
                try { process.kill(pid, 0); } catch { clearInterval(look); middle.stdout.destroy(); }
                if (Date.now() - begin > 20000) fail('it lives on');
            }, 50);
        });
    ")
    .await
}

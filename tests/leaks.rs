//! Nothing is left behind: no descriptor, no thread, no process, no zombie, no memory, no file.
//!
//! Each count is taken in a process that does nothing else, so that it can be exact.
#![cfg(all(feature = "tokio", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

#[path = "support/mod.rs"]
mod support;

use std::fmt::Debug;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use offspring::{Config, Connection, ErrorKind, Listener, Name, Parent, Result, Stdio};

use crate::support::{role, within};

/// What this process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holdings {
    descriptors: Vec<String>,
    threads: usize,
    /// Living ones and zombies.
    children: Vec<String>,
}

impl Holdings {
    fn now() -> Self {
        let mut descriptors: Vec<_> = fs::read_dir("/proc/self/fd")
            .unwrap()
            // One of them is the folder that is being read, which is gone by now.
            .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
            // Sockets have numbers, which are never the same twice.
            .map(|file| file.display().to_string().replace(char::is_numeric, ""))
            .collect();
        descriptors.sort();
        let threads = fs::read_dir("/proc/self/task").unwrap().count();
        let me = std::process::id().to_string();
        let children = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|process| fs::read_to_string(process.ok()?.path().join("stat")).ok())
            // pid (name) state parent ...
            .filter(|stat| stat.rsplit(") ").next().unwrap().split(' ').nth(1) == Some(&*me))
            .collect();
        Self {
            descriptors,
            threads,
            children,
        }
    }

    /// What is held when the last child has been reaped and the last thread of ours has ended.
    fn now_settled() -> Self {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let now = Self::now();
            // The main thread and that of the test.
            if now.threads == 2 && now.children.is_empty() {
                // Threads close what they hold before they end.
                return Self::now();
            }
            assert!(Instant::now() < deadline, "{now:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Checks that there is again what there was, at the latest after `patience`: threads end in their own time.
    fn check(&self, patience: Duration) -> Result<(), String> {
        let deadline = Instant::now() + patience;
        loop {
            let now = Self::now();
            if now == *self {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("before: {self:#?}\nafter: {now:#?}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The memory that this process uses, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap()
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap()
}

/// Runs an entry point of this program in a process of its own, and expects it to succeed.
async fn measure(entry: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", entry, "--ignored", "--nocapture"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    let status = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .status();
    assert!(within(status).await.unwrap().success());
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

#[test]
#[ignore = "entry point of a child process"]
fn child_ends_early() {
    std::process::exit(7);
}

#[derive(Clone, Copy)]
enum End {
    Wait,
    Kill,
    Drop,
    KillOnDrop,
    Parts,
}

/// From the start of a child to its end.
async fn life(end: End) -> Result<()> {
    let mut command = role("child_echo");
    command.kill_on_drop(matches!(end, End::KillOnDrop));
    if let End::Kill = end {
        command.kill_tree(true);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
    }
    let mut child = command.spawn::<str, String>()?;
    child.send("Hello").await?;
    assert_eq!(child.recv().await?.as_deref(), Some("Hello"));
    match end {
        End::Wait => assert!(child.wait().await?.success()),
        End::Kill => assert!(!child.kill().await?.success()),
        End::Drop | End::KillOnDrop => drop(child),
        End::Parts => {
            let (connection, mut process) = child.into_parts();
            drop(connection);
            assert!(process.wait().await?.success());
        }
    }
    Ok(())
}

/// Everything that fails on the way to a child.
async fn failures() -> Result<()> {
    let error = offspring::fork::<(), ()>("/no/such/program").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Spawn);
    let mut command = role("child_ends_early");
    command.stdin(Stdio::piped()).current_dir("/no/such/folder");
    assert_eq!(
        command.spawn::<(), ()>().unwrap_err().kind(),
        ErrorKind::Spawn
    );

    let mut child = role("child_ends_early").spawn::<(), ()>()?;
    assert!(matches!(
        child.ready().await.unwrap_err().kind(),
        ErrorKind::ExitedEarly { .. }
    ));
    let mut command = offspring::Command::new("cat");
    command
        .config(Config::new().handshake_timeout(Duration::from_millis(1)))
        .stdout(Stdio::null());
    let error = command.spawn::<(), ()>()?.ready().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    Ok(())
}

/// Names that are bound, taken, connected to, refused and let go.
async fn meetings() -> Result<()> {
    let name = Name::unique()?;
    let error = Connection::<(), ()>::connect(&name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let mut listener = Listener::bind(&name)?;
    assert_eq!(
        Listener::bind(&name).unwrap_err().kind(),
        ErrorKind::NameInUse
    );
    let client = Connection::<str, ()>::connect(&name).await?;
    let mut server = listener.accept::<(), String>().await?;
    client.send("Hello").await?;
    assert_eq!(server.recv().await?.as_deref(), Some("Hello"));
    client.abort();
    server.recv().await.unwrap_err();
    let path = name.path()?;
    assert!(path.exists());
    drop(listener);
    let error = Connection::<(), ()>::connect(&name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for left in [path.clone(), path.with_extension("sock.lock")] {
        assert!(!left.exists(), "{left:?} was left behind");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn children_come_and_go() -> Result<()> {
    let round = async || {
        for end in [End::Wait, End::Kill, End::Drop, End::KillOnDrop, End::Parts] {
            life(end).await?;
        }
        Ok::<_, offspring::Error>(())
    };
    // What is made once and kept, such as the table of the runtime.
    round().await?;
    let (before, memory_before) = (Holdings::now_settled(), memory());
    for _ in 0..40 {
        round().await?;
    }
    before
        .check(Duration::from_secs(10))
        .unwrap_or_else(|text| panic!("{text}"));
    let grown = memory().saturating_sub(memory_before);
    assert!(grown < 2048, "{grown} KiB");
    Ok(())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn failures_come_and_go() -> Result<()> {
    failures().await?;
    let before = Holdings::now_settled();
    for _ in 0..40 {
        failures().await?;
    }
    before
        .check(Duration::from_secs(10))
        .unwrap_or_else(|text| panic!("{text}"));
    Ok(())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn meetings_come_and_go() -> Result<()> {
    meetings().await?;
    let (before, memory_before) = (Holdings::now_settled(), memory());
    for _ in 0..300 {
        meetings().await?;
    }
    before
        .check(Duration::from_secs(10))
        .unwrap_or_else(|text| panic!("{text}"));
    let grown = memory().saturating_sub(memory_before);
    assert!(grown < 2048, "{grown} KiB");
    Ok(())
}

#[tokio::test]
async fn children_leave_nothing_behind() {
    measure("children_come_and_go").await;
}

#[tokio::test]
async fn failures_to_start_a_child_leave_nothing_behind() {
    measure("failures_come_and_go").await;
}

#[tokio::test]
async fn listeners_and_clients_leave_nothing_behind() {
    measure("meetings_come_and_go").await;
}

#[test]
#[ignore = "entry point of a child process"]
fn leaks_are_planted() {
    let before = Holdings::now();
    before.check(Duration::ZERO).unwrap();

    let file = fs::File::open("/dev/zero").unwrap();
    let error = before.check(Duration::ZERO).unwrap_err();
    assert!(error.contains("/dev/zero"), "{error}");
    drop(file);
    before.check(Duration::ZERO).unwrap();

    let mut child = Command::new("true").spawn().unwrap();
    // It has ended, or will, and nobody reaps it.
    let error = before.check(Duration::from_millis(50)).unwrap_err();
    assert!(error.contains("(true)"), "{error}");
    child.wait().unwrap();
    before.check(Duration::ZERO).unwrap();

    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = before.check(Duration::ZERO).unwrap_err();
    assert!(error.contains("threads: 3"), "{error}");
    drop(stop);
    thread.join().unwrap().unwrap_err();
    before.check(Duration::from_secs(1)).unwrap();
}

#[tokio::test]
async fn a_planted_leak_is_noticed() {
    measure("leaks_are_planted").await;
}

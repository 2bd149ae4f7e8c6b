//! Children, their ends, and what is left of them.

use std::fs::Permissions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use offspring_platform::{Stdin, Stream, attach, spawn};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use tokio::io::AsyncWriteExt as _;

use crate::support::{Child, attached, options, program, until_all_gone, until_closed, within};
use crate::{alone, descriptors};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_waits() {
    let (mut read, mut write) = attached();
    write.write_all(b"ready").await.unwrap();
    until_closed(&mut read).await;
}

/// A program that waits for signals blocks them in its own threads: one that another thread takes ends it.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_looks_at_its_threads() {
    let (_read, mut write) = attached();
    let grandchild = spawn::<Stream>(&mut program("process::child_waits"), options(Stdin::Null));
    let grandchild = grandchild.unwrap();
    drop(grandchild.process);
    // Both name themselves, which may take a moment.
    for name in ["offspring-orpha", "offspring-reape"] {
        let blocked = loop {
            if let Some(blocked) = blocked_signals(name) {
                break blocked;
            }
            tokio::task::yield_now().await;
        };
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGCHLD] {
            assert_ne!(blocked >> (signal - 1) & 1, 0, "{name}: {blocked:x}");
        }
    }
    write.write_all(b"all right").await.unwrap();
}

/// What the thread of that name blocks, a bit for each signal.
#[cfg(target_os = "linux")]
fn blocked_signals(name: &str) -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut all = threads.filter_map(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        let line = |key: &str| Some(status.lines().find_map(|l| l.strip_prefix(key))?.trim());
        (line("Name:")? == name).then(|| u64::from_str_radix(line("SigBlk:")?, 16).ok())
    });
    all.next().flatten()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn our_threads_take_no_signal() {
    within(async {
        let mut child = Child::spawn("process::child_looks_at_its_threads", Stdin::Null);
        assert_eq!(child.rest().await, "all right");
    })
    .await;
}

#[tokio::test]
async fn terminate_is_the_polite_signal_and_kill_the_other() {
    within(async {
        for (signal, end) in [(libc::SIGTERM, 0), (libc::SIGKILL, 1)] {
            let mut child = Child::spawn("process::child_waits", Stdin::Null);
            child.expect(b"ready").await;
            if end == 0 {
                child.process.terminate()
            } else {
                child.process.kill()
            }
            .unwrap();
            assert_eq!(child.process.wait().await.unwrap().signal(), Some(signal));
        }
    })
    .await;
}

#[tokio::test]
async fn the_status_is_right_whether_it_is_reaped_at_once_or_later() {
    within(async {
        for kill_tree in [false, true] {
            for (script, code, signal, core) in [
                ("exit 0", Some(0), None, false),
                ("exit 255", Some(255), None, false),
                ("kill -TERM $$", None, Some(libc::SIGTERM), false),
            ] {
                let mut command = Command::new("/bin/sh");
                let mut options = options(Stdin::Null);
                options.kill_tree = kill_tree;
                let mut child = Child::spawn_with(command.args(["-c", script]), options);
                let status = child.process.wait().await.unwrap();
                assert_eq!(status.code(), code, "{script}");
                assert_eq!(status.signal(), signal, "{script}");
                assert_eq!(status.core_dumped(), core, "{script}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_number_of_a_group_is_ours_until_it_was_killed() {
    within(async {
        let mut options = options(Stdin::Null);
        options.kill_tree = true;
        let mut command = Command::new("/bin/sh");
        let mut child = Child::spawn_with(command.args(["-c", "exit 3"]), options);
        assert_eq!(child.process.wait().await.unwrap().code(), Some(3));
        let id = WaitId::Pid(rustix::process::Pid::from_raw(child.process.id() as i32).unwrap());
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // As long as the leader is a zombie, the system gives its number to nobody.
        assert!(waitid(id.clone(), look).unwrap().is_some());
        child.process.kill().unwrap();
        assert_eq!(waitid(id, look).unwrap_err(), Errno::CHILD);
        assert_eq!(child.process.wait().await.unwrap().code(), Some(3));
    })
    .await;
}

#[test]
fn a_failed_spawn_leaves_nothing_open() {
    alone("process::failed_spawns");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn failed_spawns() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    std::fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    let before = descriptors();
    for (program, kind) in [
        ("/nowhere/no-such-program".as_ref(), ErrorKind::NotFound),
        (plain.as_path(), ErrorKind::PermissionDenied),
    ] {
        let mut command = Command::new(program);
        for stdin in [Stdin::Inherit, Stdin::Null, Stdin::Piped] {
            let error = spawn::<Stream>(&mut command, options(stdin)).unwrap_err();
            assert_eq!(error.kind(), kind);
        }
        // Even while the command itself is still there.
        assert_eq!(descriptors(), before);
    }
    assert_eq!(
        waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG).unwrap_err(),
        Errno::CHILD
    );
}

#[test]
fn a_thousand_children_leave_nothing_behind() {
    alone("process::many_children");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn many_children() {
    let start = || {
        let mut command = Command::new("/bin/sh");
        Child::spawn_with(command.args(["-c", "exit 3"]), options(Stdin::Piped))
    };
    // The first one also opens what the runtime keeps.
    start().process.wait().await.unwrap();
    let before = descriptors();
    for _ in 0..1_000 {
        assert_eq!(start().process.wait().await.unwrap().code(), Some(3));
    }
    assert_eq!(descriptors(), before);
    assert_eq!(children_left(), Err(Errno::CHILD));
}

/// `Err(CHILD)` if this process has no child at all, dead or alive.
fn children_left() -> Result<(), Errno> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, look).map(drop)
}

#[test]
fn a_child_whose_handle_was_dropped_is_reaped() {
    alone("process::dropped_handles");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn dropped_handles() {
    let before = descriptors();
    for kill_tree in [false, true] {
        for round in 0..3 {
            let mut ends = Vec::new();
            for _ in 0..20 {
                let mut options = options(Stdin::Piped);
                options.kill_tree = kill_tree;
                let spawned = spawn::<Stream>(&mut Command::new("/bin/cat"), options).unwrap();
                // `cat` does not attach: its standard input is the channel, and ends when we close that.
                ends.push(spawned.channel);
                drop(spawned.process);
            }
            drop(ends);
            let begin = Instant::now();
            while children_left() != Err(Errno::CHILD) {
                assert!(
                    begin.elapsed() < Duration::from_secs(30),
                    "zombies in round {round}"
                );
                std::thread::yield_now();
            }
        }
    }
    // The reaper's thread ends too, some time after its last child.
    let begin = Instant::now();
    while descriptors().len() > before.len() + 3 {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{:?}",
            descriptors()
        );
        std::thread::yield_now();
    }
}

#[test]
fn an_ignored_sigchld_is_an_error_and_not_a_hang() {
    alone("process::ignoring_sigchld");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn ignoring_sigchld() {
    // SAFETY: a disposition, no handler of ours, in a process of our own.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    within(async {
        let mut command = program("process::child_waits");
        for kill_tree in [false, true] {
            let mut options = options(Stdin::Null);
            options.kill_tree = kill_tree;
            let mut child = Child::spawn_with(&mut command, options);
            child.expect(b"ready").await;
            child.process.kill().unwrap();
            let error = child.process.wait().await.unwrap_err();
            assert!(error.to_string().contains("SIGCHLD"), "{error}");
            assert!(child.process.try_wait().is_err());
            child.process.kill().unwrap();
            // One that is gone before anybody looks.
            let mut command = Command::new("/bin/sh");
            let mut child = Child::spawn_with(
                command.args(["-c", "exit 0"]),
                crate::support::options(Stdin::Null),
            );
            child.process.wait().await.unwrap_err();
        }
    })
    .await;
}

static FORKS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::SeqCst);
}

/// `fork` calls the handlers of `pthread_atfork`, `posix_spawn` does not: so this tells which of them ran.
#[test]
fn spawning_does_not_fork() {
    alone("process::counting_forks");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn counting_forks() {
    // SAFETY: the handler only adds to an atomic number.
    let registered = unsafe { libc::pthread_atfork(Some(count_fork), None, None) };
    assert_eq!(registered, 0);
    let folder = tempfile::tempdir().unwrap();
    for kill_tree in [false, true] {
        for stdin in [Stdin::Inherit, Stdin::Null, Stdin::Piped] {
            let mut command = Command::new("/bin/sh");
            command
                .args(["-c", "exit 0"])
                .env("X", "y")
                .current_dir(folder.path());
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            let mut options = options(stdin);
            options.kill_tree = kill_tree;
            let mut child = Child::spawn_with(&mut command, options);
            assert!(child.process.wait().await.unwrap().success());
        }
    }
    assert_eq!(
        FORKS.load(Ordering::SeqCst),
        0,
        "a hook has put it on the slow path"
    );
    // The proof that the handler would have seen it.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exit 0"]);
    // SAFETY: the hook does nothing.
    unsafe { command.pre_exec(|| Ok(())) };
    command.status().unwrap();
    assert_eq!(FORKS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_writes_to_nobody() {
    // As in a program that is not Rust's, where SIGPIPE ends the process.
    // SAFETY: a disposition, no handler of ours, in a process of our own.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (mut read, mut write) = attached();
    until_closed(&mut read).await;
    let error = write.write_all(b"hello?").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    // Rust's test harness reports by the exit status, and so do we.
    println!("survived");
    std::io::stdout().flush().unwrap();
}

#[tokio::test]
async fn writing_to_nobody_is_an_error_and_not_a_signal() {
    within(async {
        let mut command = program("process::child_writes_to_nobody");
        command.stdout(Stdio::piped());
        let spawned = spawn::<Stream>(&mut command, options(Stdin::Null)).unwrap();
        let mut process = spawned.process;
        drop(spawned.channel);
        let output = until_all_gone(spawned.stdout.unwrap()).await;
        let status = process.wait().await.unwrap();
        assert!(
            status.success() && output.contains("survived"),
            "{status}: {output}"
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_busy() {
    let _attached = attach::<Stream>().unwrap();
    println!("busy");
    let begin = Instant::now();
    // A limit for when the watcher has failed.
    while begin.elapsed() < Duration::from_secs(60) {
        std::hint::spin_loop();
    }
    println!("lingered to the end");
}

/// A shell between the parent and the child.
fn through_a_shell(entry: &str) -> Command {
    let inner = program(entry);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "\"$@\"; exit $?", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    shell
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn parent_of_a_shell() {
    let mut options = options(Stdin::Null);
    options.orphan_grace = Some(Duration::from_millis(100));
    let _child = Child::spawn_with(&mut through_a_shell("process::child_is_busy"), options);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_busy_child_behind_a_shell_ends_when_its_parent_has_died() {
    within(async {
        let mut parent = program("process::parent_of_a_shell")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = std::io::BufReader::new(parent.stdout.take().unwrap());
        let output = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while !line.ends_with("busy\n") {
                line.clear();
                std::io::BufRead::read_line(&mut output, &mut line).unwrap();
                assert_ne!(line, "", "the child did not start");
            }
            output
        })
        .await
        .unwrap();
        parent.kill().unwrap();
        parent.wait().unwrap();
        let output = until_all_gone(output).await;
        assert!(!output.contains("lingered"), "{output}");
    })
    .await;
}

#[tokio::test]
async fn a_child_behind_a_shell_attaches() {
    within(async {
        let mut command = through_a_shell("process::child_waits");
        command.stdout(Stdio::null());
        let mut child = Child::spawn_with(&mut command, options(Stdin::Null));
        child.expect(b"ready").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_outlives_the_thread() {
    let (mut read, mut write) = attached();
    write.write_all(b"ready").await.unwrap();
    let mut byte = [0];
    tokio::io::AsyncReadExt::read_exact(&mut read, &mut byte)
        .await
        .unwrap();
    write.write_all(b"still here").await.unwrap();
}

#[tokio::test]
async fn a_child_outlives_the_thread_that_started_it() {
    within(async {
        let handle = tokio::runtime::Handle::current();
        let mut child = std::thread::spawn(move || {
            let _runtime = handle.enter();
            let mut options = options(Stdin::Null);
            options.orphan_grace = Some(Duration::ZERO);
            Child::spawn_with(&mut program("process::child_outlives_the_thread"), options)
        })
        .join()
        .unwrap();
        child.expect(b"ready").await;
        child.send(b"?").await;
        child.expect(b"still here").await;
        child.succeeds().await;
    })
    .await;
}

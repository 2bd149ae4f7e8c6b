//! Programs that cannot be started, or do not become a child.

use std::process::exit;
use std::time::Duration;

use offspring::{Command, Config, ErrorKind, Event, Parent, Result, Stdio};

use crate::check;
use crate::gate::{self, Gate};
use crate::grandchild::leave_behind;
use crate::support::{role, within};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_missing_program_is_named() {
    let path = std::env::temp_dir().join("no-such-program");
    let error = Command::new(&path).spawn::<(), ()>().unwrap_err();
    check(&error, ErrorKind::Spawn, &["start", "no-such-program"]);
    let error = offspring::fork::<(), ()>("no-such-program-in-the-path").unwrap_err();
    check(&error, ErrorKind::Spawn, &["no-such-program-in-the-path"]);
}

#[tokio::test]
async fn a_file_that_is_no_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a program").unwrap();
    let error = Command::new(&path).spawn::<(), ()>().unwrap_err();
    check(&error, ErrorKind::Spawn, &["start", "notes.txt"]);
}

#[tokio::test]
async fn a_folder_is_no_program() {
    let folder = tempfile::tempdir().unwrap();
    let error = Command::new(folder.path()).spawn::<(), ()>().unwrap_err();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    check(&error, ErrorKind::Spawn, &["start", name]);
}

#[tokio::test]
async fn a_missing_folder_to_start_in_is_an_error() {
    let mut command = role("start::child_ends_early");
    let command = command.current_dir(std::env::temp_dir().join("no-such-folder"));
    let error = command.spawn::<(), ()>().unwrap_err();
    check(&error, ErrorKind::Spawn, &["start"]);
}

#[cfg(unix)]
#[test]
fn a_spawn_without_a_runtime_is_an_error() {
    let error = role("start::child_ends_early")
        .spawn::<(), ()>()
        .unwrap_err();
    check(&error, ErrorKind::Spawn, &["start", "runtime"]);
}

#[tokio::test]
async fn a_command_can_be_used_again_after_a_failure() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let mut command = role("start::child_ends_early");
        command.current_dir(folder.path().join("missing"));
        command.spawn::<(), ()>().unwrap_err();
        command.current_dir(folder.path());
        let status = command.spawn::<(), ()>()?.wait().await?;
        assert_eq!(status.code(), Some(7));
        Ok(())
    })
    .await
}

#[test]
#[ignore = "entry point of a child process"]
fn child_ends_early() {
    for line in 0..10_000 {
        eprintln!("line {line}");
    }
    eprintln!("the configuration is broken\n");
    exit(7);
}

#[tokio::test]
async fn a_child_that_ends_before_it_attaches_is_noticed_at_once() -> Result<()> {
    within(async {
        let mut command = role("start::child_ends_early");
        let mut child = command.stderr(Stdio::null()).spawn::<(), ()>()?;
        let error = child.ready().await.unwrap_err();
        let status = child.wait().await?;
        let id = child.id().to_string();
        check(
            &error,
            ErrorKind::ExitedEarly { status },
            &[
                "start child",
                &id,
                "before it attached",
                &status.to_string(),
            ],
        );
        assert_eq!(status.code(), Some(7));
        // The other ways to learn of it.
        let error = child.recv().await.unwrap_err();
        check(&error, ErrorKind::Disconnected, &["child", &id]);
        let error = child.try_recv().unwrap_err();
        check(&error, ErrorKind::Disconnected, &["child", &id]);
        assert_eq!(child.event().await?, Some(Event::Disconnect));
        assert_eq!(child.event().await?, Some(Event::Exit(status)));
        assert_eq!(child.event().await?, None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_last_lines_of_its_standard_error_are_in_the_text() -> Result<()> {
    within(async {
        let mut command = role("start::child_ends_early");
        let mut child = command.stderr(Stdio::piped()).spawn::<(), ()>()?;
        // More than the pipe holds; whoever pipes it reads it.
        let mut stderr = child.stderr.take().unwrap();
        let reading = tokio::spawn(async move {
            let mut text = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut stderr, &mut text).await
        });
        assert!(matches!(
            child.ready().await.unwrap_err().kind(),
            ErrorKind::ExitedEarly { status } if status.code() == Some(7)
        ));
        assert!(reading.await.unwrap().unwrap() > 64 << 10);
        Ok(())
    })
    .await
}

#[test]
#[ignore = "entry point of a child process"]
fn child_ends_early_with_a_word() {
    eprintln!("the configuration is broken\n");
    exit(7);
}

#[tokio::test]
async fn a_piped_standard_error_is_in_the_text() -> Result<()> {
    within(async {
        let mut command = role("start::child_ends_early_with_a_word");
        let mut child = command.stderr(Stdio::piped()).spawn::<(), ()>()?;
        let error = child.ready().await.unwrap_err();
        let status = child.wait().await?;
        let kind = ErrorKind::ExitedEarly { status };
        check(&error, kind, &["the configuration is broken"]);
        Ok(())
    })
    .await
}

#[test]
#[ignore = "entry point of a child process"]
fn child_leaves_a_grandchild_and_ends_early() {
    // It inherits the stdin slot, which is the channel.
    leave_behind("start::program_that_stays", Stdio::inherit());
    exit(7);
}

/// Never attaches.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn program_that_stays() -> Result<()> {
    let mut gate = gate::report().await?;
    gate.recv().await?;
    Ok(())
}

#[tokio::test]
async fn an_early_end_is_noticed_although_a_grandchild_holds_the_channel() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("start::child_leaves_a_grandchild_and_ends_early");
        let mut child = gate.show(&mut command).spawn::<(), ()>()?;
        let _grandchild = gate.accept().await?;
        assert!(matches!(
            child.ready().await.unwrap_err().kind(),
            ErrorKind::ExitedEarly { status } if status.code() == Some(7)
        ));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_program_that_never_attaches_is_ended() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("start::program_that_stays");
        let config = Config::new().handshake_timeout(SHORT);
        let command = gate.show(command.config(config).kill_on_drop(false));
        let mut child = command.spawn::<(), ()>()?;
        let mut program = gate.accept().await?;
        let error = child.ready().await.unwrap_err();
        let id = child.id().to_string();
        check(&error, ErrorKind::Timeout, &["child", &id, "hello in time"]);
        // Ended and reaped.
        assert!(!child.try_wait()?.unwrap().success());
        program.recv().await.unwrap_err();
        Ok(())
    })
    .await
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_reads_the_channel_as_its_stdin_is_ended_too() -> Result<()> {
    within(async {
        let mut command = Command::new("cat");
        let config = Config::new().handshake_timeout(SHORT);
        command.config(config).stdout(Stdio::null());
        let mut child = command.spawn::<str, String>()?;
        child.send("what a cat makes of this").await?;
        let error = child.ready().await.unwrap_err();
        check(&error, ErrorKind::Timeout, &["child \"cat\"", "hello"]);
        assert!(!child.try_wait()?.unwrap().success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn recv_does_not_wait_for_ever_for_a_program_that_never_attaches() -> Result<()> {
    within(async {
        let mut gate = Gate::open()?;
        let mut command = role("start::program_that_stays");
        let config = Config::new().handshake_timeout(SHORT);
        let command = gate.show(command.config(config));
        let mut child = command.spawn::<(), ()>()?;
        let _program = gate.accept().await?;
        let error = child.recv().await.unwrap_err();
        check(&error, ErrorKind::Timeout, &["child", "hello in time"]);
        let error = child.event().await.unwrap_err();
        check(&error, ErrorKind::Timeout, &["child", "hello in time"]);
        assert_eq!(child.event().await?, Some(Event::Disconnect));
        child.kill().await?;
        assert!(matches!(child.event().await?, Some(Event::Exit(_))));
        assert_eq!(child.event().await?, None);
        Ok(())
    })
    .await
}

/// Writes into the stdin slot what is no hello.
fn write_garbage() {
    use std::io::Write as _;
    #[cfg(unix)]
    let slot = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned();
    #[cfg(windows)]
    let slot = std::os::windows::io::AsHandle::as_handle(&std::io::stdin()).try_clone_to_owned();
    let mut slot = std::fs::File::from(slot.unwrap());
    slot.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn program_that_writes_to_its_stdin() -> Result<()> {
    write_garbage();
    program_that_stays_here().await
}

async fn program_that_stays_here() -> Result<()> {
    let mut gate = gate::report().await?;
    gate.recv().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_that_writes_to_its_stdin() -> Result<()> {
    write_garbage();
    let parent = Parent::<str, String>::attach()?;
    parent.send("never read").await?;
    program_that_stays_here().await
}

#[tokio::test]
async fn a_child_that_writes_something_else_to_the_channel_is_ended() -> Result<()> {
    within(async {
        for entry in [
            "start::program_that_writes_to_its_stdin",
            "start::child_that_writes_to_its_stdin",
        ] {
            let mut gate = Gate::open()?;
            let mut command = role(entry);
            let mut child = gate.show(&mut command).spawn::<str, String>()?;
            let _program = gate.accept().await?;
            let error = child.ready().await.unwrap_err();
            let id = child.id().to_string();
            check(&error, ErrorKind::Protocol, &["child", &id, "hello"]);
            assert!(!child.try_wait()?.unwrap().success());
            let error = child.recv().await.unwrap_err();
            check(&error, ErrorKind::Protocol, &["child", &id, "hello"]);
        }
        Ok(())
    })
    .await
}

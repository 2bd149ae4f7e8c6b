//! The child's side of the hand-over.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use offspring_platform::{AttachError, CHANNEL_VARIABLE, Stdin, Stream, attach};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Child, attached, leave_behind, program, until_closed, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_attaches_twice() {
    let parent = std::env::var("PARENT").unwrap();
    let attached = attach::<Stream>().unwrap();
    assert_eq!(attached.parent_pid.to_string(), parent);
    assert!(matches!(
        attach::<Stream>(),
        Err(AttachError::AlreadyAttached)
    ));
    assert_eq!(std::env::var_os(CHANNEL_VARIABLE), None);
    let (mut read, mut write) = attached.channel.into_split();
    // The first one still works.
    write.write_all(b"ready").await.unwrap();
    until_closed(&mut read).await;
}

#[tokio::test]
async fn a_second_attach_is_refused_and_the_first_goes_on() {
    within(async {
        let mut command = program("attach::child_attaches_twice");
        command.env("PARENT", std::process::id().to_string());
        let mut child = Child::spawn_with(&mut command, crate::support::options(Stdin::Null));
        child.expect(b"ready").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_started_by_hand() {
    assert!(matches!(attach::<Stream>(), Err(AttachError::NotAChild)));
    // And again: nothing was taken, so nothing has changed.
    assert!(matches!(attach::<Stream>(), Err(AttachError::NotAChild)));
    let note = std::env::var_os("EXPECTED_NOTE");
    assert_eq!(std::env::var_os(CHANNEL_VARIABLE), note);
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    assert_eq!(text, "for the program");
}

async fn by_hand(note: Option<&str>) {
    let mut command = program("attach::child_is_started_by_hand");
    if let Some(note) = note {
        command
            .env(CHANNEL_VARIABLE, note)
            .env("EXPECTED_NOTE", note);
    }
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"for the program")
        .unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    assert!(status.success(), "with the note {note:?}");
}

#[tokio::test]
async fn a_program_started_by_hand_is_not_a_child() {
    within(by_hand(None)).await;
}

#[tokio::test]
async fn a_stale_note_leaves_stdin_and_itself_alone() {
    let token = "000102030405060708090a0b0c0d0e0f";
    let own = std::process::id();
    for note in [
        "",
        "1",
        "not a note",
        &format!("1:{own}:{token}:0"),
        &format!("1:{own}:{token}:1"),
        &format!("2:{own}:{token}:1"),
    ] {
        within(by_hand(Some(note))).await;
    }
}

#[test]
#[ignore = "entry point of a child process"]
fn child_attaches_outside_of_a_runtime() {
    assert!(matches!(attach::<Stream>(), Err(AttachError::Io(_))));
    // Nothing was touched, so it can be done right now.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut read, mut write) = attached();
        write.write_all(b"ready").await.unwrap();
        until_closed(&mut read).await;
    });
}

#[tokio::test]
async fn attach_outside_of_a_runtime_is_an_error_and_touches_nothing() {
    within(async {
        let mut child = Child::spawn("attach::child_attaches_outside_of_a_runtime", Stdin::Null);
        child.expect(b"ready").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_has_a_grandchild() {
    let (_read, mut write) = attached();
    let mut grandchild = program("attach::grandchild_sees_nothing");
    let (id, _) = leave_behind(grandchild.stdin(Stdio::inherit()).stdout(Stdio::inherit()));
    write.write_all(id.to_string().as_bytes()).await.unwrap();
    // The grandchild stays; it must not keep the channel.
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn grandchild_sees_nothing() {
    assert_eq!(std::env::var_os(CHANNEL_VARIABLE), None);
    assert!(matches!(attach::<Stream>(), Err(AttachError::NotAChild)));
    println!("nothing");
    // Until the grandparent closes the pipe that is our standard input too.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    println!("the end");
}

#[tokio::test]
async fn a_grandchild_sees_neither_the_note_nor_the_channel() {
    within(async {
        let mut command = program("attach::child_has_a_grandchild");
        command.stdout(Stdio::piped());
        let mut child = Child::spawn_with(&mut command, crate::support::options(Stdin::Piped));
        child.succeeds().await;
        // The end of file comes although the grandchild lives: it waits for us to close its standard input.
        let mut pid = String::new();
        child.read.read_to_string(&mut pid).await.unwrap();
        assert!(pid.parse::<u32>().is_ok(), "{pid:?}");
        drop(child.stdin.take());
        let output = crate::support::until_all_gone(child.stdout.take().unwrap()).await;
        assert!(
            output.contains("nothing") && output.contains("the end"),
            "{output}"
        );
    })
    .await;
}

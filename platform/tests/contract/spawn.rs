//! The channel between a parent and its child.

use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};

use offspring_platform::{CHANNEL_VARIABLE, Stdin, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Child, attached, leave_behind, options, program, until_closed, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_echo() {
    let (mut read, mut write) = attached();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match read.read(&mut buffer).await.unwrap() {
            0 => return,
            n => write.write_all(&buffer[..n]).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn bytes_go_both_ways() {
    within(async {
        let mut child = Child::spawn("spawn::child_echo", Stdin::Null);
        child.send(b"hello").await;
        child.expect(b"hello").await;
        child.send(b"again").await;
        child.expect(b"again").await;
    })
    .await;
}

#[tokio::test]
async fn more_than_the_buffers_hold_arrives_whole_and_in_order() {
    within(async {
        let mut child = Child::spawn("spawn::child_echo", Stdin::Null);
        let sent: Vec<u8> = (0..3_000_000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let mut write = child.write.take().unwrap();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            write.write_all(&copy).await.unwrap();
            write
        });
        let mut found = vec![0; sent.len()];
        child.read.read_exact(&mut found).await.unwrap();
        assert!(found == sent, "the bytes differ");
        drop(writer.await.unwrap());
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_says_goodbye() {
    let (_read, mut write) = attached();
    write.write_all(&vec![b'x'; 100_000]).await.unwrap();
    write.write_all(b"goodbye").await.unwrap();
}

#[tokio::test]
async fn a_close_is_the_end_of_file_after_all_data() {
    within(async {
        let mut child = Child::spawn("spawn::child_says_goodbye", Stdin::Null);
        let text = child.rest().await;
        assert_eq!(text.len(), 100_007);
        assert!(text.ends_with("goodbye"));
        child.succeeds().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_leaves_a_grandchild_on_the_channel() {
    // Before `attach`, the slot still holds the channel, and so does whoever inherits it.
    let mut grandchild = program("spawn::grandchild_lingers");
    leave_behind(
        grandchild
            .env_remove(CHANNEL_VARIABLE)
            .stdin(Stdio::inherit()),
    );
    let (_read, mut write) = attached();
    write.write_all(b"last words").await.unwrap();
}

#[test]
#[ignore = "entry point of a child process"]
fn grandchild_lingers() {
    // Ended by its grandparent; a limit for when that has gone wrong.
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[tokio::test]
async fn try_read_finds_everything_after_the_exit_while_a_grandchild_holds_the_channel() {
    within(async {
        let mut command = program("spawn::child_leaves_a_grandchild_on_the_channel");
        let mut options = options(Stdin::Null);
        options.kill_tree = true;
        let mut child = Child::spawn_with(&mut command, options);
        child.succeeds().await;
        // Never too few, or what a child has sent would be lost.
        let words = b"last words".len() as u64;
        let arrived = child.read.arrived().unwrap();
        assert!((words..=words + 64 * 1024).contains(&arrived), "{arrived}");
        let mut buffer = [0; 64];
        let n = child.read.try_read(&mut buffer[..4]).unwrap();
        assert!(child.read.arrived().unwrap() >= words - n as u64);
        let n = n + child.read.try_read(&mut buffer[n..]).unwrap();
        assert_eq!(&buffer[..n], b"last words");
        assert_eq!(
            child.read.try_read(&mut buffer).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        child.process.kill().unwrap();
        // Now nobody holds it any more.
        assert_eq!(child.rest().await, "");
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_reports_its_stdin() {
    let (_read, mut write) = attached();
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).unwrap();
    write.write_all(&text).await.unwrap();
}

#[tokio::test]
async fn a_null_stdin_ends_at_once() {
    within(async {
        let mut child = Child::spawn("spawn::child_reports_its_stdin", Stdin::Null);
        assert_eq!(child.rest().await, "");
        child.succeeds().await;
    })
    .await;
}

#[tokio::test]
async fn a_piped_stdin_is_what_the_child_reads() {
    within(async {
        let mut child = Child::spawn("spawn::child_reports_its_stdin", Stdin::Piped);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"through the pipe").unwrap();
        drop(stdin);
        assert_eq!(child.rest().await, "through the pipe");
        child.succeeds().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_as_stdin_is_what_the_child_reads() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input");
        std::fs::write(&path, "from the file").unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let mut child = Child::spawn("spawn::child_reports_its_stdin", Stdin::Owned(file.into()));
        assert_eq!(child.rest().await, "from the file");
        child.succeeds().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_passes_its_stdin_on() {
    let mut child = Child::spawn("spawn::child_reports_its_stdin", Stdin::Inherit);
    assert_eq!(child.rest().await, "from above");
    child.succeeds().await;
}

#[tokio::test]
async fn an_inherited_stdin_is_what_the_child_reads() {
    within(async {
        let mut middle = program("spawn::child_passes_its_stdin_on")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        middle
            .stdin
            .take()
            .unwrap()
            .write_all(b"from above")
            .unwrap();
        let status = tokio::task::spawn_blocking(move || middle.wait().unwrap())
            .await
            .unwrap();
        assert!(status.success());
    })
    .await;
}

#[tokio::test]
async fn a_missing_program_is_not_found() {
    let mut command = Command::new("offspring-has-no-such-program");
    let error =
        offspring_platform::spawn::<Stream>(&mut command, options(Stdin::Piped)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_command_starts_many_children() {
    within(async {
        let mut command = program("spawn::child_echo");
        let mut children: Vec<_> = (0..3)
            .map(|_| Child::spawn_with(&mut command, options(Stdin::Null)))
            .collect();
        for child in &mut children {
            child.send(b"hi").await;
            child.expect(b"hi").await;
        }
        // The command holds nothing of them, so each channel ends with its child.
        for mut child in children {
            child.process.kill().unwrap();
            assert_eq!(child.rest().await, "");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_waits() {
    let (mut read, mut write) = attached();
    write.write_all(b"ready").await.unwrap();
    until_closed(&mut read).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn siblings_started_at_once_inherit_nothing_of_each_other() {
    within(async {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                tokio::task::spawn_blocking(|| {
                    (0..4)
                        .map(|_| Child::spawn("spawn::child_waits", Stdin::Piped))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut children = Vec::new();
        for start in starts {
            children.extend(start.await.unwrap());
        }
        for child in &mut children {
            child.expect(b"ready").await;
        }
        while let Some(mut child) = children.pop() {
            // If one of the others had a copy of this end, the end of file would not come.
            child.process.kill().unwrap();
            assert_eq!(child.rest().await, "");
        }
    })
    .await;
}

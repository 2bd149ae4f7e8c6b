//! Children and what they are started through.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::task::{Context, Waker};

use offspring_platform::{
    AttachError, Attached, CHANNEL_VARIABLE, Options, Process, Spawned, Stdin, Stream, attach,
    spawn,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{alone, arguments, options, program, within};
use crate::system::handle_count;

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_waits() {
    let Attached { channel, .. } = attach::<Stream>().unwrap();
    let (mut read, _write) = channel.into_split();
    let _ = read.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_says_last_words() {
    let Attached { channel, .. } = attach::<Stream>().unwrap();
    let (_read, mut write) = channel.into_split();
    for number in 0..1000_u32 {
        write
            .write_all(&number.to_le_bytes().repeat(250))
            .await
            .unwrap();
    }
    std::process::exit(3);
}

#[tokio::test]
async fn the_last_words_of_an_exiting_process_all_arrive() {
    within(async {
        for _ in 0..5 {
            let mut command = program("children::child_says_last_words");
            let Spawned {
                mut process,
                channel,
                ..
            } = spawn::<Stream>(&mut command, options(Stdin::Null)).unwrap();
            let (mut read, _write) = channel.into_split();
            let mut words = Vec::new();
            read.read_to_end(&mut words).await.unwrap();
            assert_eq!(process.wait().await.unwrap().code(), Some(3));
            assert_eq!(words.len(), 1_000_000);
            for (at, word) in words.chunks_exact(4).enumerate() {
                assert_eq!(word, (at as u32 / 250).to_le_bytes());
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_reports_its_stdin() {
    let Attached {
        channel,
        parent_pid,
        ..
    } = attach::<Stream>().unwrap();
    let (mut read, mut write) = channel.into_split();
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    write
        .write_all(format!("{parent_pid}: {text}").as_bytes())
        .await
        .unwrap();
    let _ = read.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_program_behind_a_launcher_attaches_all_the_same() {
    within(async {
        let mut command = Command::new("cmd");
        command.arg("/c").arg(std::env::current_exe().unwrap());
        command
            .args(arguments("children::child_reports_its_stdin"))
            .stdout(Stdio::null());
        let Spawned {
            mut process,
            channel,
            stdin,
            ..
        } = spawn::<Stream>(&mut command, options(Stdin::Piped)).unwrap();
        let mut stdin = stdin.unwrap();
        stdin.write_all(b"through the launcher").unwrap();
        drop(stdin);
        let (mut read, write) = channel.into_split();
        let expected = format!("{}: through the launcher", std::process::id());
        let mut found = vec![0; expected.len()];
        read.read_exact(&mut found).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&found), expected);
        drop((read, write));
        assert!(process.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_forges_a_note() {
    let Attached {
        channel,
        parent_pid,
        ..
    } = attach::<Stream>().unwrap();
    let note = format!("1:{parent_pid}:{}:{}", "00".repeat(16), 0);
    let grandchild = program("children::grandchild_has_a_forged_note")
        .stdin(Stdio::inherit())
        .env(CHANNEL_VARIABLE, note)
        .status()
        .unwrap();
    assert!(grandchild.success());
    drop(channel);
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn grandchild_has_a_forged_note() {
    assert!(matches!(attach::<Stream>(), Err(AttachError::NotAChild)));
    let mut text = [0; 20];
    std::io::stdin().read_exact(&mut text).unwrap();
    assert_eq!(&text, b"for whoever reads it");
}

#[tokio::test]
async fn another_pipe_of_the_same_parent_is_not_taken_for_the_channel() {
    within(async {
        let mut command = program("children::child_forges_a_note");
        let mut child = spawn::<Stream>(&mut command, options(Stdin::Piped)).unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"for whoever reads it").unwrap();
        // It stays open: of a closed pipe less can be told.
        assert!(child.process.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_has_a_child_with_a_lifeline() {
    let Attached { channel, .. } = attach::<Stream>().unwrap();
    let (mut read, mut write) = channel.into_split();
    // The real standard input of this process is a pipe that only the test writes to.
    let child = program("children::child_holds_its_stdout")
        .stdout(Stdio::inherit())
        .spawn();
    assert_ne!(child.unwrap().id(), 0);
    write.write_all(b"!").await.unwrap();
    let _ = read.read_to_end(&mut Vec::new()).await;
}

#[test]
#[ignore = "entry point of a child process"]
fn child_holds_its_stdout() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    println!("still alive");
}

#[tokio::test]
async fn dropping_a_process_leaves_its_tree_alone() {
    within(async {
        let mut command = program("children::child_has_a_child_with_a_lifeline");
        command.stdout(Stdio::piped());
        let options = Options {
            kill_tree: true,
            ..options(Stdin::Piped)
        };
        let Spawned {
            process,
            channel,
            stdin,
            stdout,
            ..
        } = spawn::<Stream>(&mut command, options).unwrap();
        let (mut read, write) = channel.into_split();
        assert_eq!(read.read_u8().await.unwrap(), b'!');
        drop(process);
        drop((read, write));
        drop(stdin);
        let mut stdout = stdout.unwrap();
        let text = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let text = text.await.unwrap();
        assert!(text.contains("still alive"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_program_that_never_attaches_can_be_a_child() {
    within(async {
        let mut command = Command::new("cmd");
        command.args(["/c", "exit 5"]);
        let Spawned {
            mut process,
            channel,
            ..
        } = spawn::<Stream>(&mut command, options(Stdin::Null)).unwrap();
        assert_eq!(process.wait().await.unwrap().code(), Some(5));
        let (mut read, _write) = channel.into_split();
        assert_eq!(read.read(&mut [0]).await.unwrap(), 0);
    })
    .await;
}

#[test]
fn nothing_leaks_when_children_come_and_go() {
    alone("children::child_starts_many");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_starts_many() {
    within(async {
        let mut before = 0;
        for round in 0..40 {
            let options = Options {
                kill_tree: round % 2 == 0,
                ..options(Stdin::Piped)
            };
            let mut command = program("children::child_waits");
            let Spawned {
                mut process,
                channel,
                stdin,
                ..
            } = spawn::<Stream>(&mut command, options).unwrap();
            poll_and_forget(&mut process);
            drop((channel, stdin));
            assert!(process.wait().await.unwrap().success());
            // Starting a program that is not there leaves nothing behind either.
            let missing = spawn::<Stream>(&mut Command::new("no such program"), Options::default());
            assert_eq!(missing.unwrap_err().kind(), std::io::ErrorKind::NotFound);
            if round == 10 {
                before = handle_count();
            }
        }
        let after = handle_count();
        assert!(
            after <= before + 5,
            "{before} handles before, {after} after"
        );
    })
    .await;
}

#[tokio::test]
async fn a_wait_that_is_given_up_leaves_no_waker_behind() {
    within(async {
        let mut command = program("children::child_waits");
        for _ in 0..10 {
            let Spawned {
                mut process,
                channel,
                ..
            } = spawn::<Stream>(&mut command, options(Stdin::Null)).unwrap();
            let (woken, waker) = crate::pipes::count();
            assert!(
                process
                    .poll_wait(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            poll_and_forget(&mut process);
            drop(waker);
            assert_eq!(std::sync::Arc::strong_count(&woken), 1);
            drop(process);
            drop(channel);
        }
    })
    .await;
}

fn poll_and_forget(process: &mut Process) {
    let _ = process.poll_wait(&mut Context::from_waker(Waker::noop()));
}

//! Waiting for children, and ending them.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use offspring_platform::Stdin;
use tokio::io::AsyncWriteExt as _;

use crate::support::{
    Child, attached, leave_behind, options, program, until_all_gone, until_closed, within,
};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_exits_with_seven() {
    let _channel = attached();
    std::process::exit(7);
}

#[tokio::test]
async fn the_exit_status_is_told_as_often_as_it_is_asked_for() {
    within(async {
        let mut child = Child::spawn("process::child_exits_with_seven", Stdin::Null);
        assert_eq!(child.process.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.process.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.process.try_wait().unwrap().unwrap().code(), Some(7));
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

#[tokio::test]
async fn try_wait_does_not_wait() {
    within(async {
        let mut child = Child::spawn("process::child_waits", Stdin::Null);
        child.expect(b"ready").await;
        assert!(child.process.try_wait().unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn kill_ends_a_child_and_is_harmless_afterwards() {
    within(async {
        let mut child = Child::spawn("process::child_waits", Stdin::Null);
        child.expect(b"ready").await;
        child.process.kill().unwrap();
        let status = child.process.wait().await.unwrap();
        assert!(!status.success());
        child.process.kill().unwrap();
        child.process.terminate().unwrap();
        assert_eq!(child.process.wait().await.unwrap(), status);
    })
    .await;
}

#[tokio::test]
async fn terminate_ends_a_child() {
    within(async {
        let mut child = Child::spawn("process::child_waits", Stdin::Null);
        child.expect(b"ready").await;
        child.process.terminate().unwrap();
        assert!(!child.process.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    within(async {
        let mut child = Child::spawn("process::child_waits", Stdin::Null);
        child.expect(b"ready").await;
        for _ in 0..3 {
            tokio::select! {
                biased;
                status = child.process.wait() => panic!("{status:?}"),
                () = std::future::ready(()) => {}
            }
        }
        child.process.kill().unwrap();
        assert!(!child.process.wait().await.unwrap().success());
    })
    .await;
}

#[test]
fn a_child_can_be_waited_for_in_another_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let mut child = first.block_on(within(async {
        let mut child = Child::spawn("process::child_waits", Stdin::Null);
        child.expect(b"ready").await;
        tokio::select! {
            biased;
            status = child.process.wait() => panic!("{status:?}"),
            () = std::future::ready(()) => {}
        }
        child
    }));
    drop(first);
    runtime().block_on(within(async {
        child.process.kill().unwrap();
        assert!(!child.process.wait().await.unwrap().success());
    }));
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_with_grandchild() {
    let (mut read, mut write) = attached();
    leave_behind(program("process::grandchild_lingers").stdout(Stdio::inherit()));
    write.write_all(b"ready").await.unwrap();
    until_closed(&mut read).await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_leaves_a_grandchild() {
    let _channel = attached();
    leave_behind(program("process::grandchild_lingers").stdout(Stdio::inherit()));
}

#[test]
#[ignore = "entry point of a child process"]
fn grandchild_lingers() {
    // Ended by its grandparent; a limit for when that has gone wrong.
    std::thread::sleep(Duration::from_secs(60));
    println!("lingered to the end");
}

fn tree(entry: &str) -> Child {
    let mut command = program(entry);
    command.stdout(Stdio::piped());
    let mut options = options(Stdin::Null);
    options.kill_tree = true;
    Child::spawn_with(&mut command, options)
}

#[tokio::test]
async fn kill_tree_ends_grandchildren() {
    within(async {
        let mut child = tree("process::child_with_grandchild");
        child.expect(b"ready").await;
        child.process.kill().unwrap();
        // The pipe ends when all who could write to it are gone.
        let output = until_all_gone(child.stdout.take().unwrap()).await;
        assert!(!output.contains("lingered"), "{output}");
        assert!(!child.process.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn kill_tree_ends_grandchildren_even_after_the_exit_of_the_child() {
    within(async {
        let mut child = tree("process::child_leaves_a_grandchild");
        child.succeeds().await;
        child.process.kill().unwrap();
        let output = until_all_gone(child.stdout.take().unwrap()).await;
        assert!(!output.contains("lingered"), "{output}");
        child.succeeds().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_busy() {
    let (_read, _write) = attached();
    println!("busy");
    let begin = std::time::Instant::now();
    // A limit for when the watcher has failed.
    while begin.elapsed() < Duration::from_secs(60) {
        std::hint::spin_loop();
    }
    println!("lingered to the end");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_has_a_busy_child() {
    let mut command = program("process::child_is_busy");
    command.stdout(Stdio::inherit());
    let mut options = options(Stdin::Null);
    options.orphan_grace = Some(Duration::from_millis(100));
    let _child = Child::spawn_with(&mut command, options);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_busy_child_ends_when_its_parent_has_died() {
    within(async {
        let mut parent = program("process::child_has_a_busy_child")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(parent.stdout.take().unwrap());
        let output = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while !line.contains("busy\n") {
                line.clear();
                assert_ne!(
                    output.read_line(&mut line).unwrap(),
                    0,
                    "the child did not start"
                );
                line = line.replace('\r', "");
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

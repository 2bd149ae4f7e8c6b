//! Children that attach as they should not.

use offspring::{ErrorKind, Parent, Result, Stdio};

use crate::check;
use crate::support::{role, within};

#[tokio::test]
async fn a_program_that_was_started_by_hand_is_told_so() {
    for _ in 0..2 {
        let error = Parent::<(), ()>::attach().unwrap_err();
        check(
            &error,
            ErrorKind::NotAChild,
            &["attach", "not started as a child"],
        );
    }
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_attaches_twice() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let error = Parent::<str, String>::attach().unwrap_err();
    check(&error, ErrorKind::AlreadyAttached, &["already attached"]);
    parent.send("the first one is still good").await?;
    parent.close().await
}

#[tokio::test]
async fn a_second_attach_is_refused_and_the_first_goes_on() -> Result<()> {
    within(async {
        let mut child = role("attach::child_attaches_twice").spawn::<str, String>()?;
        let said = child.recv().await?;
        assert_eq!(said.as_deref(), Some("the first one is still good"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_starts_a_plain_program() -> Result<()> {
    let mut parent = Parent::<bool, ()>::attach()?;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "attach::program_is_no_child", "--ignored"]);
    let status = command.stdout(Stdio::null()).status().unwrap();
    parent.send(&status.success()).await?;
    parent.close().await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn program_is_no_child() {
    let error = Parent::<(), ()>::attach().unwrap_err();
    check(&error, ErrorKind::NotAChild, &["not started as a child"]);
}

#[tokio::test]
async fn a_program_that_a_child_starts_is_no_child_of_ours() -> Result<()> {
    within(async {
        let mut child = role("attach::child_starts_a_plain_program").spawn::<(), bool>()?;
        assert_eq!(child.recv().await?, Some(true));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

//! What the child finds at its standard streams.

use std::fs::File;
use std::io::Read as _;

use offspring::{Command, Parent, Result, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{role, within};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_reads_its_stdin() -> Result<()> {
    let mut parent = Parent::<str, ()>::attach()?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    parent.send(&text).await?;
    parent.close().await
}

/// What the child reads from the standard input that the command gives it.
async fn read_by_child(command: &mut Command) -> Result<String> {
    let mut child = command.spawn::<(), String>()?;
    let text = child.recv().await?.unwrap();
    assert!(child.wait().await?.success());
    Ok(text)
}

#[tokio::test]
async fn a_null_stdin_ends_at_once() -> Result<()> {
    within(async {
        let mut command = role("stdio::child_reads_its_stdin");
        assert_eq!(read_by_child(command.stdin(Stdio::null())).await?, "");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_piped_stdin_is_what_is_written_to_it() -> Result<()> {
    within(async {
        let mut command = role("stdio::child_reads_its_stdin");
        let mut child = command.stdin(Stdio::piped()).spawn::<(), String>()?;
        // Not what is sent: that is another way.
        child.send(&()).await?;
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"by the pipe").await.unwrap();
        drop(stdin);
        assert_eq!(child.recv().await?.as_deref(), Some("by the pipe"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn wait_closes_a_piped_stdin() -> Result<()> {
    within(async {
        let mut command = role("stdio::child_reads_its_stdin");
        let mut child = command.stdin(Stdio::piped()).spawn::<(), String>()?;
        assert!(child.wait().await?.success());
        assert_eq!(child.recv().await?.as_deref(), Some(""));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_file_is_read_by_each_child_of_a_command() -> Result<()> {
    within(async {
        let path = std::env::temp_dir().join(format!("{}.txt", offspring::Name::unique()?));
        std::fs::write(&path, "in the file").unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).ok();
        let mut command = role("stdio::child_reads_its_stdin");
        command.stdin(file);
        assert_eq!(read_by_child(&mut command).await?, "in the file");
        // The same open file, which is at its end by now.
        assert_eq!(read_by_child(&mut command).await?, "");
        std::fs::remove_file(&path).ok();
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_passes_its_stdin_on() -> Result<()> {
    let mut parent = Parent::<str, ()>::attach()?;
    let text = read_by_child(&mut role("stdio::child_reads_its_stdin")).await?;
    parent.send(&text).await?;
    parent.close().await
}

#[tokio::test]
async fn an_inherited_stdin_is_that_of_the_parent() -> Result<()> {
    within(async {
        let mut command = role("stdio::child_passes_its_stdin_on");
        let mut child = command.stdin(Stdio::piped()).spawn::<(), String>()?;
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"for the grandchild").await.unwrap();
        drop(stdin);
        assert_eq!(child.recv().await?.as_deref(), Some("for the grandchild"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_output_of_another_program_can_be_the_stdin() -> Result<()> {
    within(async {
        let mut other = std::process::Command::new(std::env::current_exe().unwrap());
        let mut other = other.arg("--list").stdout(Stdio::piped()).spawn().unwrap();
        let mut command = role("stdio::child_reads_its_stdin");
        command.stdin(other.stdout.take().unwrap());
        let text = read_by_child(&mut command).await;
        drop(command);
        other.wait().unwrap();
        assert!(text?.contains("stdio::child_reads_its_stdin"));
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_prints() -> Result<()> {
    let mut parent = Parent::<(), ()>::attach()?;
    println!("to stdout");
    eprintln!("to stderr");
    parent.close().await
}

#[tokio::test]
async fn piped_output_is_read_by_the_parent() -> Result<()> {
    within(async {
        let mut command = role("stdio::child_prints");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn::<(), ()>()?;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut pipe = child.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).await.unwrap();
        let mut pipe = child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).await.unwrap();
        assert!(
            stdout.contains("to stdout") && !stdout.contains("to stderr"),
            "{stdout}"
        );
        assert!(
            stderr.contains("to stderr") && !stderr.contains("to stdout"),
            "{stderr}"
        );
        assert!(child.stdin.is_none());
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

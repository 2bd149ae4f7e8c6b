//! The standard streams of a Node child, beside its channel.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::process::Command as StdCommand;

use offspring::node::Serialization;
use offspring::{Child, Result, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scripts::{Source, node};
use crate::support::within;

/// Answers each message with itself, and tells what the standard input had when that has ended.
const READER: &str = "
    let input = '';
    process.stdin.on('data', (chunk) => { input += chunk; });
    process.stdin.on('end', () => process.send(`read ${input}`));
    process.on('message', (message) => process.send(message));";

async fn converse(child: &mut Child<str, String>) -> Result<()> {
    for text in ["one", "two"] {
        child.send(text).await?;
        assert_eq!(child.recv().await?.as_deref(), Some(text));
    }
    Ok(())
}

/// What the script has read and one echo, which come in any order. Then it has nothing more to say.
async fn told(child: &mut Child<str, String>) -> Result<String> {
    child.send("last").await?;
    let mut texts = Vec::new();
    while texts.len() < 2 {
        texts.push(child.recv().await?.unwrap());
    }
    texts.retain(|text| text != "last");
    assert!(child.wait().await?.success());
    Ok(texts.concat())
}

#[tokio::test]
async fn a_script_reads_its_standard_input_to_the_end_while_it_talks() -> Result<()> {
    let Some(source) = Source::new(READER) else {
        return Ok(());
    };
    within(async {
        let mut command = source.command(Serialization::Json);
        // Node looks for its standard error when the input ends; under Wine it does not understand every pipe.
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn::<str, String>()?;
        let mut stdin = child.stdin.take().unwrap();
        let large = "x".repeat(300_000);
        for text in ["a ", &large] {
            stdin.write_all(text.as_bytes()).await.unwrap();
            converse(&mut child).await?;
        }
        // tokio writes in the background.
        stdin.flush().await.unwrap();
        drop(stdin);
        assert_eq!(told(&mut child).await?, format!("read a {large}"));

        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"from a file").unwrap();
        for (stdin, text) in [
            (Stdio::null(), "read "),
            (Stdio::from(file.try_clone().unwrap()), "read from a file"),
        ] {
            file.rewind().unwrap();
            let mut child = command.stdin(stdin).spawn::<str, String>()?;
            assert_eq!(told(&mut child).await?, text);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_starts_a_script_that_inherits() -> Result<()> {
    let source = Source::new(READER).unwrap();
    within(async {
        let mut command = source.command(Serialization::Json);
        let mut child = command.spawn::<str, String>()?;
        assert_eq!(told(&mut child).await?, "read from above");
        Ok(())
    })
    .await
}

#[test]
fn a_script_reads_the_standard_input_of_this_program_unless_told_otherwise() {
    if node().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    std::fs::write(&path, "from above").unwrap();
    let entry = "streams::child_starts_a_script_that_inherits";
    let output = StdCommand::new(std::env::current_exe().unwrap())
        .args(["--exact", entry, "--ignored", "--nocapture"])
        .stdin(File::open(&path).unwrap())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[tokio::test]
async fn a_script_writes_to_files_that_it_was_given() -> Result<()> {
    let Some(source) = Source::new("console.log('out'); console.error('err');") else {
        return Ok(());
    };
    within(async {
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut command = source.command(Serialization::Json);
        command
            .stdout(out.try_clone().unwrap())
            .stderr(Stdio::from(err.try_clone().unwrap()));
        let status = command.spawn::<(), ()>()?.wait().await?;
        assert!(status.success());
        for (mut file, text) in [(out, "out\n"), (err, "err\n")] {
            file.rewind().unwrap();
            assert_eq!(std::io::read_to_string(&mut file).unwrap(), text);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_stream_of_std_is_used_or_refused_by_name() -> Result<()> {
    let Some(source) = Source::new("console.log('out');") else {
        return Ok(());
    };
    within(async {
        let mut command = source.command(Serialization::Json);
        let spawned = command
            .stdout(std::process::Stdio::piped())
            .spawn::<(), ()>();
        if cfg!(windows) {
            let error = spawned.unwrap_err();
            assert_eq!(error.kind(), offspring::ErrorKind::Spawn);
            assert!(error.to_string().contains("offspring::Stdio"), "{error}");
            return Ok(());
        }
        let mut child = spawned?;
        let mut text = String::new();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "out\n");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_script_sees_the_variables_that_were_asked_for_and_no_others() -> Result<()> {
    let Some(source) = Source::new("process.send(Object.keys(process.env).sort().join());") else {
        return Ok(());
    };
    within(async {
        let mut command = source.command(Serialization::Json);
        command.env_clear().env("WORD", "hippo").env("GONE", "1");
        command.env_remove("GONE");
        // Without it a program on Windows may find no system at all.
        let root = std::env::var_os("SystemRoot");
        if let Some(root) = &root {
            command.env("SystemRoot", root);
        }
        let mut child = command.spawn::<(), String>()?;
        let seen = child.recv().await?.unwrap_or_default();
        let mut seen: Vec<_> = seen.split(',').collect();
        // The loader of macOS adds its own, and so does Wine.
        seen.retain(|key| {
            !["__", "WINE", "SystemDrive"]
                .iter()
                .any(|own| key.starts_with(own))
        });
        let expected: &[_] = match root {
            Some(_) => &["SystemRoot", "WORD"],
            None => &["WORD"],
        };
        assert_eq!(seen, expected);
        Ok(())
    })
    .await
}

//! A program in another language, written from the specification of the wire alone.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs, process};

use offspring::{Config, ErrorKind, Listener, Name, Result};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::timeout;

#[derive(Deserialize)]
struct Question {
    word: String,
}

#[derive(Serialize)]
struct Answer {
    length: usize,
}

#[tokio::test]
async fn a_program_in_python_talks_to_us() -> Result<()> {
    let mut listener = listener()?;
    let python = peer(&listener, "word-length");
    in_time(async {
        let mut client = listener.accept::<Answer, Question>().await?;
        while let Some(question) = client.recv().await? {
            client
                .send(&Answer {
                    length: question.word.len(),
                })
                .await?;
        }
        assert_eq!(client.protocol_version(), Some(2));
        // Also waits until the other side says that it has taken all three answers.
        client.close().await
    })
    .await?;
    assert_eq!(exit_code(python).await, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_program_in_python_with_another_protocol_is_refused_on_both_sides() -> Result<()> {
    let mut listener = listener()?;
    let python = peer(&listener, "something-else");
    let refused = in_time(async {
        let mut client = listener.accept::<Answer, Question>().await?;
        client.recv().await.map(|_| ())
    })
    .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Incompatible);
    assert_eq!(exit_code(python).await, Some(3));
    Ok(())
}

#[tokio::test]
async fn a_program_in_python_hears_that_there_is_no_room_for_it() -> Result<()> {
    let mut listener = Listener::bind_with(&Name::unique()?, config().max_connections(0))?;
    let python = peer(&listener, "word-length");
    tokio::select! {
        _ = listener.accept::<Answer, Question>() => panic!("there is no room"),
        code = exit_code(python) => assert_eq!(code, Some(4)),
    }
    Ok(())
}

fn listener() -> Result<Listener> {
    Listener::bind_with(&Name::unique()?, config())
}

fn config() -> Config {
    Config::new().protocol_versions("word-length", 1..=2)
}

fn peer(listener: &Listener, protocol: &str) -> Child {
    Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer.py"))
        .arg(listener.name().path().unwrap())
        .arg(protocol)
        .env("PYTHONPATH", msgpack())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// A folder with the package `msgpack`, which is fetched if this Python does not have it.
fn msgpack() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        if !has_msgpack(&folder) {
            fetch_msgpack(&folder);
        }
        folder
    })
}

/// Not into the system, which may forbid it.
fn fetch_msgpack(folder: &Path) {
    // Another process may do the same now, so it is complete before it gets its name.
    let fresh = folder.with_extension(process::id().to_string());
    let installed = process::Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "msgpack", "--target"])
        .arg(&fresh)
        // As variables, because an old pip refuses options that it does not know.
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .status();
    // What is there now does not work, or is what the other process has just made.
    if !has_msgpack(folder) {
        let _ = fs::remove_dir_all(folder);
        let _ = fs::rename(&fresh, folder);
    }
    let _ = fs::remove_dir_all(&fresh);
    assert!(
        has_msgpack(folder),
        "this test needs Python 3 with the package msgpack, and could not fetch it ({installed:?}). Install it with \
         `python3 -m pip install msgpack`, or on Debian and Ubuntu with `apt install python3-msgpack`"
    );
}

fn has_msgpack(folder: &Path) -> bool {
    let mut import = process::Command::new("python3");
    import
        .args(["-c", "import msgpack"])
        .env("PYTHONPATH", folder)
        .stderr(Stdio::null());
    import.status().is_ok_and(|status| status.success())
}

async fn exit_code(mut child: Child) -> Option<i32> {
    in_time(child.wait()).await.unwrap().code()
}

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future)
        .await
        .expect("the test hangs")
}

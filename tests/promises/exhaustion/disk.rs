//! A folder for sockets that is full or read-only.

use std::process::Command;

use offspring::{Error, ErrorKind, Listener, Name, Result};
use rustix::io::Errno;

use super::client;
use crate::stage::passes;

#[tokio::test]
async fn a_full_or_read_only_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    // The mounts are seen, and end, with this process.
    let script =
        r#"mount -t tmpfs -o nr_inodes=3,mode=700 none "$XDG_RUNTIME_DIR" && exec "$0" "$@""#;
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script])
            .arg(std::env::current_exe().unwrap());
        command.env("XDG_RUNTIME_DIR", folder.path());
        command
    };
    let may_mount = unshare(r#"mount -t tmpfs none "$XDG_RUNTIME_DIR""#).output();
    if !may_mount.is_ok_and(|answer| answer.status.success()) {
        println!("figure: exhaustion: skipped: no file system can be mounted here");
        return;
    }
    let mut command = unshare(script);
    command.args([
        "--exact",
        "exhaustion::disk::on_a_small_disk",
        "--ignored",
        "--nocapture",
    ]);
    passes(command.into()).await;
}

/// On a disk with room for the folder and one file.
#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn on_a_small_disk() -> Result<()> {
    let name = Name::unique()?;
    let folder = name.path()?.parent().unwrap().to_owned();
    let bind = || Listener::bind(&name).map(drop).unwrap_err();
    let mut told = Vec::new();

    let full = bind();
    assert_eq!(system(&full), Some(Errno::NOSPC), "{full:?}");
    assert_eq!(full.kind(), ErrorKind::Io);
    told.push(format!("{full:?}"));
    // Not even the lock is left.
    assert_eq!(folder.read_dir().unwrap().count(), 0);

    mount(&["-o", "remount,ro,nr_inodes=10"]);
    let read_only = bind();
    assert_eq!(system(&read_only), Some(Errno::ROFS), "{read_only:?}");
    assert_eq!(read_only.kind(), ErrorKind::Io);
    told.push(format!("{read_only:?}"));

    mount(&["-o", "remount,rw,nr_inodes=10"]);
    let listener = Listener::bind(&name)?;
    tokio::spawn(super::serve(listener, Default::default()));
    client(&name, 1).await?;
    println!(
        "figure: exhaustion: 2 of 2 errors of bind tell the cause ({}), nothing was left behind, and afterwards the name could be bound",
        told.join("; ")
    );
    Ok(())
}

fn mount(arguments: &[&str]) {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
    let status = Command::new("mount").args(arguments).arg(folder).status();
    assert!(status.unwrap().success());
}

/// What the system said.
fn system(error: &Error) -> Option<Errno> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            if let Some(code) = error.raw_os_error() {
                return Some(Errno::from_raw_os_error(code));
            }
            cause = error.get_ref().map(|inner| inner as _);
        } else {
            cause = error.source();
        }
    }
    None
}

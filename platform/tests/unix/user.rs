//! Other users of the machine. Needs to be root to become one of them; says so if it is not.

use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use offspring_platform::{Listener, Name, Stream};

use crate::support::{program, within};

/// The user "nobody", on most systems.
const STRANGER: u32 = 65534;

/// This program as another user, with a folder that both can use. `None` without the right to do that.
fn as_stranger(entry: &str) -> Option<(tempfile::TempDir, Command)> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can start a program as another user");
        return None;
    }
    // Where this program is built, others may not be let in.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let copy = folder.path().join("stranger");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    open_to_all(folder.path());
    open_to_all(&copy);
    let here = program(entry);
    let mut command = Command::new(&copy);
    command
        .args(here.get_args())
        .env("SOCKET", folder.path().join("x.sock"));
    command
        .current_dir("/")
        .env_remove("XDG_RUNTIME_DIR")
        .env("HOME", "/nowhere");
    command.uid(STRANGER).gid(STRANGER).stdout(Stdio::null());
    Some((folder, command))
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
}

async fn succeeds(mut command: Command) {
    let status = tokio::task::spawn_blocking(move || command.status().unwrap())
        .await
        .unwrap();
    assert!(status.success(), "{status}");
}

#[test]
#[ignore = "entry point of a child process"]
fn stranger_finds_the_door_closed() {
    let error = UnixStream::connect(std::env::var_os("SOCKET").unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[test]
#[ignore = "entry point of a child process"]
fn stranger_is_thrown_out() {
    for _ in 0..100 {
        let mut socket = UnixStream::connect(std::env::var_os("SOCKET").unwrap()).unwrap();
        // The server closes without a word; if it also had our byte unread, that is a reset.
        let answer = socket.read(&mut [0]);
        assert!(matches!(&answer, Ok(0)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_client_of_another_user_is_refused_twice_over() {
    within(async {
        let Some((folder, command)) = as_stranger("user::stranger_finds_the_door_closed") else {
            return;
        };
        let path = folder.path().join("x.sock");
        let name = Name::from_path(&path).unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        // The mode of the socket keeps strangers out,
        succeeds(command).await;
        // and if it did not, they would be recognised.
        open_to_all(&path);
        let Some((other, mut command)) = as_stranger("user::stranger_is_thrown_out") else {
            return;
        };
        command.env("SOCKET", &path);
        tokio::select! {
            client = listener.accept() => panic!("{client:?}"),
            () = succeeds(command) => {}
        }
        drop(other);
        let deadline = Instant::now() + Duration::from_secs(10);
        let (client, server) = tokio::join!(Stream::connect(&name, deadline), listener.accept());
        client.unwrap();
        server.unwrap();
    })
    .await;
}

#[test]
#[ignore = "entry point of a child process"]
fn stranger_serves() {
    let path = std::env::var_os("SOCKET").unwrap();
    let server = UnixListener::bind(&path).unwrap();
    open_to_all(Path::new(&path));
    std::fs::write(Path::new(&path).with_extension("ready"), "").unwrap();
    // Not one byte must come.
    for _ in 0..2 {
        let mut text = Vec::new();
        server.accept().unwrap().0.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"");
    }
}

#[tokio::test]
async fn a_server_of_another_user_is_told_nothing() {
    within(async {
        let Some((folder, command)) = as_stranger("user::stranger_serves") else {
            return;
        };
        let path = folder.path().join("x.sock");
        let server = tokio::spawn(succeeds(command));
        while !path.with_extension("ready").exists() {
            tokio::task::yield_now().await;
        }
        let link = folder.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for path in [&path, &link] {
            let name = Name::from_path(path).unwrap();
            let deadline = Instant::now() + Duration::from_secs(10);
            let error = Stream::connect(&name, deadline).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            // Nor is the name of another user ever taken over.
            assert_eq!(
                Listener::bind(&name).unwrap_err().kind(),
                ErrorKind::AlreadyExists
            );
        }
        server.await.unwrap();
    })
    .await;
}

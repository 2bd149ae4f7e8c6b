//! Sockets, locks and the folder they are in.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use offspring_platform::{Listener, Name, Stream};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use tempfile::TempDir;

use crate::alone;
use crate::support::within;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// An address in a folder of its own.
fn address() -> (TempDir, PathBuf, Name) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let name = Name::from_path(&path).unwrap();
    (folder, path, name)
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("sock.lock")
}

/// A socket that its server left behind.
fn abandon(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    // A child that another test starts at this moment has a copy until it executes its program.
    while UnixStream::connect(path).is_ok() {
        std::thread::yield_now();
    }
}

pub(crate) async fn serves(name: &Name, listener: &mut Listener) {
    let (client, server) = tokio::join!(Stream::connect(name, soon()), listener.accept());
    client.unwrap();
    server.unwrap();
}

#[tokio::test]
async fn an_abandoned_socket_is_replaced() {
    within(async {
        let (_folder, path, name) = address();
        abandon(&path);
        // The lock file of a killed owner stays behind too, without the lock.
        std::fs::write(lock_of(&path), "").unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        serves(&name, &mut listener).await;
    })
    .await;
}

/// Puts something at a path.
type Put = fn(&Path);

#[tokio::test]
async fn what_is_not_a_socket_is_left_alone() {
    let place: [(&str, Put); 5] = [
        ("a file", |path| std::fs::write(path, "precious").unwrap()),
        ("a folder", |path| std::fs::create_dir(path).unwrap()),
        ("a named pipe", |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("a symbolic link to nowhere", |path| {
            symlink("/nowhere", path).unwrap()
        }),
        ("a symbolic link to a socket", |path| {
            let target = path.with_extension("target");
            abandon(&target);
            symlink(target, path).unwrap();
        }),
    ];
    for (what, put) in place {
        // At the path of the socket, and at the path of its lock.
        for at in [|path: &Path| path.to_path_buf(), lock_of] {
            let (_folder, path, name) = address();
            put(&at(&path));
            let before = std::fs::symlink_metadata(at(&path)).unwrap();
            let answer = Listener::bind(&name);
            if what == "a file" && at(&path) == lock_of(&path) {
                answer.unwrap();
                continue;
            }
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{what}: {error}");
            assert!(error.to_string().contains("x.sock"), "{error}");
            let after = std::fs::symlink_metadata(at(&path)).unwrap();
            assert_eq!(
                (before.ino(), before.mode()),
                (after.ino(), after.mode()),
                "{what}"
            );
            if what == "a file" {
                assert_eq!(std::fs::read(at(&path)).unwrap(), b"precious");
            }
        }
    }
}

#[tokio::test]
async fn a_live_server_of_another_program_is_left_alone() {
    within(async {
        let (_folder, path, name) = address();
        let server = UnixListener::bind(&path).unwrap();
        assert_eq!(
            Listener::bind(&name).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"hi").unwrap();
        drop(client);
        // The first client is the knock of `bind`.
        for expected in ["", "hi"] {
            let mut text = String::new();
            server
                .accept()
                .unwrap()
                .0
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, expected);
        }
    })
    .await;
}

/// A server of another program that accepts nobody, and whose queue is full.
#[cfg(target_os = "linux")]
fn full(path: &Path) -> (UnixListener, Vec<rustix::fd::OwnedFd>) {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
    };

    let server = UnixListener::bind(path).unwrap();
    rustix::net::listen(&server, 1).unwrap();
    let address = SocketAddrUnix::new(path).unwrap();
    let mut clients = Vec::new();
    loop {
        let client = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::NONBLOCK,
            None,
        )
        .unwrap();
        match connect(&client, &address) {
            Ok(()) => clients.push(client),
            Err(rustix::io::Errno::AGAIN) => return (server, clients),
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_with_a_full_queue_is_alive() {
    let (_folder, path, name) = address();
    let _full = full(&path);
    assert_eq!(
        Listener::bind(&name).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connect_waits_for_a_full_queue_until_its_deadline() {
    within(async {
        let (_folder, path, name) = address();
        let (server, _clients) = full(&path);
        let begin = Instant::now();
        let deadline = begin + Duration::from_millis(200);
        let error = Stream::connect(&name, deadline).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(error.to_string().contains("x.sock"), "{error}");
        assert!(begin.elapsed() >= Duration::from_millis(200));
        assert!(begin.elapsed() < Duration::from_secs(5));
        // And as soon as there is room, it is in.
        server.accept().unwrap();
        Stream::connect(&name, soon()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let (folder, path, name) = address();
    let listener = Listener::bind(&name).unwrap();
    assert!(path.exists() && lock_of(&path).exists());
    drop(listener);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_socket_that_is_not_its_own_is_not_removed() {
    let (_folder, path, name) = address();
    let listener = Listener::bind(&name).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(listener);
    UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn an_owner_whose_lock_was_taken_away_leaves_the_new_owner_alone() {
    within(async {
        let (_folder, path, name) = address();
        let old = Listener::bind(&name).unwrap();
        std::fs::remove_file(lock_of(&path)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut new = Listener::bind(&name).unwrap();
        drop(old);
        assert!(path.exists() && lock_of(&path).exists());
        serves(&name, &mut new).await;
        assert_eq!(
            Listener::bind(&name).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
    })
    .await;
}

#[test]
fn of_many_that_race_for_an_abandoned_name_exactly_one_wins() {
    const RACERS: usize = 4;
    let rounds = std::env::var("RACE_ROUNDS").map_or(300, |rounds| rounds.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_folder, path, name) = address();
    let all = Barrier::new(RACERS + 1);
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|_| {
                scope.spawn(|| {
                    let _runtime = runtime.enter();
                    let (mut wins, mut others) = (0, Vec::new());
                    for _ in 0..rounds {
                        all.wait();
                        let owned = Listener::bind(&name);
                        match &owned {
                            Ok(_) => wins += 1,
                            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                            Err(error) => others.push(error.to_string()),
                        }
                        all.wait();
                        drop(owned);
                        all.wait();
                    }
                    assert!(others.is_empty(), "{others:?}");
                    wins
                })
            })
            .collect();
        // To panic between the barriers would leave the others waiting.
        let mut left_behind = 0;
        for _ in 0..rounds {
            abandon(&path);
            all.wait();
            all.wait();
            all.wait();
            left_behind += usize::from(path.exists());
            let _ = std::fs::remove_file(&path);
        }
        let wins: usize = racers.into_iter().map(|racer| racer.join().unwrap()).sum();
        assert_eq!((wins, left_behind), (rounds, 0));
    });
}

#[test]
fn handing_a_name_over_never_makes_two_owners() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_folder, _, name) = address();
    let owners = std::sync::atomic::AtomicUsize::new(0);
    // No rounds here: owners let go while others are in the middle of taking the lock.
    let wins: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let _runtime = runtime.enter();
                    let mut wins = 0;
                    for _ in 0..2_000 {
                        let Ok(owned) = Listener::bind(&name) else {
                            continue;
                        };
                        assert_eq!(owners.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        wins += 1;
                        owners.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(owned);
                    }
                    wins
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert!(wins > 0);
}

#[test]
fn sockets_and_locks_are_closed_to_others_whatever_the_umask() {
    alone("name::with_umasks");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn with_umasks() {
    for mask in [0, 0o022, 0o077] {
        let (_folder, path, name) = address();
        umask(Mode::from_raw_mode(mask));
        let _listener = Listener::bind(&name).unwrap();
        for path in [&path, &lock_of(&path)] {
            let mode = path.metadata().unwrap().mode() & 0o777;
            // Not every system lets us choose the mode of a socket.
            if cfg!(target_os = "linux") || path.extension().unwrap() == "lock" {
                assert_eq!(mode, 0o600, "{path:?} with umask {mask:o}");
            }
        }
        assert_eq!(
            umask(Mode::from_raw_mode(mask)).as_raw_mode(),
            mask,
            "it was changed"
        );
    }
}

#[test]
fn a_listener_outlives_exhaustion() {
    alone("name::without_descriptors");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn without_descriptors() {
    let (_folder, path, name) = address();
    let mut listener = Listener::bind(&name).unwrap();
    let _client = UnixStream::connect(&path).unwrap();
    let limit = Rlimit {
        current: Some(64),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    let before = processor_time();
    // Callers may drop the future at any time; the pauses must hold all the same.
    for _ in 0..100 {
        let answer = tokio::time::timeout(Duration::from_millis(5), listener.accept()).await;
        assert!(answer.is_err(), "{answer:?}");
    }
    assert!(
        processor_time() - before < Duration::from_millis(100),
        "it is busy"
    );
    drop(hoard);
    let begin = Instant::now();
    listener.accept().await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(1));
}

/// What this process has used of the processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

#[tokio::test]
async fn the_longest_path_works() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let limit = if cfg!(target_os = "linux") { 107 } else { 103 };
        let room = limit - folder.path().as_os_str().len() - 1;
        let name = Name::from_path(folder.path().join("x".repeat(room))).unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        serves(&name, &mut listener).await;
        assert!(Name::from_path(folder.path().join("x".repeat(room + 1))).is_err());
    })
    .await;
}

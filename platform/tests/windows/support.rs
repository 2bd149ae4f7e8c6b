//! What the tests share.

use std::future::Future;
use std::process::{Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use offspring_platform::{Listener, Name, Options, ReadHalf, Stdin, Stream, WriteHalf};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

/// Fails instead of hanging.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .expect("the test hangs")
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// Wine 8 does not do everything that Windows does.
pub(crate) fn under_wine(missing: &str) -> bool {
    let under = std::env::var_os("UNDER_WINE").is_some();
    if under {
        println!("not shown under Wine: {missing}");
    }
    under
}

/// Both ends of a connection, split.
pub(crate) struct Pair {
    pub(crate) client: (ReadHalf, WriteHalf),
    pub(crate) server: (ReadHalf, WriteHalf),
}

pub(crate) async fn pair() -> Pair {
    let name = Name::unique().unwrap();
    let mut listener = Listener::bind(&name).unwrap();
    pair_of(&name, &mut listener).await
}

pub(crate) async fn pair_of(name: &Name, listener: &mut Listener) -> Pair {
    let (client, server) = tokio::join!(Stream::connect(name, soon()), listener.accept());
    Pair {
        client: client.unwrap().into_split(),
        server: server.unwrap().into_split(),
    }
}

/// One poll of a read, by nobody in particular.
pub(crate) fn poll_read(half: &mut ReadHalf, waker: &Waker) -> Poll<std::io::Result<Vec<u8>>> {
    let mut bytes = [0; 4096];
    let mut buf = ReadBuf::new(&mut bytes);
    std::pin::Pin::new(half)
        .poll_read(&mut Context::from_waker(waker), &mut buf)
        .map_ok(|()| buf.filled().to_vec())
}

/// One poll of a write, by nobody in particular.
pub(crate) fn poll_write(half: &mut WriteHalf, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
    std::pin::Pin::new(half).poll_write(&mut Context::from_waker(Waker::noop()), bytes)
}

/// Writes until the pipe takes no more; answers how much it took.
pub(crate) fn fill(half: &mut WriteHalf, bytes: &[u8]) -> usize {
    let mut taken = 0;
    while let Poll::Ready(result) = poll_write(half, &bytes[taken..]) {
        taken += result.unwrap();
        assert_ne!(taken, bytes.len(), "not enough bytes to fill the pipe");
    }
    taken
}

/// This program, told to run only the given entry point.
pub(crate) fn program(entry: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments(entry)).stdout(Stdio::null());
    command
}

pub(crate) fn arguments(entry: &str) -> [&str; 5] {
    [
        "--exact",
        entry,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]
}

/// Runs an entry point that looks at the whole process, which other tests would disturb.
pub(crate) fn alone(entry: &str) {
    let mut command = program(entry);
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{output:?}"
    );
}

/// Children of tests never outlive them.
pub(crate) fn options(stdin: Stdin) -> Options {
    Options {
        stdin,
        orphan_grace: Some(Duration::ZERO),
        ..Options::default()
    }
}

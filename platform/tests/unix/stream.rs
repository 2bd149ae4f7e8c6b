//! Streams in bad times.

use std::time::{Duration, Instant};

use offspring_platform::{Listener, Name, Stdin, Stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::alone;
use crate::support::{Child, within};

#[test]
fn a_stream_outlives_exhaustion() {
    alone("stream::without_descriptors");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn without_descriptors() {
    within(async {
        let mut child = Child::spawn("stream::child_echo", Stdin::Null);
        let limit = Rlimit {
            current: Some(64),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, limit).unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        // More than the buffers hold, so the writer has to wait for room and cannot have a descriptor for that.
        let sent = vec![7; 2_000_000];
        let mut write = child.write.take().unwrap();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            write.write_all(&copy).await.unwrap();
            write
        });
        let mut found = vec![0; sent.len()];
        child.read.read_exact(&mut found).await.unwrap();
        assert!(found == sent, "the bytes differ");
        writer.await.unwrap();
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_echo() {
    let (mut read, mut write) = crate::support::attached();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match read.read(&mut buffer).await.unwrap() {
            0 => return,
            n => write.write_all(&buffer[..n]).await.unwrap(),
        }
    }
}

/// What a program says when it drops its connection, which may be anywhere.
#[test]
fn a_write_leaves_at_once_even_outside_of_the_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let runtime = runtime();
    let (client, server) = runtime.block_on(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let (client, server) = tokio::join!(Stream::connect(&name, deadline), listener.accept());
        (client.unwrap(), server.unwrap())
    });
    let (_read, mut write) = client.into_split();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut written = 0;
    loop {
        let poll =
            tokio::io::AsyncWrite::poll_write(std::pin::Pin::new(&mut write), &mut cx, &[7; 4096]);
        match poll {
            std::task::Poll::Ready(answer) => written += answer.unwrap(),
            // Until there is no room any more, which is no panic either.
            std::task::Poll::Pending => break,
        }
    }
    drop(write);
    let (mut read, _write) = server.into_split();
    let mut buffer = vec![0; 1 << 20];
    while written > 0 {
        // The system has taken them, so they are here.
        written -= read.try_read(&mut buffer).unwrap();
    }
}

//! Clients that are too many, say nothing, or say it too slowly.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use offspring::{Config, Connection, ErrorKind, Listener, Name, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::{Ends, client, serve};
use crate::stage::{Times, alone, size, within};

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn places_are_limited_and_given_back() -> Result<()> {
    within(async {
        let places = 10;
        let rounds = size(5, 100);
        let config = Config::new().max_connections(places).max_silent(3);
        let listener = Listener::bind_with(&Name::unique()?, config)?;
        let name = listener.name().clone();
        let ends = Arc::new(Ends::default());
        tokio::spawn(serve(listener, Arc::clone(&ends)));
        let mut refused = 0;
        for round in 1..=rounds {
            let mut clients = Vec::new();
            for number in 0..places {
                clients.push(client(&name, number as u64).await?);
            }
            for _ in 0..5 {
                let error = client(&name, 0).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Refused);
                refused += 1;
            }
            drop(clients);
            until(|| ends.gone.load(Ordering::Acquire) == round * places).await;
        }
        println!("figure: exhaustion: max_connections of {places}: {rounds} rounds of {places} clients served, {refused} of {refused} more refused, all places given back");

        let mut refused = 0;
        for round in 1..=rounds {
            let path = name.path()?;
            let mut silent = Vec::new();
            for _ in 0..3 {
                silent.push(UnixStream::connect(&path).await.unwrap());
            }
            // Though it is a good client: all places of those who say nothing are taken.
            let error = client(&name, 0).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused);
            refused += 1;
            drop(silent);
            until(|| ends.gone.load(Ordering::Acquire) == rounds * places + round * 4 - 1).await;
            drop(client(&name, 0).await?);
            until(|| ends.gone.load(Ordering::Acquire) == rounds * places + round * 4).await;
        }
        println!("figure: exhaustion: max_silent of 3: {rounds} rounds, {refused} of {refused} more refused, all places given back");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn clients_that_crawl_keep_nobody_waiting() {
    alone("exhaustion::clients::among_crawlers").await;
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn among_crawlers() -> Result<()> {
    within(async {
        let patience = size(Duration::from_secs(1), Duration::from_secs(5));
        let crowd = size(50, 200);
        super::raise_descriptors();
        let config = Config::new().handshake_timeout(patience);
        let listener = Listener::bind_with(&Name::unique()?, config)?;
        let name = listener.name().clone();
        let ends = Arc::new(Ends::default());
        tokio::spawn(serve(listener, Arc::clone(&ends)));

        // What a good client says first, byte by byte.
        let hello = hello().await?;
        let mut crawlers = tokio::task::JoinSet::new();
        for number in 0..2 * crowd {
            let (path, hello) = (name.path()?, hello.clone());
            crawlers.spawn(async move {
                let begin = Instant::now();
                let (mut read, mut write) = UnixStream::connect(&path).await.unwrap().into_split();
                if number % 2 == 0 {
                    // Too slow to come to the end in time.
                    let pause = 2 * patience / hello.len() as u32;
                    tokio::spawn(async move {
                        for byte in hello {
                            tokio::time::sleep(pause).await;
                            if write.write_all(&[byte]).await.is_err() {
                                return;
                            }
                        }
                    });
                } else {
                    std::mem::forget(write);
                }
                // The server's hello, and then its end.
                let mut said = Vec::new();
                let _ = read.read_to_end(&mut said).await;
                begin.elapsed()
            });
        }
        let mut served = Times::default();
        let begin = Instant::now();
        let mut number = 0;
        while begin.elapsed() < patience * 9 / 10 {
            let begin = Instant::now();
            drop(client(&name, number).await?);
            served.add(begin.elapsed());
            number += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(ends.timeout.load(Ordering::Acquire), 0, "before its time");
        let mut closed = Times::default();
        while let Some(done) = crawlers.join_next().await {
            closed.add(done.unwrap());
        }
        assert_eq!(ends.timeout.load(Ordering::Acquire), 2 * crowd);
        assert!(served.percentile(50) < Duration::from_millis(100), "{served}");
        assert!(closed.percentile(0) >= patience, "{closed}");
        println!(
            "figure: exhaustion: {crowd} silent clients and {crowd} that say a byte now and then, with {patience:?} to say \
             hello: all {} ended by Timeout, after {closed}; meanwhile new clients were answered in {served}",
            2 * crowd
        );
        Ok(())
    })
    .await
}

/// The bytes of a hello.
async fn hello() -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let connection: Connection<u64, u64> = Connection::connect(&Name::from_path(&path)?).await?;
    let (mut stream, _) = listener.accept().await.unwrap();
    connection.abort();
    let mut hello = Vec::new();
    stream.read_to_end(&mut hello).await.unwrap();
    Ok(hello)
}

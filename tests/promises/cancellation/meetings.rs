//! `accept`, `connect`, `ready`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use offspring::transport::Halves;
use offspring::{Config, Connection, Error, ErrorKind, Listener, Name, Parent, Result};
use tokio::task::JoinSet;
use tokio::task::coop::{consume_budget, has_budget_remaining};

use super::{Dropper, target};
use crate::stage::{size, within};
use crate::support::role;

/// Says one number and hears it again.
async fn greet(name: &Name, number: u64) -> Result<()> {
    let mut server = Connection::<u64, u64>::connect(name).await?;
    server.send(&number).await?;
    assert_eq!(server.recv().await?, Some(number));
    server.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_accept_loses_no_client() -> Result<()> {
    within(async {
        let mut listener = Listener::bind(&Name::unique()?)?;
        let (over, next) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut clients = JoinSet::new();
        for _ in 0..4 {
            let (name, over, next) = (listener.name().clone(), over.clone(), next.clone());
            clients.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    greet(&name, next.fetch_add(1, Ordering::Relaxed)).await?;
                }
                Ok(())
            });
        }

        let mut dropper = Dropper::new(1);
        let mut served = JoinSet::new();
        while !clients.is_empty() {
            if let Some(accepted) = dropper.try_out(listener.accept::<u64, u64>()).await {
                let mut client = accepted?;
                served.spawn(async move {
                    let number = client.recv().await?.unwrap();
                    client.send(&number).await?;
                    assert_eq!(client.recv().await?, None);
                    Result::Ok(number)
                });
            }
            let enough = next.load(Ordering::Relaxed) >= size(100, 5_000);
            over.store(enough && dropper.is_done(), Ordering::Relaxed);
            while let Some(client) = clients.try_join_next() {
                client.unwrap()?;
            }
        }

        let mut numbers = Vec::new();
        while let Some(number) = served.join_next().await {
            numbers.push(number.unwrap()?);
        }
        numbers.sort_unstable();
        let all: Vec<u64> = (0..next.load(Ordering::Relaxed)).collect();
        assert!(
            numbers == all,
            "lost or doubled: {} of {}",
            numbers.len(),
            all.len()
        );
        println!(
            "figure: cancellation: {} accepts were dropped, {} of {} clients served, once each",
            dropper.dropped,
            numbers.len(),
            all.len()
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_dropped_connect_harms_nobody() -> Result<()> {
    within(async {
        // Those that are gone again may be many before the server comes to them.
        let config = Config::new().max_silent(usize::MAX);
        let mut listener = Listener::bind_with(&Name::unique()?, config)?;
        let name = listener.name().clone();
        let (mut dropper, mut next) = (Dropper::new(2), 0);
        let mut served = JoinSet::new();
        while !dropper.is_done() {
            // While nobody accepts: on Windows only few can connect then. On Unix there is room for all, but none connects
            // when its task has done enough for a while.
            let mut connected = Vec::new();
            for _ in 0..64 {
                while has_budget_remaining() {
                    consume_budget().await;
                }
                let connecting = Connection::<u64, u64>::connect(&name);
                connected.extend(dropper.try_out(connecting).await.transpose()?);
            }
            // The others leave without a word, too.
            connected.truncate(8);
            tokio::select! {
                error = serve(&mut listener, &mut served) => return Err(error),
                greeted = greet_all(connected, &mut next) => greeted?,
            }
        }
        // Whoever came before this one has been accepted then.
        tokio::select! {
            error = serve(&mut listener, &mut served) => return Err(error),
            greeted = greet(&name, next) => greeted?,
        }

        let (mut numbers, mut silent) = (Vec::new(), 0);
        while let Some(served) = served.join_next().await {
            match served.unwrap()? {
                Some(number) => numbers.push(number),
                None => silent += 1,
            }
        }
        numbers.sort_unstable();
        let all: Vec<u64> = (0..=next).collect();
        assert!(
            numbers == all,
            "lost or doubled: {} of {}",
            numbers.len(),
            all.len()
        );
        println!(
            "figure: cancellation: {} connects were dropped; {silent} clients said nothing, {} were served, once each",
            dropper.dropped,
            all.len()
        );
        Ok(())
    })
    .await
}

/// Answers each client, and notes the number that it said; `None` if it went without one.
async fn serve(listener: &mut Listener, served: &mut JoinSet<Result<Option<u64>>>) -> Error {
    loop {
        let mut client = match listener.accept::<u64, u64>().await {
            Ok(client) => client,
            Err(error) => return error,
        };
        served.spawn(async move {
            let number = match client.recv().await {
                Ok(Some(number)) => number,
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Disconnected => return Ok(None),
                Err(error) => return Err(error),
            };
            client.send(&number).await?;
            assert_eq!(client.recv().await?, None);
            Ok(Some(number))
        });
    }
}

async fn greet_all(clients: Vec<Connection<u64, u64>>, next: &mut u64) -> Result<()> {
    for mut client in clients {
        client.send(next).await?;
        assert_eq!(client.recv().await?, Some(*next));
        client.close().await?;
        *next += 1;
    }
    Ok(())
}

#[tokio::test]
async fn a_dropped_ready_loses_nothing() -> Result<()> {
    within(async {
        let mut dropper = Dropper::new(3);
        let mut connections = 0;
        while !dropper.is_done() {
            // The hellos come in pieces, and the messages right behind them.
            let (near, far) = tokio::io::duplex(1 + dropper.random.below(8));
            let halves = |stream| {
                let (read, write) = tokio::io::split(stream);
                Halves(read, write)
            };
            let mut left = Connection::<u64, u64, _>::new(halves(near));
            let mut right = Connection::<u64, u64, _>::new(halves(far));
            for number in 0..10 {
                left.try_send(&number)?;
                right.try_send(&(number + 100))?;
            }
            let mut ready = [false; 2];
            while ready != [true; 2] {
                let one = dropper.random.below(2);
                let side = [&mut left, &mut right].into_iter().nth(one).unwrap();
                if let Some(result) = dropper.try_out(side.ready()).await {
                    result?;
                    ready[one] = true;
                }
            }
            for number in 0..10 {
                let (one, other) = tokio::join!(left.recv(), right.recv());
                assert_eq!((one?, other?), (Some(number + 100), Some(number)));
            }
            connections += 1;
        }
        println!(
            "figure: cancellation: {} times ready was dropped, on {connections} connections that then said everything",
            dropper.dropped
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_echoes() -> Result<()> {
    let mut parent = Parent::<u64, u64>::attach()?;
    while let Some(number) = parent.recv().await? {
        parent.send(&number).await?;
    }
    parent.close().await
}

#[tokio::test]
async fn a_dropped_ready_of_a_child_loses_nothing() -> Result<()> {
    within(async {
        let mut dropper = Dropper::new(4);
        let mut command = role("cancellation::meetings::child_echoes");
        let children = size(5, 100);
        for number in 0..children {
            let mut child = command.spawn::<u64, u64>()?;
            child.send(&number).await?;
            while dropper.try_out(child.ready()).await.transpose()?.is_none() {}
            assert_eq!(child.recv().await?, Some(number));
            assert!(child.wait().await?.success());
        }
        let dropped = dropper.dropped;
        assert!(dropped > target() / 100, "only {dropped} were dropped");
        println!("figure: cancellation: {dropped} times ready of {children} children was dropped");
        Ok(())
    })
    .await
}

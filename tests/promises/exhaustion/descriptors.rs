//! A server without free descriptors, and one whose queue is full.

use std::time::{Duration, Instant};

use offspring::{Config, Connection, ErrorKind, Listener, Name, Parent, Result};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::time::timeout;

use super::{client, echo, limit_descriptors, raise_descriptors, serve};
use crate::proc::{naps, ticks};
use crate::stage::{Times, alone, size, within};
use crate::support::role;

/// A server that is soon out of descriptors. Each message from the parent frees some.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_serves_with_few_descriptors() -> Result<()> {
    let mut parent = Parent::<String, ()>::attach()?;
    limit_descriptors(64);
    let hoard: Vec<_> = (0..8)
        .map(|_| std::fs::File::open("/dev/null").unwrap())
        .collect();
    let listener = Listener::bind(&Name::unique()?)?;
    parent.send(&listener.name().to_string()).await?;
    tokio::spawn(serve(listener, Default::default()));
    parent.recv().await?;
    drop(hoard);
    while parent.recv().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn a_server_without_descriptors_serves_whom_it_has() -> Result<()> {
    within(async {
        let mut server = role("exhaustion::descriptors::child_serves_with_few_descriptors")
            .spawn::<(), String>()?;
        let name = Name::new(server.recv().await?.unwrap())?;
        let mut clients: Vec<Connection<u64, u64>> = Vec::new();
        // The one that waits for the server has to be patient.
        let patient = Config::new().handshake_timeout(Duration::from_secs(60));
        let mut waiting = loop {
            let mut next: Connection<u64, u64> =
                Connection::connect_with(&name, patient.clone()).await?;
            // How long nothing happens is no event.
            match timeout(Duration::from_millis(500), echo(&mut next, 0)).await {
                Ok(answer) => answer?,
                Err(_) => break next,
            }
            clients.push(next);
            assert!(clients.len() < 64, "there is no limit");
        };

        let window = size(Duration::from_secs(1), Duration::from_secs(5));
        let (naps_before, ticks_before) = (naps(server.id()), ticks(server.id()));
        tokio::time::sleep(window).await;
        // Each try to accept follows a sleep.
        let tries = (naps(server.id()) - naps_before) as f64 / window.as_secs_f64();
        let load = (ticks(server.id()) - ticks_before) as f64 / window.as_secs_f64();
        assert!(tries <= 20.0 && load <= 20.0, "{tries}, {load}");

        let mut times = Times::default();
        for (number, client) in (0..).zip(&mut clients) {
            let begin = Instant::now();
            echo(client, number).await?;
            times.add(begin.elapsed());
        }

        let begin = Instant::now();
        server.send(&()).await?;
        // Its message is on the way already.
        assert_eq!(waiting.recv().await?, Some(0));
        let recovery = begin.elapsed();
        assert!(recovery <= Duration::from_secs(1), "{recovery:?}");
        println!(
            "figure: exhaustion: with no descriptor left: {tries:.1} wake-ups and {load:.1} % of a processor a second; \
             {} clients it had were answered in {times}; the one that waited {recovery:.1?} after some were free",
            clients.len()
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_full_queue_is_never_a_connection() {
    alone("exhaustion::descriptors::with_a_full_queue").await;
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn with_a_full_queue() -> Result<()> {
    within(async {
        raise_descriptors();
        // All who fill the queue are silent; none of them is to be closed for that.
        let config = Config::new().max_silent(1 << 20);
        let listener = Listener::bind_with(&Name::unique()?, config)?;
        let name = listener.name().clone();
        // Fills the queue, as clients that the server does not come to.
        let address = SocketAddrUnix::new(name.path()?).unwrap();
        let mut queue = Vec::new();
        loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
            match connect(&socket, &address) {
                Ok(()) => queue.push(socket),
                Err(Errno::AGAIN) => break,
                Err(error) => panic!("{error}"),
            }
        }

        let patience = Duration::from_millis(300);
        let config = Config::new().connect_timeout(patience);
        let count = size(20, 200);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..count {
            let (name, config) = (name.clone(), config.clone());
            tasks.spawn(async move {
                let begin = Instant::now();
                let answer = Connection::<u64, u64>::connect_with(&name, config).await;
                (answer.map(drop).map_err(|error| error.kind()), begin.elapsed())
            });
        }
        let mut times = Times::default();
        while let Some(done) = tasks.join_next().await {
            let (answer, time) = done.unwrap();
            assert_eq!(answer, Err(ErrorKind::Timeout));
            assert!(time >= patience);
            times.add(time);
        }
        assert!(times.percentile(50) < 2 * patience, "{times}");

        // Those who connect while the server begins to take them: who gets Ok is answered.
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..count {
            let name = name.clone();
            tasks.spawn(async move { client(&name, number).await.map(drop) });
        }
        tokio::spawn(serve(listener, Default::default()));
        while let Some(done) = tasks.join_next().await {
            done.unwrap()?;
        }
        println!(
            "figure: exhaustion: {} clients in the queue, which is full: {count} of {count} connects with {patience:?} \
             of patience said Timeout, after {times}; 0 said Ok. Once the server took them, {count} of {count} were answered",
            queue.len()
        );
        Ok(())
    })
    .await
}

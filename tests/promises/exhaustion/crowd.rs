//! Thousands of clients at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use offspring::{Connection, Listener, Name, Parent, Result};

use super::{Ends, echo, raise_descriptors, serve};
use crate::proc::{descriptors, memory};
use crate::stage::{alone, size, within};
use crate::support::role;

/// Tells its descriptors when it is asked, once as many clients have gone as are named.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_serves_a_crowd() -> Result<()> {
    let mut parent = Parent::<(String, usize), usize>::attach()?;
    raise_descriptors();
    let listener = Listener::bind(&Name::unique()?)?;
    let name = listener.name().to_string();
    let ends = Arc::new(Ends::default());
    tokio::spawn(serve(listener, Arc::clone(&ends)));
    parent.send(&(name.clone(), descriptors())).await?;
    while let Some(gone) = parent.recv().await? {
        while ends.gone.load(Ordering::Acquire) < gone {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        parent.send(&(name.clone(), descriptors())).await?;
    }
    Ok(())
}

#[tokio::test]
async fn thousands_of_clients_are_answered() {
    alone("exhaustion::crowd::of_thousands").await;
}

#[tokio::test]
#[ignore = "entry point of a process of its own"]
async fn of_thousands() -> Result<()> {
    within(async {
        // Both ends of a client have a descriptor, each in its own process; a few belong to others.
        let most = raise_descriptors().saturating_sub(100) as usize;
        let crowd = size(1_000, 10_000).min(most);
        let mut server = role("exhaustion::crowd::child_serves_a_crowd").spawn::<usize, (String, usize)>()?;
        let (name, before) = server.recv().await?.unwrap();
        let name = Name::new(name)?;
        let (server_memory, own_memory) = (memory(server.id()), memory(std::process::id()));
        let own = descriptors();

        let begin = Instant::now();
        let mut clients: Vec<Connection<u64, u64>> = Vec::new();
        for number in 0..crowd {
            let client = Connection::connect(&name).await?;
            client.send(&(number as u64)).await?;
            clients.push(client);
        }
        for (number, client) in (0..).zip(&mut clients) {
            assert_eq!(client.recv().await?, Some(number));
        }
        let first = begin.elapsed();
        // Once more, now that all are there.
        for (number, client) in (0..).zip(&mut clients) {
            echo(client, number).await?;
        }
        let each = |memory: u64| memory as f64 / 1024.0 / crowd as f64;
        let server_each = each(memory(server.id()).saturating_sub(server_memory));
        let own_each = each(memory(std::process::id()).saturating_sub(own_memory));

        drop(clients);
        server.send(&crowd).await?;
        let (_, after) = server.recv().await?.unwrap();
        assert_eq!(descriptors(), own);
        println!(
            "figure: exhaustion: {crowd} clients at once: all answered after {first:.1?}; memory of each {server_each:.1} KiB \
             in the server, {own_each:.1} KiB in the client; descriptors of the server {before} before, {after} after"
        );
        assert_eq!(before, after);
        Ok(())
    })
    .await
}

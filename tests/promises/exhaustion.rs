//! Promise: a server outlives exhaustion, of descriptors, of places, of patience and of disk.

mod clients;
mod crowd;
mod descriptors;
mod disk;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offspring::{Connection, ErrorKind, Listener, Name, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How the connections of a server ended.
#[derive(Debug, Default)]
struct Ends {
    /// By a goodbye or a crash of the client.
    gone: AtomicUsize,
    /// Because the client said no hello in time.
    timeout: AtomicUsize,
}

/// Echoes to everybody, for ever.
async fn serve(mut listener: Listener, ends: Arc<Ends>) -> Result<()> {
    loop {
        let mut client: Connection<u64, u64> = listener.accept().await?;
        let ends = Arc::clone(&ends);
        tokio::spawn(async move {
            let end = loop {
                match client.recv().await {
                    Ok(Some(number)) => match client.send(&number).await {
                        Ok(()) => {}
                        Err(_) => break &ends.gone,
                    },
                    Err(error) if error.kind() == ErrorKind::Timeout => break &ends.timeout,
                    Ok(None) | Err(_) => break &ends.gone,
                }
            };
            // The place is given back before it is counted.
            drop(client);
            end.fetch_add(1, Ordering::Release);
        });
    }
}

/// Connects, and is answered.
async fn client(name: &Name, number: u64) -> Result<Connection<u64, u64>> {
    let mut connection = Connection::connect(name).await?;
    echo(&mut connection, number).await?;
    Ok(connection)
}

async fn echo(connection: &mut Connection<u64, u64>, number: u64) -> Result<()> {
    connection.send(&number).await?;
    assert_eq!(connection.recv().await?, Some(number));
    Ok(())
}

/// How many descriptors this process may have from here on.
fn limit_descriptors(count: u64) {
    let limit = Rlimit {
        current: Some(count),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// As many descriptors as the system gives.
fn raise_descriptors() -> u64 {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
    limit_descriptors(most);
    most
}

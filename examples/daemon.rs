//! A daemon that unrelated programs find by its name: a small key-value store. See also `client`.
//!
//! ```sh
//! cargo run --example daemon             # ends on Ctrl-C or `client stop`
//! ```
//!
//! Only programs of the same user get through. A name has one owner: a second daemon is refused, and
//! what a crashed daemon left behind is no obstacle to the next one.

mod protocol;

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::Parser;
use offspring::{Connection, ErrorKind, Listener, Name, Result};
use protocol::{Reply, Request};
use tokio::signal;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Keeps keys and their values for clients.
#[derive(Parser)]
struct Options {
    /// The name that clients connect to.
    #[arg(long, default_value = protocol::NAME)]
    name: Name,
}

#[derive(Default)]
struct Store {
    values: Mutex<BTreeMap<String, String>>,
    stop: Notify,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let Options { name } = Options::parse();
    let mut listener = match Listener::bind_with(&name, protocol::config()) {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::NameInUse => {
            eprintln!("there is already a daemon with the name {name}");
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error),
    };
    println!("listening as {name}");

    let store = Arc::new(Store::default());
    let mut clients = JoinSet::new();
    let mut ctrl_c = pin!(signal::ctrl_c());
    loop {
        tokio::select! {
            client = listener.accept() => {
                clients.spawn(serve(client?, Arc::clone(&store)));
            }
            Some(ended) = clients.join_next() => {
                // A client that crashed, or does not speak our protocol, is no reason to end.
                if let Ok(Err(error)) = ended {
                    eprintln!("{error}");
                }
            }
            _ = &mut ctrl_c => break,
            () = store.stop.notified() => break,
        }
    }
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Answers one client until it disconnects.
async fn serve(mut client: Connection<Reply, Request>, store: Arc<Store>) -> Result<()> {
    while let Some(request) = client.recv().await? {
        let stop = matches!(request, Request::Stop);
        client.send(&store.answer(request)).await?;
        if stop {
            client.close().await?; // it has the answer
            store.stop.notify_one();
        }
    }
    Ok(())
}

impl Store {
    fn answer(&self, request: Request) -> Reply {
        let mut values = self.values.lock().expect("no task panics with the lock");
        match request {
            Request::Get { key } => Reply::Value(values.get(&key).cloned()),
            Request::Set { key, value } => {
                values.insert(key, value);
                Reply::Done
            }
            Request::Keys => Reply::Keys(values.keys().cloned().collect()),
            Request::Stop => Reply::Done,
        }
    }
}

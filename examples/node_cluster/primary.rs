//! The primary: what it says to its workers, and who gets the next connection.

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;
use offspring::node::Script;
use offspring::{Child, Command, ErrorKind};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

#[derive(Parser)]
#[command(about = "The primary of a Node.js cluster, in Rust")]
struct Options {
    /// How many workers.
    #[arg(long, default_value_t = 2)]
    workers: u32,
    /// The port on which it listens for them, whichever they ask for; 0 takes a free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The program of the workers.
    #[arg(long, default_value = "node")]
    node: PathBuf,
    /// Another script than `worker.js`.
    #[arg(long)]
    script: Option<PathBuf>,
    /// Ends when the standard input ends, and not only on Ctrl-C.
    #[arg(long)]
    until_eof: bool,
}

/// What a primary says.
#[derive(Serialize)]
struct ToWorker {
    cmd: &'static str,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'static str>,
    /// By which the worker knows its server again.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sockname: Option<SockName>,
}

#[derive(Serialize)]
struct SockName {
    address: String,
    family: &'static str,
    port: u16,
}

/// What a worker says, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FromWorker {
    seq: Option<u64>,
    act: Option<String>,
    ack: Option<u64>,
    accepted: Option<bool>,
    /// Where it wants to listen.
    port: Option<u16>,
}

struct Worker {
    child: Child<ToWorker, FromWorker>,
    port: u16,
    /// The number of our next message.
    seq: u64,
    /// Connections that it gets, and where it says that it is free for the next one.
    clients: mpsc::Receiver<TcpStream>,
    number: usize,
    free: mpsc::Sender<usize>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/node_cluster/worker.js");
    let script = options.script.unwrap_or(here);
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let port = listener.local_addr()?.port();

    let (is_free, mut gets_free) = mpsc::channel(1);
    let mut workers = Vec::new();
    for (number, id) in (1..=options.workers).enumerate() {
        let script = Script::new(&script)
            .program(&options.node)
            .cluster_worker(id);
        let (give, clients) = mpsc::channel(1);
        let worker = Worker {
            child: Command::node(script).kill_on_drop(true).spawn()?,
            port,
            seq: 0,
            clients,
            number,
            free: is_free.clone(),
        };
        workers.push((give, tokio::spawn(worker.run())));
    }
    // Connections that come before wait in the system's queue.
    drop(is_free);
    let mut free = VecDeque::new();
    while free.len() < workers.len() {
        let worker = gets_free.recv().await;
        free.push_back(worker.ok_or("the workers have ended before they listened")?);
    }
    println!("listening on {port} for {} workers", options.workers);

    let end = end(options.until_eof);
    tokio::pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => break,
            worker = gets_free.recv() => free.push_back(worker.ok_or("all workers have ended")?),
            client = listener.accept(), if !free.is_empty() => {
                let client = client?.0;
                // In turn, but nobody waits for a worker that is busy while another one is free.
                if let Some(worker) = free.pop_front() {
                    workers[worker].0.send(client).await?;
                }
            }
        }
    }
    drop(gets_free);
    for (give, worker) in workers {
        drop(give);
        worker.await??;
    }
    println!("all workers have ended");
    Ok(())
}

/// When it is time to end.
async fn end(until_eof: bool) {
    let eof = async {
        match until_eof {
            true => _ = stdin().read_to_end(&mut Vec::new()).await,
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        () = eof => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

impl Worker {
    async fn run(mut self) -> offspring::Result<()> {
        loop {
            tokio::select! {
                client = self.clients.recv() => match client {
                    Some(client) => {
                        self.give(client).await?;
                        self.is_free().await;
                    }
                    None => break,
                },
                message = self.child.recv() => match message? {
                    Some(message) => self.answer(message).await?,
                    None => break,
                },
            }
        }
        // A worker that loses its primary ends by itself.
        self.child.wait().await?;
        Ok(())
    }

    async fn answer(&mut self, message: FromWorker) -> offspring::Result<()> {
        match message.act.as_deref() {
            // It wants to listen, and is told that somebody does.
            Some("queryServer") => {
                // It would take another port than the one that it asked for as a sign that this one is taken.
                let port = message.port.filter(|port| *port > 0);
                let answer = ToWorker {
                    ack: message.seq,
                    key: Some(KEY.to_owned()),
                    sockname: Some(SockName {
                        address: "127.0.0.1".to_owned(),
                        family: "IPv4",
                        port: port.unwrap_or(self.port),
                    }),
                    ..self.message()
                };
                self.child.send(&answer).await?;
            }
            // Now it can take connections.
            Some("listening") => self.is_free().await,
            _ => {
                if let (Some(_), Some(false)) = (message.ack, message.accepted) {
                    eprintln!("a worker has not taken a connection");
                }
            }
        }
        Ok(())
    }

    /// Gives the worker a connection, and lets go of it here.
    async fn give(&mut self, client: TcpStream) -> offspring::Result<()> {
        let message = ToWorker {
            act: Some("newconn"),
            key: Some(KEY.to_owned()),
            ..self.message()
        };
        // A client that is gone already is not worth a word.
        let Ok(client) = client.into_std() else {
            return Ok(());
        };
        match self.child.send_with_handle(&message, client).await {
            Err(error) if error.kind() == ErrorKind::Io => {
                eprintln!("{error}");
                Ok(())
            }
            sent => sent,
        }
    }

    /// Who waits for that may have ended.
    async fn is_free(&self) {
        let _ = self.free.send(self.number).await;
    }

    fn message(&mut self) -> ToWorker {
        self.seq += 1;
        ToWorker {
            cmd: "NODE_CLUSTER",
            seq: self.seq,
            ack: None,
            act: None,
            key: None,
            sockname: None,
        }
    }
}

/// There is one server only.
const KEY: &str = "the server";

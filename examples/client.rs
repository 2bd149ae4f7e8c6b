//! Asks the daemon of the example `daemon`, a program that this one did not start.
//!
//! ```sh
//! cargo run --example client set colour green
//! cargo run --example client get colour
//! cargo run --example client keys
//! cargo run --example client stop
//! ```

mod protocol;

use std::process::ExitCode;

use clap::Parser;
use offspring::{Connection, ErrorKind, Name, Result};
use protocol::{Reply, Request};

#[derive(Parser)]
struct Options {
    /// The name of the daemon.
    #[arg(long, default_value = protocol::NAME)]
    name: Name,
    #[command(subcommand)]
    request: Request,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let Options { name, request } = Options::parse();
    let connecting = Connection::<Request, Reply>::connect_with(&name, protocol::config());
    let mut daemon = match connecting.await {
        Ok(daemon) => daemon,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!(
                "no daemon is running with the name {name}; start one: cargo run --example daemon"
            );
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error),
    };

    daemon.send(&request).await?;
    match daemon.recv().await? {
        Some(Reply::Value(Some(value))) => println!("{value}"),
        Some(Reply::Keys(keys)) => keys.iter().for_each(|key| println!("{key}")),
        Some(Reply::Done) => {}
        Some(Reply::Value(None)) => {
            eprintln!("there is no such key");
            return Ok(ExitCode::FAILURE);
        }
        None => {
            eprintln!("the daemon has stopped without an answer");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

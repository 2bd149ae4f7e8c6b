//! Keeps a service running: starts it again when it crashes, and gives up when it crashes too often.
//!
//! ```sh
//! cargo run --example supervisor         # Ctrl-C stops the service in an orderly way
//! ```
//!
//! The service crashes twice on purpose, then does its work.

use std::pin::pin;
use std::time::Duration;

use offspring::{Command, Event, Parent, Result};
use tokio::signal;
use tokio::time::sleep;

const MOST_CRASHES: u32 = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Parent::attach_if_child()? {
        Some(parent) => serve(parent).await,
        None => supervise().await,
    }
}

async fn supervise() -> Result<()> {
    let mut ctrl_c = pin!(signal::ctrl_c());

    for crashes in 0..MOST_CRASHES {
        let mut service = Command::current_exe()?
            .arg(crashes.to_string())
            .kill_on_drop(true) // no service is left behind when something fails here
            .kill_tree(true) // nor what it has started; and Ctrl-C reaches only the supervisor
            .spawn::<(), String>()?;
        loop {
            let event = tokio::select! {
                event = service.event() => event?,
                _ = &mut ctrl_c => {
                    // Says goodbye, waits, asks it to end, waits, kills it.
                    let status = service.stop(Duration::from_secs(2)).await?;
                    println!("supervisor: stopped with {status}");
                    return Ok(());
                }
            };
            match event {
                Some(Event::Message(text)) => println!("service: {text}"),
                Some(Event::Exit(status)) if status.success() => {
                    println!("supervisor: all done, {status}");
                    return Ok(());
                }
                Some(Event::Exit(status)) => println!("supervisor: crashed with {status}"),
                Some(_) => {}
                None => break,
            }
        }
        sleep(Duration::from_millis(100) * 2_u32.pow(crashes)).await;
    }
    println!("supervisor: crashed {MOST_CRASHES} times, giving up");
    Ok(())
}

async fn serve(mut parent: Parent<str, ()>) -> Result<()> {
    let crashes = std::env::args().nth(1).unwrap_or_default();
    parent
        .send(&format!("working after {crashes} crashes"))
        .await?;
    if crashes == "0" || crashes == "1" {
        std::process::exit(3);
    }
    tokio::select! {
        () = sleep(Duration::from_secs(1)) => parent.send("the work is done").await?,
        _ = parent.recv() => {} // the supervisor says goodbye, or is gone: leave
    }
    parent.close().await
}

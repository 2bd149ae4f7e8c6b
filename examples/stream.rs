//! A child's messages as a `Stream`, while the child reads what the user types.
//!
//! ```sh
//! cargo run --example stream             # type some lines, end with Ctrl-D (Windows: Ctrl-Z, Enter)
//! printf 'one\n\ntwo\n' | cargo run --example stream
//! ```
//!
//! The messages do not travel over the child's standard input. That is the terminal, or whatever the
//! user piped in, as with any other program.

use std::error::Error;

use offspring::{Command, Parent};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio_stream::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    match Parent::attach_if_child()? {
        Some(parent) => be_the_child(parent).await,
        None => be_the_parent().await,
    }
}

/// Sends the lines of its standard input to the parent.
async fn be_the_child(mut parent: Parent<str, ()>) -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        parent.send(&line).await?;
    }
    parent.close().await?; // the parent has taken every line
    Ok(())
}

/// Prints the lines that are not empty, and how many there were.
async fn be_the_parent() -> Result<(), Box<dyn Error>> {
    let mut child = Command::current_exe()?.spawn::<(), String>()?;

    // Each item is a `Result`: a child that crashes is an error, never a quiet end of the stream.
    let mut lines = (&mut child).filter(|line| !matches!(line, Ok(text) if text.is_empty()));
    let mut count = 0;
    while let Some(line) = lines.next().await {
        count += 1;
        println!("{count}: {}", line?);
    }

    let status = child.wait().await?;
    println!("{count} lines; the child ended with {status}");
    Ok(())
}

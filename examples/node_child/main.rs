//! A Rust program that a Node.js script starts: it does what JavaScript is slow at.
//!
//! ```sh
//! cargo build --features node --example node_child
//! node examples/node_child/node_parent.js
//! ```

use offspring::{ErrorKind, Parent, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Question {
    number: u64,
}

#[derive(Serialize)]
struct Answer {
    number: u64,
    factors: Vec<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // The same line as under a Rust parent: who the parent is, and how it writes, is found out here.
    let mut parent = match Parent::<Answer, Question>::attach() {
        Ok(parent) => parent,
        Err(error) if error.kind() == ErrorKind::NotAChild => {
            eprintln!("usage: node examples/node_child/node_parent.js");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    while let Some(Question { number }) = parent.recv().await? {
        let factors = factors(number);
        parent.send(&Answer { number, factors }).await?;
    }
    parent.close().await
}

fn factors(mut number: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut factor = 2;
    while factor * factor <= number {
        while number % factor == 0 {
            found.push(factor);
            number /= factor;
        }
        factor += 1;
    }
    if number > 1 {
        found.push(number);
    }
    found
}

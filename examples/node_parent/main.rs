//! A Rust program whose child is a Node.js script: it counts words with JavaScript.
//!
//! ```sh
//! cargo run --features node --example node_parent
//! ```

use std::path::Path;

use offspring::{Command, Event, Result};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Job<'a> {
    id: u32,
    text: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    id: u32,
    words: u32,
    longest: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/node_parent/node_child.js");
    let mut child = Command::node(script).spawn::<Job<'_>, Answer>()?;

    let texts = ["to be or not to be", "ein Wörterbuch", ""];
    for (id, text) in (1..).zip(texts) {
        child.send(&Job { id, text }).await?;
    }

    let mut left = texts.len();
    while let Some(event) = child.event().await? {
        match event {
            Event::Message(answer) => {
                let Answer { id, words, longest } = answer;
                println!("{id}: {words} words, the longest is {longest:?}");
                left -= 1;
                if left == 0 {
                    // The script has nothing else to do, so this is its end.
                    child.disconnect();
                }
            }
            Event::Disconnect => println!("the script has disconnected"),
            Event::Exit(status) => println!("the script has ended with {status}"),
            _ => {}
        }
    }
    Ok(())
}

//! The primary of a Node.js cluster, in Rust: accepts connections and deals them out to real Node workers, round robin.
//!
//! ```sh
//! cargo run --release --features node --example node_cluster -- --workers 2 --port 8000
//! curl http://127.0.0.1:8000
//! ```
//!
//! The workers are ordinary scripts, see `worker.js`. Instead of listening they ask their primary, which tells them that
//! it listens for them; then each connection comes to one of them beside a message.

#[cfg(unix)]
mod primary;

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    primary::main()
}

#[cfg(not(unix))]
fn main() {
    println!("node_cluster needs a system on which sockets travel beside messages: Unix");
}

//! The smallest program with a child: it starts itself once more, and the two greet each other.
//!
//! ```sh
//! cargo run --example hello
//! ```

use offspring::{Command, Event, Parent, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Parent and child are the same program. Whoever was started by a parent is the child.
    match Parent::attach_if_child()? {
        Some(parent) => be_the_child(parent).await,
        None => be_the_parent().await,
    }
}

async fn be_the_parent() -> Result<()> {
    println!("parent: fork");
    let mut child = Command::current_exe()?.spawn::<str, String>()?;

    println!("parent: send \"Hello Child\"");
    child.send("Hello Child").await?;

    // Messages, then Disconnect, then Exit: always in this order, and Exit is always the last.
    while let Some(event) = child.event().await? {
        match event {
            Event::Message(text) => {
                println!("parent: received {text:?}");
                println!("parent: disconnect");
                child.disconnect();
            }
            Event::Disconnect => println!("parent: the child has disconnected"),
            Event::Exit(status) => println!("parent: the child has ended with {status}"),
            _ => {}
        }
    }
    Ok(())
}

async fn be_the_child(mut parent: Parent<str, String>) -> Result<()> {
    while let Some(text) = parent.recv().await? {
        println!("child:  received {text:?}");
        println!("child:  reply \"Hello Parent\"");
        parent.send("Hello Parent").await?;
    }
    println!("child:  the parent has disconnected, so I exit");
    parent.close().await
}

//! Which descriptor the channel of a Node child is.
#![cfg(unix)]

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use offspring::node::Script;
use offspring::{Command, ErrorKind, Result};

use crate::scripts::{BOTH, Source};
use crate::support::within;

#[tokio::test]
async fn the_channel_has_the_number_that_node_gives_it() -> Result<()> {
    let Some(source) = Source::new("process.send(process.channel.fd)") else {
        return Ok(());
    };
    within(async {
        // With nothing at that number in this process, and with something.
        for files in [0, 8] {
            let _files: Vec<_> = (0..files).map(|_| File::open("/dev/null")).collect();
            for serialization in BOTH {
                let mut child = source.command(serialization).spawn::<(), u32>()?;
                assert_eq!(child.recv().await?, Some(3), "{serialization:?}, {files}");
                assert!(child.wait().await?.success());
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_missing_program_is_told_of_whatever_comes_and_goes_at_that_number() {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(File::open("/dev/null"));
                }
            });
        }
        let script = Script::new("script.js").program("/there/is/no/node");
        let kinds: Vec<_> = (0..500)
            .map(|_| Command::node(script.clone()).spawn::<(), ()>())
            .map(|spawned| spawned.err().map(|error| error.kind()))
            .collect();
        done.store(true, Ordering::Relaxed);
        assert!(kinds.iter().all(|kind| *kind == Some(ErrorKind::Spawn)));
    });
}

//! What handles leave open: nothing.

use std::io::Read as _;
use std::os::unix::net::UnixStream;

use offspring::Result;
use offspring::node::Serialization;

use crate::handles::{GIVER, TAKER, peer};
use crate::scripts::Source;
use crate::support::within;

#[cfg(target_os = "linux")]
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[cfg(not(target_os = "linux"))]
fn open_files() -> usize {
    0
}

/// Whether this is the only test of its process, so that what is open can be counted. If not, runs it in one.
fn alone(name: &str) -> bool {
    let mark = "OFFSPRING_TEST_ALONE";
    if std::env::var_os(mark).is_some() {
        return true;
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture"]).env(mark, "1");
    let output = again.stdin(std::process::Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

#[tokio::test]
async fn what_nobody_asks_for_is_closed() -> Result<()> {
    if !alone("handles_closed::what_nobody_asks_for_is_closed") {
        return Ok(());
    }
    let Some(source) = Source::new(GIVER) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<(), String>()?;
        let before = open_files();
        let mut found = Vec::new();
        while let Some(text) = child.recv().await? {
            found.push(text.split(' ').next().unwrap().to_owned());
        }
        // The script heard the end of the socket that was closed here.
        assert_eq!(found.last().map(String::as_str), Some("heard"));
        assert!(open_files() <= before);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_thousand_sockets_leave_nothing_open() -> Result<()> {
    if !alone("handles_closed::a_thousand_sockets_leave_nothing_open") {
        return Ok(());
    }
    let Some(source) = Source::new(TAKER) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<u32, String>()?;
        let mut before = None;
        for number in 0..1000 {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            child.send_with_handle(&number, theirs).await?;
            let mut text = String::new();
            ours.read_to_string(&mut text).unwrap();
            assert_eq!(text, format!("socket {number}"));
            drop(ours);
            assert!(*before.get_or_insert_with(open_files) >= open_files());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn handles_that_nobody_announces_do_not_pile_up() -> Result<()> {
    if !alone("handles_closed::handles_that_nobody_announces_do_not_pile_up") {
        return Ok(());
    }
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"
one, two = socket.socketpair()
for number in range(500):
    say(number, *[one.fileno()] * 8)
line()
"#;
        let mut child = peer(folder.path(), text).spawn::<str, u32>()?;
        let before = open_files();
        for number in 0..500 {
            assert_eq!(child.recv().await?, Some(number));
        }
        assert!(
            open_files() <= before + 64,
            "{} after {before}",
            open_files()
        );
        drop(child);
        // The reaper may have opened something.
        assert!(
            open_files() <= before + 4,
            "{} after {before}",
            open_files()
        );
        Ok(())
    })
    .await
}

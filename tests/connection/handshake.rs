//! The opening, and those who are not one of us.

use std::time::Duration;

use offspring::transport::Memory;
use offspring::wire::Hello;
use offspring::{Config, Connection, ErrorKind, Result};
use tokio::time::{Instant, sleep};

use crate::support::{Played, Script, kind, played, watchdog};

fn pair(
    left: Config,
    right: Config,
) -> (
    Connection<str, String, Memory>,
    Connection<str, String, Memory>,
) {
    let (near, far) = Memory::pair();
    (
        Connection::with_config(near, left),
        Connection::with_config(far, right),
    )
}

#[tokio::test]
async fn both_sides_report_protocols_that_do_not_fit() {
    let _watchdog = watchdog();
    let one = || Config::new().protocol("index", 1);
    let cases = [
        (one(), Config::new().protocol("index", 2)),
        (one(), Config::new().protocol_versions("index", 2..=9)),
        (one(), Config::new().protocol("search", 1)),
        (one(), Config::new()),
    ];
    for (left, right) in cases {
        let (mut left, mut right) = pair(left, right);
        for _ in 0..2 {
            assert_eq!(kind(left.ready().await), ErrorKind::Incompatible);
            assert_eq!(kind(right.recv().await), ErrorKind::Incompatible);
            assert_eq!(kind(left.close().await), ErrorKind::Incompatible);
        }
    }
}

#[tokio::test]
async fn an_incompatible_peer_that_left_at_once_is_still_called_so() {
    let _watchdog = watchdog();
    let (mut left, right) = pair(Config::new().protocol("index", 1), Config::new());
    drop(right);
    assert_eq!(kind(left.recv().await), ErrorKind::Incompatible);
}

#[tokio::test]
async fn the_highest_common_version_is_used() -> Result<()> {
    let _watchdog = watchdog();
    let config = |versions| Config::new().protocol_versions("index", versions);
    let (mut left, mut right) = pair(config(1..=4), config(3..=7));
    assert_eq!(left.protocol_version(), None);
    left.ready().await?;
    right.ready().await?;
    assert_eq!(
        (left.protocol_version(), right.protocol_version()),
        (Some(4), Some(4))
    );
    Ok(())
}

#[tokio::test]
async fn strangers_are_recognised() {
    let _watchdog = watchdog();
    let strangers: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"{\"cmd\":\"NODE_HANDLE\"}\n",
        b"\n",
    ];
    for bytes in strangers {
        let Played {
            mut connection, to, ..
        } = played::<str, String>(Config::new());
        to.put(bytes);
        for _ in 0..2 {
            assert_eq!(kind(connection.recv().await), ErrorKind::Protocol);
            assert_eq!(kind(connection.try_recv()), ErrorKind::Protocol);
            assert_eq!(kind(connection.ready().await), ErrorKind::Protocol);
        }
        assert!(to.reads() <= 1, "a stranger is not listened to any longer");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_an_error_after_the_deadline() {
    let _watchdog = watchdog();
    let limit = Duration::from_secs(7);
    let begin = Instant::now();
    let Played {
        mut connection, to, ..
    } = played::<str, String>(Config::new().handshake_timeout(limit));
    assert_eq!(kind(connection.recv().await), ErrorKind::Timeout);
    assert_eq!(begin.elapsed().as_secs(), 7);

    // It has ended, and stays so.
    to.put(&Script::new().message("too late").bytes());
    for _ in 0..2 {
        assert_eq!(kind(connection.recv().await), ErrorKind::Timeout);
        assert_eq!(kind(connection.try_recv()), ErrorKind::Timeout);
        assert_eq!(kind(connection.ready().await), ErrorKind::Timeout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_trickles_in_does_not_move_the_deadline() {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, String>(Config::new());
    let begin = Instant::now();
    tokio::spawn(async move {
        for byte in Script::new().bytes() {
            to.put(&[byte]);
            sleep(Duration::from_millis(500)).await;
        }
    });
    assert_eq!(kind(connection.recv().await), ErrorKind::Timeout);
    assert_eq!(begin.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_the_beginning_and_ends_with_the_hello() -> Result<()> {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, String>(Config::new());
    tokio::select! {
        _ = connection.recv() => unreachable!(),
        () = sleep(Duration::from_secs(4)) => {}
    }
    to.put(&Script::new().bytes());
    connection.ready().await?;
    tokio::select! {
        _ = connection.recv() => unreachable!(),
        () = sleep(Duration::from_secs(3600)) => {}
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_side_that_listens_late_is_not_punished_for_it() -> Result<()> {
    let _watchdog = watchdog();
    let Played {
        mut connection, to, ..
    } = played::<str, String>(Config::new());
    to.put(&Script::new().message("in time").bytes());
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(connection.recv().await?.as_deref(), Some("in time"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_deadline_is_too_far_away() -> Result<()> {
    let _watchdog = watchdog();
    let config = Config::new()
        .handshake_timeout(Duration::MAX)
        .close_timeout(Duration::MAX)
        .stall_timeout(Duration::MAX);
    let Played {
        mut connection, to, ..
    } = played::<str, String>(config);
    tokio::select! {
        _ = connection.recv() => unreachable!(),
        () = sleep(Duration::from_secs(3600 * 24 * 365)) => {}
    }
    to.put(&Script::new().message("at last").taken(0).bytes());
    assert_eq!(connection.recv().await?.as_deref(), Some("at last"));
    connection.close().await
}

#[tokio::test]
async fn the_hello_leaves_without_any_message() {
    let _watchdog = watchdog();
    let Played {
        connection: _open,
        from,
        ..
    } = played::<str, String>(Config::new().max_message(4096));
    let mut hello = Vec::new();
    Hello::new().with_max_message(4096).encode(&mut hello);
    assert_eq!(from.take(), hello);
}

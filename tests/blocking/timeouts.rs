//! Waits that are bounded.

use std::time::{Duration, Instant};

use offspring::blocking::{Connection, Listener, Parent};
use offspring::{Config, ErrorKind, Event, Name, Result};

use crate::{role, within};

/// Long enough to be seen, and longer than the system lets a read wait.
const A_WHILE: Duration = Duration::from_millis(60);

/// Longer than a test may take: what waits for it to pass fails.
const NEVER: Duration = Duration::from_secs(600);

#[test]
fn recv_gives_up_in_time_and_loses_nothing() -> Result<()> {
    within(|| {
        let (left, mut right) = Connection::<u32, ()>::pair::<(), u32>()?;
        for timeout in [Duration::ZERO, Duration::from_millis(5), A_WHILE] {
            let begin = Instant::now();
            let error = right.recv_timeout(timeout).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Empty);
            assert!(!error.kind().ends_connection());
            assert!(begin.elapsed() >= timeout);
        }
        left.send(&7)?;
        assert_eq!(right.recv_timeout(NEVER)?, Some(7));
        left.send(&8)?;
        assert_eq!(right.recv_timeout(Duration::MAX)?, Some(8));
        drop(left);
        assert_eq!(right.recv_timeout(NEVER)?, None);
        Ok(())
    })
}

#[test]
fn a_late_hello_is_an_error_also_of_a_longer_wait() -> Result<()> {
    within(|| {
        let config = Config::new().handshake_timeout(A_WHILE);
        let mut listener = Listener::bind_with(&Name::unique()?, config)?;
        let _silent = crate::strangers::dial(listener.name());
        let mut connection = listener.accept::<(), ()>()?;
        for _ in 0..2 {
            let error = connection.recv_timeout(NEVER).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        }
        let _silent = crate::strangers::dial(listener.name());
        let mut connection = listener.accept::<(), ()>()?;
        assert_eq!(connection.recv().unwrap_err().kind(), ErrorKind::Timeout);
        Ok(())
    })
}

#[test]
fn send_says_whether_the_message_was_taken_in_time() -> Result<()> {
    within(|| {
        let config = Config::new().send_buffer(1000);
        let (left, mut right) =
            Connection::<str, ()>::pair_with::<(), String>(config, Config::new())?;
        let text = "a".repeat(4 * 1024 * 1024);
        let error = left.send_timeout(&text, A_WHILE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        let error = left.send_timeout("another", A_WHILE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
        let reading = std::thread::spawn(move || {
            let first = right.recv()?.map(|text| text.len());
            Ok::<_, offspring::Error>((first, right.recv()?))
        });
        left.send_timeout("the last", NEVER)?;
        drop(left);
        let (first, last) = reading.join().unwrap()?;
        assert_eq!(
            (first, last.as_deref()),
            (Some(text.len()), Some("the last"))
        );
        Ok(())
    })
}

#[test]
fn of_many_blocked_senders_each_gives_up_in_its_own_time() -> Result<()> {
    within(|| {
        let (left, right) = Connection::<str, ()>::pair::<(), String>()?;
        let blocked: Vec<_> = [3, 1, 2]
            .into_iter()
            .map(|times| {
                let sender = left.sender();
                std::thread::spawn(move || {
                    let begin = Instant::now();
                    let text = "a".repeat(1024 * 1024);
                    let error = loop {
                        if let Err(error) = sender.send_timeout(&text, A_WHILE * times) {
                            break error;
                        }
                    };
                    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Full));
                    assert!(begin.elapsed() >= A_WHILE * times);
                })
            })
            .collect();
        for thread in blocked {
            thread.join().unwrap();
        }
        drop(right);
        Ok(())
    })
}

#[test]
fn an_abort_wakes_a_sender_that_waits_in_another_thread() -> Result<()> {
    within(|| {
        let (left, _right) = Connection::<str, ()>::pair::<(), String>()?;
        let sender = left.sender();
        let blocked =
            std::thread::spawn(move || sender.send(&"a".repeat(4 * 1024 * 1024)).unwrap_err());
        std::thread::sleep(A_WHILE);
        left.abort();
        let error = blocked.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        Ok(())
    })
}

#[test]
fn accept_gives_up_in_time() -> Result<()> {
    within(|| {
        let mut listener = Listener::bind(&Name::unique()?)?;
        let error = listener.accept_timeout::<(), ()>(A_WHILE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let _client = Connection::<(), ()>::connect(listener.name())?;
        listener.accept_timeout::<(), ()>(NEVER)?;
        Ok(())
    })
}

#[test]
#[ignore = "entry point of a child process"]
fn child_waits_for_a_word() -> Result<()> {
    let mut parent = Parent::<(), ()>::attach()?;
    parent.recv()?;
    std::process::exit(4)
}

#[test]
fn the_parent_of_a_busy_child_gives_up_in_time() -> Result<()> {
    within(|| {
        let mut child = role("timeouts::child_waits_for_a_word").spawn::<(), ()>()?;
        let error = child.event_timeout(A_WHILE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Empty, "{error}");
        assert_eq!(
            child.recv_timeout(A_WHILE).unwrap_err().kind(),
            ErrorKind::Empty
        );
        child.send(&())?;
        assert_eq!(child.event_timeout(NEVER)?, Some(Event::Disconnect));
        let Some(Event::Exit(status)) = child.event_timeout(NEVER)? else {
            panic!("no exit");
        };
        assert_eq!(status.code(), Some(4));
        assert_eq!(child.wait_timeout(Duration::ZERO)?, Some(status));
        Ok(())
    })
}

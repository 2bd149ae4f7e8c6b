//! Bytes that no offspring program would say.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use offspring::blocking::{Connection, Listener};
use offspring::wire::{Encoding, Hello, Limits, Outbox};
use offspring::{Config, ErrorKind, Name, Result};

use crate::within;

#[cfg(unix)]
type Wire = std::os::unix::net::UnixStream;
#[cfg(windows)]
type Wire = std::fs::File;

/// The other end of a connection, without any manners.
#[cfg(unix)]
pub(crate) fn dial(name: &Name) -> Wire {
    Wire::connect(name.path().unwrap()).unwrap()
}

#[cfg(windows)]
pub(crate) fn dial(name: &Name) -> Wire {
    let mut options = std::fs::OpenOptions::new();
    options
        .read(true)
        .write(true)
        .open(name.path().unwrap())
        .unwrap()
}

/// A connection that has heard exactly these bytes, and then the end.
fn hearing(bytes: &[u8]) -> Result<Connection<(), String>> {
    let config = Config::new().max_message(1000);
    let mut listener = Listener::bind_with(&Name::unique()?, config)?;
    let mut wire = dial(listener.name());
    let connection = listener.accept()?;
    wire.write_all(bytes).unwrap();
    Ok(connection)
}

/// A hello and two messages.
fn good() -> Vec<u8> {
    let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
    outbox.push_hello(&Hello::new());
    outbox.push("one").unwrap();
    outbox.push("two").unwrap();
    let mut bytes = Vec::new();
    outbox.take(&mut bytes);
    bytes
}

#[test]
fn a_stream_that_is_cut_says_where() -> Result<()> {
    within(|| {
        let good = good();
        let ends = [good.len() - 18, good.len() - 9, good.len()];
        for cut in 0..=good.len() {
            let mut connection = hearing(&good[..cut])?;
            let whole = ends[1..].iter().filter(|end| **end <= cut).count();
            for text in ["one", "two"].into_iter().take(whole) {
                assert_eq!(connection.recv()?.as_deref(), Some(text), "{cut}");
            }
            let kind = match cut == 0 || ends.contains(&cut) {
                true => ErrorKind::Disconnected,
                false => ErrorKind::Truncated,
            };
            for _ in 0..2 {
                assert_eq!(connection.recv().unwrap_err().kind(), kind, "{cut}");
            }
        }
        Ok(())
    })
}

#[test]
fn strangers_and_bombs_are_refused() -> Result<()> {
    within(|| {
        let hello = good()[..good().len() - 18].to_vec();
        let with = |bytes: &[u8]| [&hello[..], bytes].concat();
        for (bytes, kind) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ErrorKind::Protocol),
            (with(&[0, 0, 0, 0, 0]), ErrorKind::Protocol),
            (with(&[0, 0, 0, 2, 9, 9]), ErrorKind::Protocol),
            (
                with(&[0x7f, 0xff, 0xff, 0xff, 0]),
                ErrorKind::TooLarge {
                    size: 0x7fff_fffe,
                    limit: 1000,
                },
            ),
        ] {
            let mut connection = hearing(&bytes)?;
            assert_eq!(connection.recv().unwrap_err().kind(), kind);
        }
        // A value that promises more than is there is skipped, and the next one is good.
        let mut bytes = with(&[0, 0, 0, 6, 0, 0xdd, 0xff, 0xff, 0xff, 0xff]);
        bytes.extend_from_slice(&good()[hello.len()..]);
        let mut connection = hearing(&bytes)?;
        assert_eq!(connection.recv().unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(connection.recv()?.as_deref(), Some("one"));
        Ok(())
    })
}

#[test]
fn a_client_too_many_is_told_so() -> Result<()> {
    within(|| {
        let config = Config::new().max_connections(1);
        let mut listener = Listener::bind_with(&Name::unique()?, config)?;
        let _first = Connection::<(), ()>::connect(listener.name())?;
        let _served = listener.accept::<(), ()>()?;
        let mut second = Connection::<(), ()>::connect(listener.name())?;
        let none = listener.accept_timeout::<(), ()>(Duration::from_millis(50));
        assert_eq!(none.unwrap_err().kind(), ErrorKind::Timeout);
        let error = second.recv().unwrap_err();
        assert!(
            error.to_string().contains("as many clients as it takes"),
            "{error}"
        );
        Ok(())
    })
}

#[test]
fn who_is_refused_and_sends_first_is_told_why() -> Result<()> {
    within(|| {
        let config = Config::new().max_connections(0);
        let mut listener = Listener::bind_with(&Name::unique()?, config)?;
        let mut client = Connection::<u64, u64>::connect(listener.name())?;
        let nobody = listener.accept_timeout::<u64, u64>(Duration::from_millis(100));
        assert_eq!(nobody.unwrap_err().kind(), ErrorKind::Timeout);
        let error = loop {
            // The first one may leave before the system notices the end.
            match client.send(&7) {
                Ok(()) => thread::yield_now(),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("send to"), "{error}");
        assert_eq!(client.recv().unwrap_err().kind(), ErrorKind::Refused);
        Ok(())
    })
}

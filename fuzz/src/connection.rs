//! A live connection to a peer that may send anything.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};

use offspring::transport::Halves;
use offspring::wire::Limits;
use offspring::{Config, Connection, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use super::cuts::Outcome;
use super::fixtures::{Random, Seen, Value};
use super::stream::{decode, with_reader};
use super::{check_text, is_final, is_skipped, seed, small_limits};

/// Sends the bytes to a connection whose program receives, sends, gives up and tries again: it gets what an inbox
/// gets, in the same order, and never waits for nothing.
pub fn connection(bytes: &[u8]) {
    // Timers need a place to be; nobody waits for one, because a peer that is gone is no longer waited for.
    let _context = RUNTIME.enter();
    let mut random = Random(seed(bytes));
    for limits in [small_limits(), Limits::new()] {
        let expected = Expected::of(bytes, limits);
        for _ in 0..2 {
            check(bytes, limits, &mut random, &expected);
        }
    }
}

/// What the program must get.
struct Expected {
    received: Vec<Result<String, ErrorKind>>,
    end: Result<(), ErrorKind>,
}

impl Expected {
    fn of(bytes: &[u8], limits: Limits) -> Self {
        let outcome = with_reader(limits, |reader| Outcome::of(bytes, reader));
        let mut received = Vec::new();
        for seen in outcome.seen {
            match seen {
                Seen::Message(body) => {
                    received.push(decode(&body, limits).map(|value| show(&value)))
                }
                Seen::Taken(_) => {}
                // Whatever follows is no longer read.
                Seen::Goodbye(_) => {
                    return Self {
                        received,
                        end: Ok(()),
                    };
                }
                #[cfg(feature = "node")]
                Seen::WithHandle { .. } | Seen::HandleAnswer(_) => {
                    panic!("{seen:?} is for Node only")
                }
            }
        }
        // The end of the stream is only orderly behind a goodbye.
        let end = outcome.end.and(Err(ErrorKind::Disconnected));
        Self { received, end }
    }
}

/// NaN is not equal to itself.
fn show(value: &Value) -> String {
    format!("{value:?}")
}

fn check(bytes: &[u8], limits: Limits, random: &mut Random, expected: &Expected) {
    let config = Config::new()
        .max_message(limits.max_message())
        .max_depth(limits.max_depth())
        .max_items(limits.max_items())
        .send_buffer([1, 100, 1 << 20][random.below(3)])
        .read_ahead([1, 100, 1 << 20][random.below(3)]);
    let peer = Peer {
        bytes: bytes.to_vec(),
        ends_with_error: random.below(4) == 0,
        random: Random(random.next()),
    };
    let sink = Sink {
        room: if random.below(2) == 0 {
            usize::MAX
        } else {
            random.below(300)
        },
        random: Random(random.next()),
    };
    let mut connection = Connection::<Value, Value, _>::with_config(Halves(peer, sink), config);

    let mut received = Vec::new();
    let end = loop {
        match step(&mut connection, random) {
            None => {}
            Some(Ok(Some(value))) => received.push(Ok(show(&value))),
            Some(Ok(None)) => break Ok(()),
            Some(Err(error)) => {
                check_text(&error);
                if !is_skipped(error.kind()) {
                    assert!(is_final(error.kind()), "{error:?}");
                    break Err(error.kind());
                }
                received.push(Err(error.kind()));
            }
        }
    };
    assert_eq!((&received, end), (&expected.received, expected.end));

    // The end is the same whenever it is asked for, and whatever else is asked cannot hang.
    for _ in 0..2 {
        let again = run(connection.recv()).map(|message| message.map(|value| show(&value)));
        assert_eq!(
            again.map_err(|error| error.kind()),
            expected.end.map(|()| None)
        );
    }
    let _ = run(connection.send(&Value::Nil));
    let _ = connection.try_recv();
    if random.below(2) == 0 {
        let _ = run(connection.close());
    }
}

/// One thing that a program does. What it has received, if it has.
fn step<T: offspring::transport::Transport>(
    connection: &mut Connection<Value, Value, T>,
    random: &mut Random,
) -> Option<Result<Option<Value>>> {
    match random.below(10) {
        // In `select!`, a future is dropped after any number of polls.
        0 => {
            let polls = random.below(3);
            match run_for(connection.recv(), polls) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            }
        }
        1 => match connection.try_recv() {
            Err(error) if error.kind() == ErrorKind::Empty => None,
            result => Some(result),
        },
        2 => {
            // What it finds wrong is found again by `recv`.
            let _ = run(connection.ready());
            None
        }
        3 => {
            let text = "x".repeat(random.below(200));
            if let Err(error) = connection.try_send(&Value::Str(text)) {
                check_text(&error);
            }
            None
        }
        4 => {
            let polls = random.below(3);
            let _ = run_for(connection.send(&Value::Bin(vec![7; 100])), polls);
            None
        }
        5 if random.below(8) == 0 => {
            let polls = random.below(3);
            let _ = run_for(connection.close(), polls);
            None
        }
        _ => Some(run(connection.recv())),
    }
}

/// Polls until it is ready, but only while somebody has asked for it: otherwise it would have waited for ever.
fn run<F: Future>(future: F) -> F::Output {
    match run_for(future, usize::MAX) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it needs too many polls"),
    }
}

fn run_for<F: Future>(future: F, polls: usize) -> Poll<F::Output> {
    let mut future = pin!(future);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    for _ in 0..polls.min(MANY) {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
        assert!(
            flag.0.swap(false, Ordering::Relaxed),
            "nobody would wake it"
        );
    }
    Poll::Pending
}

/// Whether the task was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives its bytes in pieces, now and then only the second time it is asked, and then the end.
struct Peer {
    bytes: Vec<u8>,
    ends_with_error: bool,
    random: Random,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.random.below(8) {
            0 | 1 => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            2 => return Poll::Ready(Err(io::ErrorKind::Interrupted.into())),
            _ => {}
        }
        if self.bytes.is_empty() && self.ends_with_error {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = [1, 9, 200, usize::MAX][self.random.below(4)];
        let n = most.min(self.bytes.len()).min(buf.remaining());
        buf.put_slice(&self.bytes[..n]);
        self.bytes.drain(..n);
        Poll::Ready(Ok(()))
    }
}

/// Takes bytes in pieces until it has no more room, and then is gone.
struct Sink {
    room: usize,
    random: Random,
}

impl AsyncWrite for Sink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.random.below(4) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.room == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = (1 + self.random.below(64)).min(bytes.len()).min(self.room);
        self.room -= n;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.random.below(4) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(
        || match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("{error}"),
        },
    );

/// More polls than any of this needs.
const MANY: usize = 100_000;

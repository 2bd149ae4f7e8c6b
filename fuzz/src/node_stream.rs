//! A stream of messages from Node.js, cut in every way.

use offspring::ErrorKind;
use offspring::node::{Format, Serialization, Value};
use offspring::wire::{Envelope, Inbox, Limits, Outbox};

use super::cuts::{self, Reader};
use super::fixtures::Seen;
use super::{Verdict, check_text, is_skipped, small_limits};

/// Reads the bytes behind the first one as a stream from Node, which is written as the first one says.
///
/// Whatever the cuts, the same comes out: what a reader finds that has all bytes before it and no care for speed.
pub fn node_stream(bytes: &[u8]) -> Verdict {
    let (&choice, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let stream = Stream::of(choice);
    let _ = stream.check(bytes, small_limits());
    stream.check(bytes, Limits::new())
}

/// How a stream of the corpus is written. The lowest bits of its first byte are: `advanced`, cut into the pieces of libuv,
/// and a cluster.
pub fn node_format(choice: u8) -> Format {
    Stream::of(choice).format()
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    serialization: Serialization,
    framed: bool,
    cluster: bool,
}

impl Stream {
    fn of(choice: u8) -> Self {
        let serialization = match choice & 1 {
            0 => Serialization::Json,
            _ => Serialization::Advanced,
        };
        Self {
            serialization,
            framed: choice & 2 != 0,
            cluster: choice & 4 != 0,
        }
    }

    fn check(self, bytes: &[u8], limits: Limits) -> Verdict {
        let expected = self.expected(bytes, limits);
        let outcome = cuts::every_way(
            bytes,
            Reader {
                inbox: &|| self.inbox(limits),
                sizes_are_told: self.serialization == Serialization::Advanced,
            },
        );
        assert_eq!(outcome.seen, expected.0, "{self:?}");
        assert_eq!(outcome.end.map_err(name), expected.1, "{self:?}");
        let verdict = self.decode(bytes, limits);
        self.write_again(&outcome.seen, limits);
        verdict.and(outcome.end)
    }

    fn format(self) -> Format {
        Format::new(self.serialization)
            .framed(self.framed)
            .cluster(self.cluster)
    }

    fn inbox(self, limits: Limits) -> Inbox {
        Inbox::from_node(limits, self.format())
    }

    /// Decodes every message, and tells the first fault. One that is no good does not harm those behind it.
    fn decode(self, bytes: &[u8], limits: Limits) -> Verdict {
        let mut inbox = self.inbox(limits);
        inbox.absorb(&mut bytes.to_vec());
        let mut verdict = Ok(());
        while let Ok(Some(envelope)) = inbox.next() {
            let (body, is_inside) = match envelope {
                Envelope::Message(body) => (body, false),
                Envelope::WithHandle {
                    message: Some(body),
                    ..
                } => (body, true),
                _ => continue,
            };
            let decoded = body.decode::<Value>().map_err(|error| {
                check_text(&error);
                assert!(is_skipped(error.kind()), "{error:?}");
                error.kind()
            });
            if !is_inside {
                let alone = self
                    .serialization
                    .decode::<Value>(body.bytes(), limits)
                    .map_err(|error| error.kind());
                // NaN is not equal to itself.
                assert_eq!(format!("{decoded:?}"), format!("{alone:?}"));
            }
            verdict = verdict.and(decoded.map(drop));
        }
        verdict
    }

    /// What was read can be sent, and then comes out as it was written.
    fn write_again(self, seen: &[Seen], limits: Limits) {
        let mut outbox = Outbox::to_node(limits, self.format());
        let mut written = Vec::new();
        for seen in seen {
            let Seen::Message(body) = seen else {
                continue;
            };
            let Ok(value) = self.serialization.decode::<Value>(body, limits) else {
                continue;
            };
            let mut alone = Vec::new();
            let encoded = self.serialization.encode(&value, limits, &mut alone);
            let pushed = outbox.push(&value);
            assert_eq!(encoded.is_ok(), pushed.is_ok(), "{value:?}: {pushed:?}");
            if pushed.is_ok() {
                written.push(Seen::Message(alone));
            }
        }
        let mut bytes = Vec::new();
        outbox.take(&mut bytes);
        assert_eq!(self.expected(&bytes, limits), (written.clone(), Ok(())));
        let mut inbox = self.inbox(limits);
        inbox.absorb(&mut bytes);
        for message in &written {
            let envelope = inbox.next().expect("what was written is good");
            assert_eq!(envelope.map(Seen::from).as_ref(), Some(message));
        }
        inbox.end().expect("what was written is whole");
    }
}

/// The same by other means: slowly, from all of the bytes.
impl Stream {
    fn expected(self, bytes: &[u8], limits: Limits) -> (Vec<Seen>, Result<(), &'static str>) {
        let (bytes, after) = match self.framed {
            true => without_heads(bytes),
            false => (bytes.to_vec(), Ok(())),
        };
        let (bodies, end) = match self.serialization {
            Serialization::Json => lines(&bytes, limits),
            _ => sized(&bytes, limits),
        };
        let seen = bodies.iter().filter_map(|body| self.meaning(body, limits));
        // A head that breaks the rules is told in the place of what it keeps from coming.
        let end = match (end, after) {
            (Err("TooLarge"), _) => Err("TooLarge"),
            (_, Err("Protocol")) => Err("Protocol"),
            (end, after) => end.and(after),
        };
        (seen.collect(), end)
    }

    /// What is left of a message when those for Node itself are gone.
    fn meaning(self, body: &[u8], limits: Limits) -> Option<Seen> {
        let message = Seen::Message(body.to_vec());
        let Ok(value) = self.serialization.decode::<Value>(body, limits) else {
            return Some(message);
        };
        match self.command(&value) {
            None => Some(message),
            Some("NODE_HANDLE") => {
                let inner = value.get("msg").map(whole);
                let inner = match inner.and_then(|inner| Some((inner, self.command(inner)?))) {
                    Some((inner, "NODE_HANDLE")) => inner.get("msg").map(whole),
                    _ => inner,
                };
                let is_foreign = inner.is_some_and(|inner| self.command(inner).is_some());
                let again = value.get("type").and_then(Value::as_str);
                Some(Seen::WithHandle {
                    message: (!is_foreign).then(|| body.to_vec()),
                    again: matches!(again, Some("net.Socket" | "net.Native")),
                })
            }
            Some("NODE_HANDLE_ACK") => Some(Seen::HandleAnswer(true)),
            Some("NODE_HANDLE_NACK") => Some(Seen::HandleAnswer(false)),
            Some(_) => None,
        }
    }

    fn command(self, value: &Value) -> Option<&str> {
        let command = whole(value).as_object()?.get("cmd")?.as_str()?;
        let is_ours = self.cluster && command == "NODE_CLUSTER";
        (command.len() > 5 && command.starts_with("NODE_") && !is_ours).then_some(command)
    }
}

/// The object itself, though others refer to it.
fn whole(value: &Value) -> &Value {
    match value {
        Value::Shared(_, value) => value,
        value => value,
    }
}

fn without_heads(mut bytes: &[u8]) -> (Vec<u8>, Result<(), &'static str>) {
    let mut stream = Vec::new();
    while !bytes.is_empty() {
        let Some((head, rest)) = bytes.split_first_chunk::<16>() else {
            return (stream, Err("Truncated"));
        };
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (flags, length, reserved) = (word(0), word(8) as usize, word(12));
        // A connection is a socket, and bytes are announced.
        let is_good = matches!(flags, 1 | 3 | 7) || (matches!(flags, 0 | 2 | 6) && length == 0);
        if !is_good || reserved != 0 {
            return (stream, Err("Protocol"));
        }
        let skipped = if flags & 2 == 0 { 0 } else { 632 };
        let Some(rest) = rest.get(skipped..) else {
            return (stream, Err("Truncated"));
        };
        stream.extend_from_slice(&rest[..length.min(rest.len())]);
        let Some(rest) = rest.get(length..) else {
            return (stream, Err("Truncated"));
        };
        bytes = rest;
    }
    (stream, Ok(()))
}

type Bodies<'a> = (Vec<&'a [u8]>, Result<(), &'static str>);

fn lines(bytes: &[u8], limits: Limits) -> Bodies<'_> {
    let mut bodies: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    let is_large = |body: &&[u8]| body.len() > limits.max_message();
    if let Some(large) = bodies.iter().position(is_large) {
        bodies.truncate(large);
        return (bodies, Err("TooLarge"));
    }
    match bodies.pop() {
        None | Some([]) => (bodies, Ok(())),
        Some(_) => (bodies, Err("Truncated")),
    }
}

fn sized(mut bytes: &[u8], limits: Limits) -> Bodies<'_> {
    let mut bodies = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        if length > limits.max_message() {
            return (bodies, Err("TooLarge"));
        }
        let Some(body) = rest.get(..length) else {
            break;
        };
        bodies.push(body);
        bytes = &rest[length..];
    }
    match bytes {
        [] => (bodies, Ok(())),
        _ => (bodies, Err("Truncated")),
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TooLarge { .. } => "TooLarge",
        ErrorKind::Truncated => "Truncated",
        ErrorKind::Protocol => "Protocol",
        other => panic!("a stream of Node does not end with {other:?}"),
    }
}

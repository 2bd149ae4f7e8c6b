//! Where a message begins and ends.

use memchr::memchr;

use super::control::{self, Kind};
use super::libuv::{self, Pieces, Transfer, Transfers};
use super::{Format, Serialization};
use crate::wire::envelope::{Body, Envelope};
use crate::wire::format::Codec;
use crate::wire::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// Appends the head of a message, whose bytes are written next.
pub(crate) fn begin(out: &mut Vec<u8>, format: Format, transfer: Option<Transfer<'_>>) {
    match transfer {
        Some(transfer) => libuv::begin_transfer(out, transfer),
        None if format.framed => libuv::begin(out),
        None => {}
    }
    if format.serialization == Serialization::Advanced {
        out.extend_from_slice(&[0; LENGTH]);
    }
}

/// Finishes the message whose head is at `start`.
pub(crate) fn finish(out: &mut Vec<u8>, start: usize, format: Format, transfer: bool) {
    match format.serialization {
        Serialization::Json => out.push(b'\n'),
        Serialization::Advanced => {
            let outer = match (transfer, format.framed) {
                (true, _) => libuv::TRANSFER_HEAD,
                (false, true) => libuv::head(&out[..start]),
                (false, false) => 0,
            };
            let body = start + outer + LENGTH;
            let length = u32::try_from(out.len() - body)
                .expect("the body is within the limit, which is below 4 GiB");
            out[body - LENGTH..body].copy_from_slice(&length.to_be_bytes());
        }
    }
    if transfer {
        libuv::finish_transfer(out, start);
    } else if format.framed {
        libuv::finish(out, start);
    }
}

/// Finds messages in what has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    format: Format,
    limits: Limits,
    /// Where the stream comes in the pieces of libuv.
    pieces: Option<Pieces>,
    /// There is no line end in these unread bytes: a long line that comes in pieces is searched once.
    searched: (usize, usize),
}

impl Reader {
    pub(crate) fn new(format: Format, limits: Limits) -> Self {
        Self {
            format,
            limits,
            pieces: format.framed.then(Pieces::new),
            searched: (0, 0),
        }
    }

    /// Moves the bytes of the stream to the front of what has just arrived, and tells how many there are.
    pub(crate) fn strip(&mut self, arrived: &mut [u8], transfers: &mut Transfers) -> usize {
        match &mut self.pieces {
            Some(pieces) => pieces.strip(arrived, transfers),
            None => arrived.len(),
        }
    }

    /// Finds the next message for the program from `at` on, and moves `at` behind it.
    pub(crate) fn walk<'a>(
        &mut self,
        unread: &'a [u8],
        at: &mut usize,
    ) -> Result<Option<Envelope<'a>>> {
        loop {
            let (body, end) = match self.find(unread, *at)? {
                Found::Message { body, end } => (body, end),
                // What came before a fault can still be taken.
                Found::Incomplete { .. } => {
                    return self.pieces.map_or(Ok(None), |pieces| {
                        pieces.check()?;
                        Ok(None)
                    });
                }
            };
            *at = end;
            let codec = Codec::Node(self.format.serialization);
            let body = Body::written(body, self.limits, codec);
            match control::kind(self.format, body.bytes(), self.limits) {
                Kind::Message => return Ok(Some(Envelope::Message(body))),
                Kind::Handle(carrier) => return Ok(Some(Envelope::carried(body, carrier))),
                Kind::Answer { arrived } => return Ok(Some(Envelope::HandleAnswer { arrived })),
                Kind::Unknown => {}
            }
        }
    }

    /// Notes that the first `count` unread bytes were taken.
    pub(crate) fn taken(&mut self, count: usize) {
        let (from, to) = self.searched;
        self.searched = match from.checked_sub(count) {
            Some(from) => (from, to - count),
            None => (0, 0),
        };
    }

    /// How many unread bytes there must be to get further; 0 if it can be done now.
    pub(crate) fn need(mut self, unread: &[u8]) -> usize {
        match self.find(unread, 0) {
            Ok(Found::Incomplete { .. }) if self.is_broken() => 0,
            Ok(Found::Incomplete { need }) => need,
            Ok(Found::Message { .. }) | Err(_) => 0,
        }
    }

    /// What the end of the stream means when only `rest` is left, which is not a whole message.
    pub(crate) fn end(&self, rest: &[u8]) -> Result<()> {
        let is_whole = self.pieces.is_none_or(|pieces| pieces.is_whole());
        if rest.is_empty() && is_whole {
            return Ok(());
        }
        let text = format!(
            "read a message: the stream ended after the first {} bytes of it",
            rest.len()
        );
        Err(Error::new(ErrorKind::Truncated, text))
    }

    fn is_broken(&self) -> bool {
        self.pieces.is_some_and(|pieces| pieces.is_broken())
    }

    fn find<'a>(&mut self, unread: &'a [u8], at: usize) -> Result<Found<'a>> {
        match self.format.serialization {
            Serialization::Json => self.line(unread, at),
            Serialization::Advanced => self.sized(unread, at),
        }
    }

    fn line<'a>(&mut self, unread: &'a [u8], at: usize) -> Result<Found<'a>> {
        let known = match self.searched {
            (from, to) if from == at => to.max(at),
            _ => at,
        };
        let end = memchr(b'\n', &unread[known..]).map(|found| known + found);
        let length = end.unwrap_or(unread.len()) - at;
        if length > self.limits.max_message() {
            return Err(self.too_large(length as u64, end.is_none()));
        }
        Ok(match end {
            Some(end) => Found::Message {
                body: &unread[at..end],
                end: end + 1,
            },
            // It may be twice as long; room for one byte more would make many small reads.
            None => {
                self.searched = (at, unread.len());
                Found::Incomplete {
                    need: unread.len() + (unread.len() - at).max(1),
                }
            }
        })
    }

    fn sized<'a>(&self, unread: &'a [u8], at: usize) -> Result<Found<'a>> {
        let Some((length, rest)) = unread[at..].split_first_chunk() else {
            return Ok(Found::Incomplete { need: at + LENGTH });
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.limits.max_message() {
            return Err(self.too_large(length as u64, false));
        }
        let end = at + LENGTH + length;
        Ok(match rest.get(..length) {
            Some(body) => Found::Message { body, end },
            None => Found::Incomplete { need: end },
        })
    }

    #[cold]
    fn too_large(&self, size: u64, at_least: bool) -> Error {
        let limit = self.limits.max_message() as u64;
        let least = if at_least { "at least " } else { "" };
        let text = format!("read a message: it has {least}{size} bytes, {limit} are allowed");
        Error::new(ErrorKind::TooLarge { size, limit }, text)
    }
}

enum Found<'a> {
    /// There must be `need` bytes from the first unread one on.
    Incomplete { need: usize },
    /// The message, and where the next one begins.
    Message { body: &'a [u8], end: usize },
}

/// Of the length in front of an `advanced` message.
const LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Inbox, Outbox};

    const JSON: Format = Format::new(Serialization::Json);
    const ADVANCED: Format = Format::new(Serialization::Advanced);
    const FORMATS: [Format; 4] = [JSON, JSON.framed(true), ADVANCED, ADVANCED.framed(true)];

    fn outbox(format: Format) -> Outbox {
        Outbox::to_node(Limits::new(), format)
    }

    fn inbox(format: Format, max_message: usize) -> Inbox {
        Inbox::from_node(Limits::new().with_max_message(max_message), format)
    }

    fn written(format: Format, texts: &[&str]) -> Vec<u8> {
        let mut outbox = outbox(format);
        for text in texts {
            outbox.push(text).unwrap();
        }
        let mut bytes = Vec::new();
        outbox.take(&mut bytes);
        bytes
    }

    /// All messages that are there, looking ahead as often as not.
    fn take(inbox: &mut Inbox, found: &mut Vec<String>) {
        assert!(inbox.look_ahead().unwrap().is_none());
        let ahead = inbox.messages_ahead();
        let before = found.len();
        while let Some(envelope) = inbox.next().unwrap() {
            let Envelope::Message(body) = envelope else {
                panic!("{envelope:?}");
            };
            found.push(body.decode().unwrap());
        }
        assert_eq!((found.len() - before) as u64, ahead);
        assert_eq!(inbox.messages_ahead(), 0);
    }

    #[test]
    fn the_bytes_of_a_message_are_these() {
        assert_eq!(written(FORMATS[0], &["hi"]), b"\"hi\"\n");
        let head = b"\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0";
        assert_eq!(
            written(FORMATS[1], &["hi"]),
            [&head[..], b"\"hi\"\n"].concat()
        );
        let advanced = written(FORMATS[2], &["hi"]);
        let (length, body) = advanced.split_first_chunk().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, body.len());
        assert_eq!(body[0], 0xff);
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let texts = ["", "ünïcödé 🦛\n", "x", &"long ".repeat(50)];
        for format in FORMATS {
            let bytes = written(format, &texts);
            for size in 1..=bytes.len() {
                let mut inbox = inbox(format, 1 << 20);
                let mut found = Vec::new();
                for (turn, chunk) in bytes.chunks(size).enumerate() {
                    if turn % 2 == 0 {
                        inbox.absorb(&mut chunk.to_vec());
                    } else {
                        for byte in chunk {
                            inbox.space()[0] = *byte;
                            inbox.filled(1);
                        }
                    }
                    take(&mut inbox, &mut found);
                    let at_boundary = texts.len() == found.len() || inbox.end().is_ok();
                    assert!(at_boundary || inbox.end().unwrap_err().kind() == ErrorKind::Truncated);
                }
                assert_eq!(found, texts, "{format:?} in pieces of {size}");
                assert!(inbox.end().is_ok());
            }
        }
    }

    #[test]
    fn a_stream_that_ends_within_a_message_is_cut_off() {
        for format in FORMATS {
            let first = written(format, &["one"]);
            let bytes = [first.clone(), written(format, &["two"])].concat();
            let second = first.len();
            for end in 0..bytes.len() {
                let mut inbox = inbox(format, 1 << 20);
                inbox.absorb(&mut bytes[..end].to_vec());
                let whole = end == 0 || end == second;
                assert_eq!(inbox.end().is_ok(), whole, "{format:?} {end}");
                take(&mut inbox, &mut Vec::new());
                assert_eq!(inbox.end().is_ok(), whole, "{format:?} {end}");
            }
        }
    }

    #[test]
    fn what_is_too_large_ends_the_stream_before_it_is_there() {
        for format in FORMATS {
            let mut good = written(format, &["ok"]);
            let text = "x".repeat(1000);
            let mut bytes = written(format, &["ok", &text]);
            bytes.truncate(good.len() + 400);
            let mut inbox = inbox(format, 100);
            inbox.absorb(&mut bytes);
            assert!(inbox.next().unwrap().is_some());
            for _ in 0..2 {
                let error = inbox.next().unwrap_err();
                assert!(matches!(
                    error.kind(),
                    ErrorKind::TooLarge { limit: 100, .. }
                ));
                assert!(inbox.has_frame());
            }
            good.clear();
        }
    }

    #[test]
    fn a_head_of_libuv_that_breaks_the_rules_ends_the_stream_behind_what_is_good() {
        for format in [FORMATS[1], FORMATS[3]] {
            let mut bytes = written(format, &["ok"]);
            bytes.extend_from_slice(&[8; 16]);
            let mut inbox = inbox(format, 100);
            inbox.absorb(&mut bytes);
            assert!(inbox.next().unwrap().is_some());
            for _ in 0..2 {
                assert_eq!(inbox.next().unwrap_err().kind(), ErrorKind::Protocol);
                assert_eq!(inbox.end().unwrap_err().kind(), ErrorKind::Protocol);
            }
            assert!(inbox.has_frame());
        }
    }

    #[test]
    fn a_long_line_in_many_pieces_is_read_in_few() {
        let mut inbox = inbox(FORMATS[0], 64 << 20);
        let mut left = 10_000_000;
        let mut reads = 0;
        inbox.absorb(&mut b"\"".to_vec());
        while left > 0 {
            let space = inbox.space();
            let count = space.len().min(left);
            space[..count].fill(b'x');
            inbox.filled(count);
            assert!(inbox.next().unwrap().is_none());
            left -= count;
            reads += 1;
        }
        assert!(reads < 200, "{reads}");
        inbox.absorb(&mut b"\"\n".to_vec());
        assert!(inbox.next().unwrap().is_some());
    }

    #[test]
    fn a_message_that_fails_leaves_no_bytes() {
        for format in FORMATS {
            let mut outbox = outbox(format);
            outbox.push("ok").unwrap();
            let before = outbox.len();
            let command = [("cmd", "NODE_HANDLE")]
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>();
            assert_eq!(outbox.push(&command).unwrap_err().kind(), ErrorKind::Encode);
            let large = "x".repeat(17 << 20);
            let error = outbox.push(&large).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }));
            assert_eq!((outbox.len(), outbox.messages()), (before, 1));
            outbox.push_goodbye(0).unwrap();
            assert_eq!(outbox.len(), before);
            assert_eq!(outbox.push("more").unwrap_err().kind(), ErrorKind::Closed);
        }
    }

    #[test]
    fn an_escaped_command_is_one_too() {
        for text in [
            r#"{"cmd":"NODE_x"}"#,
            r#" {"cmd":"\u004eODE_x"}"#,
            r#"{"cmd":"NOD\u0045_x"}"#,
            r#"{"c\u006dd":"NODE\u005Fx"}"#,
            r#"{"cmd":7,"a":{"b":[]},"cmd":"NODE_x"}"#,
        ] {
            let kind = control::kind(JSON, text.as_bytes(), Limits::new());
            assert_eq!(kind, Kind::Unknown, "{text}");
        }
        for text in [
            r#"["cmd","NODE_x"]"#,
            r#""NODE_x""#,
            r#"{"cmd":"NODE_x","cmd":7}"#,
            r#"{"cmd":"NODE_"}"#,
            r#"{"cmd":["NODE_x"]}"#,
            r#"{"cmd":{"cmd":"NODE_x"}}"#,
            r#"{"cmd":null,"x":"NODE_x"}"#,
            r#"{"cmd":"NODE_x""#,
        ] {
            let kind = control::kind(JSON, text.as_bytes(), Limits::new());
            assert_eq!(kind, Kind::Message, "{text}");
        }
    }

    /// A generator that is good enough for choosing cuts and faults.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit as u64) as usize
        }
    }

    /// All that a stream says, and how it ends.
    fn read(bytes: &[u8], format: Format, mut cut: impl FnMut() -> usize) -> (Vec<String>, String) {
        let mut inbox = inbox(format, 200);
        let (mut said, mut rest) = (Vec::new(), bytes);
        loop {
            let size = cut();
            if size % 2 == 0 {
                let _ = inbox.look_ahead();
            }
            loop {
                match inbox.next() {
                    Ok(Some(Envelope::Message(body))) => {
                        let decoded = body.decode::<String>();
                        said.push(format!("{:?}", decoded.map_err(|error| error.kind())));
                    }
                    Ok(Some(other)) => said.push(format!("{other:?}")),
                    Ok(None) => break,
                    Err(error) => return (said, format!("{:?}", error.kind())),
                }
            }
            if rest.is_empty() {
                let end = inbox.end().map_err(|error| error.kind());
                return (said, format!("{end:?}"));
            }
            let (now, later) = rest.split_at(size.clamp(1, rest.len()));
            rest = later;
            if size % 3 == 0 {
                inbox.absorb(&mut now.to_vec());
            } else {
                for byte in now {
                    inbox.space()[0] = *byte;
                    inbox.filled(1);
                }
            }
        }
    }

    #[test]
    fn whatever_the_bytes_the_cuts_change_nothing() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let control = br#"{"cmd":"NODE_HANDLE","type":"net.Server","msg":"x"}"#;
        let (ack, other) = (br#"{"cmd":"NODE_HANDLE_ACK"}"#, br#"{"cmd":"NODE_X"}"#);
        for format in FORMATS {
            let mut good = written(format, &["one", "zwölf", &"long".repeat(20)]);
            good.extend(written(format, &["behind"]));
            if format == JSON {
                for line in [&control[..], ack, other] {
                    good.extend_from_slice(line);
                    good.push(b'\n');
                }
            }
            for _ in 0..1500 {
                let mut bytes = good.clone();
                for _ in 0..random.below(4) {
                    let at = random.below(bytes.len());
                    match random.below(3) {
                        0 => bytes[at] = random.below(256) as u8,
                        1 => bytes.truncate(at.max(1)),
                        _ => bytes.insert(at, [b'\n', 0, 1, 0xff][random.below(4)]),
                    }
                }
                let whole = read(&bytes, format, || usize::MAX - 1);
                let cut = read(&bytes, format, || 1 + random.below(40));
                assert_eq!(cut, whole, "{format:?}: {}", bytes.escape_ascii());
            }
        }
    }
}

//! A stream of bytes, cut in every way.

use offspring::wire::Inbox;
use offspring::{Error, ErrorKind, Result};

use super::fixtures::{Random, Seen};
use super::{check_text, is_final, seed};

/// Reads the bytes as a peer's stream: whatever the cuts and whoever looks ahead, the same comes out, and an error
/// stays.
pub(super) fn every_way(bytes: &[u8], reader: Reader<'_>) -> Outcome {
    let expected = Outcome::of(bytes, reader);
    if bytes.len() <= 256 {
        one_by_one(bytes, reader, &expected);
    }
    look_ahead_first(bytes, reader, &expected);
    let mut random = Random(seed(bytes));
    for _ in 0..3 {
        at_random(bytes, reader, &mut random, &expected);
    }
    expected
}

/// Who reads.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) inbox: &'a dyn Fn() -> Inbox,
    /// Whether the size of a message is written in front of it. Otherwise it depends on the cuts how much is there when it
    /// is found to be too large.
    pub(super) sizes_are_told: bool,
}

impl Reader<'_> {
    fn final_kind(self, error: &Error) -> ErrorKind {
        check_text(error);
        assert!(is_final(error.kind()), "{error:?}");
        match error.kind() {
            ErrorKind::TooLarge { size, limit } if !self.sizes_are_told => {
                assert!(size > limit, "{error:?}");
                ErrorKind::TooLarge { size: 0, limit }
            }
            kind => kind,
        }
    }

    /// What the end means when everything was taken that could be.
    fn finish(self, inbox: &Inbox, seen: Vec<Seen>) -> Outcome {
        let end = inbox.end().map_err(|error| self.final_kind(&error));
        Outcome { seen, end }
    }
}

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) seen: Vec<Seen>,
    pub(super) end: Result<(), ErrorKind>,
}

impl Outcome {
    /// Reads all of the bytes at once.
    pub(super) fn of(bytes: &[u8], reader: Reader<'_>) -> Self {
        let mut inbox = (reader.inbox)();
        inbox.absorb(&mut bytes.to_vec());
        let mut seen = Vec::new();
        let end = take(&mut inbox, usize::MAX, &mut seen).and_then(|()| inbox.end());
        let end = end.map_err(|error| reader.final_kind(&error));
        Self { seen, end }
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.seen.iter().filter_map(|seen| match seen {
            Seen::Message(body) => Some(&body[..]),
            _ => None,
        })
    }
}

fn one_by_one(bytes: &[u8], reader: Reader<'_>, expected: &Outcome) {
    let mut inbox = (reader.inbox)();
    let mut seen = Vec::new();
    for byte in bytes {
        read(&mut inbox, std::slice::from_ref(byte));
        if take(&mut inbox, usize::MAX, &mut seen).is_ok() {
            assert!(!inbox.has_frame(), "all was taken");
        }
    }
    assert_eq!(reader.finish(&inbox, seen), *expected);
}

/// Takes nothing until the end has come.
fn look_ahead_first(bytes: &[u8], reader: Reader<'_>, expected: &Outcome) {
    let mut inbox = (reader.inbox)();
    let mut ahead = Vec::new();
    for piece in bytes.chunks(7) {
        inbox.absorb(&mut piece.to_vec());
        let _ = look_ahead(&mut inbox, &mut ahead);
    }
    assert_eq!(ahead, controls(&expected.seen));
    let end_ahead = inbox.end().map_err(|error| reader.final_kind(&error));
    assert_eq!(end_ahead, expected.end);
    let mut seen = Vec::new();
    let _ = take(&mut inbox, usize::MAX, &mut seen);
    assert_eq!(reader.finish(&inbox, seen), *expected);
}

fn at_random(bytes: &[u8], reader: Reader<'_>, random: &mut Random, expected: &Outcome) {
    let mut inbox = (reader.inbox)();
    let (mut seen, mut ahead) = (Vec::new(), Vec::new());
    // Those that were taken before anybody looked ahead are not seen ahead.
    let always_ahead = random.below(2) == 0;
    let mut failed = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = [1, 8, 100, usize::MAX][random.below(4)].min(rest.len());
        let (piece, behind) = rest.split_at(1 + random.below(most));
        rest = behind;
        if random.below(2) == 0 {
            read(&mut inbox, piece);
        } else {
            inbox.absorb(&mut piece.to_vec());
        }
        if always_ahead || random.below(3) == 0 {
            let _ = look_ahead(&mut inbox, &mut ahead);
        }
        if random.below(4) == 0 {
            inbox.trim();
        }
        let most = [0, 1, 2, usize::MAX][random.below(4)];
        if let Err(error) = take(&mut inbox, most, &mut seen) {
            let kind = reader.final_kind(&error);
            assert_eq!(*failed.get_or_insert(kind), kind, "an error stays");
            assert!(inbox.has_frame(), "waiting would not help");
        }
    }
    let _ = look_ahead(&mut inbox, &mut ahead);
    let _ = take(&mut inbox, usize::MAX, &mut seen);
    if always_ahead {
        assert_eq!(ahead, controls(&seen));
    }
    assert_eq!(reader.finish(&inbox, seen), *expected);
}

/// Puts bytes in as a read from a socket does, and holds the inbox to what it says about its room.
fn read(inbox: &mut Inbox, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let unread = inbox.buffered();
        let space = inbox.space();
        assert!(!space.is_empty());
        assert!(
            unread + space.len() <= 2 * unread + 64 * 1024,
            "{} bytes of room behind {unread}",
            space.len()
        );
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        inbox.filled(n);
        bytes = &bytes[n..];
    }
}

fn take(inbox: &mut Inbox, most: usize, seen: &mut Vec<Seen>) -> Result<()> {
    for _ in 0..most {
        match inbox.next()? {
            Some(envelope) => seen.push(envelope.into()),
            None => break,
        }
    }
    Ok(())
}

fn look_ahead(inbox: &mut Inbox, ahead: &mut Vec<Seen>) -> Result<()> {
    while let Some(envelope) = inbox.look_ahead()? {
        ahead.push(envelope.into());
    }
    Ok(())
}

fn controls(seen: &[Seen]) -> Vec<Seen> {
    let is_control = |seen: &&Seen| !matches!(seen, Seen::Message(_));
    seen.iter().filter(is_control).cloned().collect()
}

//! The pieces into which libuv cuts the stream on Windows.

use std::collections::VecDeque;
use std::mem;

use crate::{Error, ErrorKind, Result};

/// Makes room for the head of a piece, unless what follows can be a part of the last one that waits: Node reads each
/// piece with two calls, however small it is.
pub(super) fn begin(out: &mut Vec<u8>) {
    if open_piece(out).is_none() {
        out.extend_from_slice(&[0; HEAD]);
    }
}

/// Fills in the head of the piece, now that all bytes are there that were added since `begin` at `start`.
pub(super) fn finish(out: &mut [u8], start: usize) {
    let head = open_piece(&out[..start]).unwrap_or(start);
    let length = u32::try_from(out.len() - head - HEAD)
        .expect("a piece that is not small takes no more, and a message is within the limit");
    out[head..head + 4].copy_from_slice(&DATA.to_le_bytes());
    out[head + 8..head + 12].copy_from_slice(&length.to_le_bytes());
}

/// How many bytes of the stream a message begins behind its start.
pub(super) fn head(before: &[u8]) -> usize {
    match open_piece(before) {
        Some(_) => 0,
        None => HEAD,
    }
}

/// Makes room for the head of a piece of its own, with which a socket goes, and puts the description of that behind it.
pub(super) fn begin_transfer(out: &mut Vec<u8>, transfer: Transfer<'_>) {
    let connection = if transfer.connected { CONNECTION } else { 0 };
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out[start..start + 4].copy_from_slice(&(SOCKET | connection).to_le_bytes());
    out.extend_from_slice(transfer.record);
}

/// Fills in the head of that piece, which is at `start`.
pub(super) fn finish_transfer(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start - HEAD - TRANSFER as usize)
        .expect("a message is within the limit, which is below 4 GiB");
    out[start] |= DATA as u8;
    out[start + 8..start + 12].copy_from_slice(&length.to_le_bytes());
}

/// How many bytes such a message begins behind its start.
pub(super) const TRANSFER_HEAD: usize = HEAD + TRANSFER as usize;

/// A socket that goes with a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer<'a> {
    /// What the system says of it to the other process.
    record: &'a [u8],
    /// It is a connection, and does not listen.
    connected: bool,
}

impl<'a> Transfer<'a> {
    /// `None` if `record` does not have the size of one.
    pub(crate) fn new(record: &'a [u8], connected: bool) -> Option<Self> {
        let fits = record.len() == TRANSFER as usize;
        fits.then_some(Self { record, connected })
    }
}

/// Descriptions of sockets that have come, and what has arrived of the next one.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    whole: VecDeque<Vec<u8>>,
    part: Vec<u8>,
}

impl Transfers {
    fn add(&mut self, bytes: &[u8]) {
        self.part.extend_from_slice(bytes);
        if self.part.len() == TRANSFER as usize {
            self.whole.push_back(mem::take(&mut self.part));
        }
    }

    /// The next one that has come as a whole.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.whole.pop_front()
    }
}

/// Where the last one of these whole pieces begins, if it is small enough to take more.
fn open_piece(pieces: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let head = pieces.get(at..)?.first_chunk::<HEAD>()?;
        let length = word(head, 8) as usize;
        let transfer = word(head, 0) & SOCKET != 0;
        let extra = if transfer { TRANSFER as usize } else { 0 };
        let next = at + HEAD + extra + length;
        if next >= pieces.len() {
            return (length < SMALL && !transfer).then_some(at);
        }
        at = next;
    }
}

fn word(head: &[u8; HEAD], at: usize) -> u32 {
    let bytes = head[at..at + 4].iter().rev();
    bytes.fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// Takes the heads out of what arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces {
    /// What has arrived of the head.
    head: [u8; HEAD],
    filled: usize,
    /// How much is still to come of the transfer of a socket, and of the bytes behind it.
    transfer: u32,
    data: u32,
    broken: bool,
}

impl Pieces {
    pub(crate) fn new() -> Self {
        Self {
            head: [0; HEAD],
            filled: 0,
            transfer: 0,
            data: 0,
            broken: false,
        }
    }

    /// Moves the bytes of the stream to the front of what has just arrived, and tells how many there are.
    ///
    /// Nothing behind a head that breaks the rules is taken for the stream.
    pub(crate) fn strip(&mut self, bytes: &mut [u8], transfers: &mut Transfers) -> usize {
        let (mut from, mut kept) = (0, 0);
        while from < bytes.len() && !self.broken {
            let left = bytes.len() - from;
            if self.transfer > 0 {
                let count = left.min(self.transfer as usize);
                transfers.add(&bytes[from..from + count]);
                self.transfer -= count as u32;
                from += count;
            } else if self.data > 0 {
                let count = left.min(self.data as usize);
                bytes.copy_within(from..from + count, kept);
                self.data -= count as u32;
                from += count;
                kept += count;
            } else {
                let count = left.min(HEAD - self.filled);
                self.head[self.filled..][..count].copy_from_slice(&bytes[from..from + count]);
                self.filled += count;
                from += count;
                if self.filled == HEAD {
                    self.filled = 0;
                    self.begin();
                }
            }
        }
        kept
    }

    fn begin(&mut self) {
        let (flags, length, reserved) = (
            word(&self.head, 0),
            word(&self.head, 8),
            word(&self.head, 12),
        );
        let socket = flags & SOCKET != 0;
        self.broken = flags & !(DATA | SOCKET | CONNECTION) != 0
            || (flags & CONNECTION != 0 && !socket)
            || (length > 0 && flags & DATA == 0)
            || reserved != 0;
        self.transfer = if socket { TRANSFER } else { 0 };
        self.data = length;
    }

    /// Whether the stream is at the end of a piece.
    pub(crate) fn is_whole(&self) -> bool {
        self.filled == 0 && self.transfer == 0 && self.data == 0
    }

    /// Fails once a head has broken the rules.
    pub(crate) fn check(&self) -> Result<()> {
        if self.broken {
            return Err(Error::new(
                ErrorKind::Protocol,
                "read the stream of Node: the head of a piece breaks the rules",
            ));
        }
        Ok(())
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }
}

/// Bytes of the stream follow.
const DATA: u32 = 1;
/// The transfer of a socket follows.
const SOCKET: u32 = 2;
/// That socket is a connection, and does not listen.
const CONNECTION: u32 = 4;

/// A piece that has no more bytes than this may grow. A head has room for 4 GiB.
const SMALL: usize = 64 * 1024;
/// How many bytes a head has.
const HEAD: usize = 16;
/// How many bytes the transfer of a socket has: a `WSAPROTOCOL_INFOW` and an error.
const TRANSFER: u32 = 628 + 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A head as libuv writes it.
    fn head(flags: u8, length: u8) -> [u8; HEAD] {
        [flags, 0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0]
    }

    /// What a whole stream leaves, cut at every place.
    #[track_caller]
    fn stripped(stream: &[u8]) -> (Vec<u8>, Pieces) {
        let at_once = pieces(stream, stream.len());
        for size in 1..stream.len() {
            let (bytes, end) = pieces(stream, size);
            assert_eq!(bytes, at_once.0, "in pieces of {size}");
            assert_eq!(end.is_whole(), at_once.1.is_whole());
            assert_eq!(end.is_broken(), at_once.1.is_broken());
        }
        at_once
    }

    fn pieces(stream: &[u8], size: usize) -> (Vec<u8>, Pieces) {
        let (mut found, mut state) = (Vec::new(), Pieces::new());
        for chunk in stream.chunks(size) {
            let mut chunk = chunk.to_vec();
            let kept = state.strip(&mut chunk, &mut Transfers::default());
            found.extend_from_slice(&chunk[..kept]);
        }
        (found, state)
    }

    fn add(out: &mut Vec<u8>, text: &[u8]) {
        let start = out.len();
        begin(out);
        assert_eq!(out.len(), start + head_of(&out[..start]));
        out.extend_from_slice(text);
        finish(out, start);
    }

    use super::head as head_of;

    #[test]
    fn messages_that_wait_are_written_as_one_piece() {
        let mut out = Vec::new();
        add(&mut out, b"{}\n");
        add(&mut out, b"7\n");
        #[rustfmt::skip]
        assert_eq!(out, [
            1, 0, 0, 0, // data follow
            0, 0, 0, 0, // reserved
            5, 0, 0, 0, // five bytes
            0, 0, 0, 0, // reserved
            b'{', b'}', b'\n', b'7', b'\n',
        ]);
    }

    #[test]
    fn a_large_piece_takes_no_more() {
        let large = vec![b'x'; SMALL];
        let mut out = Vec::new();
        let texts = [&b"1\n"[..], &large, b"2\n", b"3\n", &large, &large];
        for text in texts {
            add(&mut out, text);
        }
        let (found, state) = pieces(&out, out.len());
        assert!(state.is_whole());
        assert_eq!(found, texts.concat());
        assert_eq!(out.len(), found.len() + 3 * HEAD);
    }

    #[test]
    fn pieces_have_nothing_to_do_with_messages() {
        let stream = [
            &head(1, 2)[..],
            b"\"a",
            &head(1, 3),
            b"b\"\n",
            &head(1, 1),
            b"1",
        ]
        .concat();
        let (found, state) = stripped(&stream);
        assert_eq!(found, b"\"ab\"\n1");
        assert!(state.is_whole());
        assert!(!stripped(&stream[..stream.len() - 1]).1.is_whole());
        assert!(!stripped(&stream[..stream.len() - 5]).1.is_whole());
    }

    #[test]
    fn a_piece_may_be_empty() {
        let stream = [&head(0, 0)[..], &head(1, 0), &head(1, 1), b"7"].concat();
        assert_eq!(stripped(&stream).0, b"7");
    }

    #[test]
    fn a_message_with_a_socket_is_a_piece_of_its_own() {
        let record: Vec<u8> = (0..TRANSFER).map(|at| at as u8).collect();
        assert!(Transfer::new(&record[1..], true).is_none());
        for (connected, flags) in [(true, 7), (false, 3)] {
            let mut out = Vec::new();
            add(&mut out, b"1\n");
            let start = out.len();
            begin_transfer(&mut out, Transfer::new(&record, connected).unwrap());
            assert_eq!(out.len(), start + TRANSFER_HEAD);
            out.extend_from_slice(b"22\n");
            finish_transfer(&mut out, start);
            add(&mut out, b"3\n");
            let expected = [
                &head(1, 2)[..],
                b"1\n",
                &head(flags, 3),
                &record,
                b"22\n",
                &head(1, 2),
                b"3\n",
            ]
            .concat();
            assert_eq!(out, expected);
            // And back, however it is cut.
            for size in [1, 7, 16, 17, 400, out.len()] {
                let (mut state, mut transfers) = (Pieces::new(), Transfers::default());
                let mut found = Vec::new();
                for chunk in out.chunks(size) {
                    let mut chunk = chunk.to_vec();
                    let kept = state.strip(&mut chunk, &mut transfers);
                    found.extend_from_slice(&chunk[..kept]);
                }
                assert_eq!(found, b"1\n22\n3\n");
                assert_eq!(transfers.take(), Some(record.clone()), "{size}");
                assert_eq!(transfers.take(), None);
            }
        }
    }

    #[test]
    fn a_socket_in_front_of_the_bytes_is_no_part_of_them() {
        let transfer = [0xee; TRANSFER as usize];
        for flags in [3, 7] {
            let stream = [&head(flags, 1)[..], &transfer, b"7", &head(1, 1), b"8"].concat();
            assert_eq!(pieces(&stream, 100).0, b"78");
        }
        let stream = [&head(2, 0)[..], &transfer, &head(1, 1), b"7"].concat();
        assert_eq!(pieces(&stream, 7).0, b"7");
    }

    #[test]
    fn a_head_that_breaks_the_rules_is_the_end() {
        let mut reserved = head(1, 1);
        reserved[12] = 1;
        for bad in [
            head(8, 0),
            head(4, 0),
            head(5, 1),
            head(0, 1),
            head(2, 1),
            reserved,
        ] {
            let stream = [&head(1, 1)[..], b"7", &bad, b"8", &head(1, 1), b"9"].concat();
            let (found, state) = stripped(&stream);
            assert_eq!(found, b"7");
            assert_eq!(state.check().unwrap_err().kind(), ErrorKind::Protocol);
        }
        // Readers ignore the first reserved word.
        let mut ignored = head(1, 1);
        ignored[4] = 9;
        assert_eq!(stripped(&[&ignored[..], b"7"].concat()).0, b"7");
    }
}

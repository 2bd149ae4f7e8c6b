//! How JSON is written: within limits, on one line, and bytes as Node writes its `Buffer`.

use std::cell::Cell;
use std::io::{Error, Result, Write};

use serde_json::ser::{CompactFormatter, Formatter};

use super::super::super::Limits;
use super::super::Fault;
use super::text;

/// Counts what is written. Apart from the formatter, which serde_json does not give back.
pub(super) struct Counter {
    limits: Limits,
    depth: Cell<u32>,
    items: Cell<u64>,
    fault: Cell<Option<Fault>>,
}

impl Counter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            depth: Cell::new(0),
            items: Cell::new(0),
            fault: Cell::new(None),
        }
    }

    /// The limit that was reached, if one was.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    fn enter(&self, levels: u32) -> Result<()> {
        self.depth.set(self.depth.get().saturating_add(levels));
        let limit = self.limits.max_depth();
        self.check(self.depth.get() <= limit, Fault::Deep(limit))
    }

    fn leave(&self, levels: u32) {
        self.depth.set(self.depth.get() - levels);
    }

    fn add(&self, items: u64) -> Result<()> {
        self.items.set(self.items.get().saturating_add(items));
        let limit = self.limits.max_items();
        self.check(self.items.get() <= u64::from(limit), Fault::Many(limit))
    }

    fn check(&self, good: bool, fault: Fault) -> Result<()> {
        if good {
            return Ok(());
        }
        self.fault.set(Some(fault));
        Err(Error::other("over a limit"))
    }
}

/// Like the compact formatter of serde_json, but for limits and bytes.
pub(super) struct Limited<'a>(&'a Counter);

impl<'a> Limited<'a> {
    pub(super) fn new(counter: &'a Counter) -> Self {
        Self(counter)
    }
}

impl Formatter for Limited<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.enter(1)?;
        CompactFormatter.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.leave(1);
        CompactFormatter.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.0.add(1)?;
        CompactFormatter.begin_array_value(writer, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.enter(1)?;
        CompactFormatter.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.leave(1);
        CompactFormatter.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.0.add(1)?;
        CompactFormatter.begin_object_key(writer, first)
    }

    /// What `JSON.stringify` makes of a `Buffer`; `Buffer.from` makes one of it again.
    fn write_byte_array<W: ?Sized + Write>(&mut self, writer: &mut W, value: &[u8]) -> Result<()> {
        self.0.enter(2)?;
        self.0.add(2 + value.len() as u64)?;
        self.0.leave(2);
        writer.write_all(br#"{"type":"Buffer","data":"#)?;
        writer.write_all(b"[")?;
        // In pieces, for each of which the writer is asked once.
        let mut piece = Vec::with_capacity(4 * PIECE);
        for (at, bytes) in value.chunks(PIECE).enumerate() {
            piece.clear();
            for (behind, &byte) in bytes.iter().enumerate() {
                if at + behind > 0 {
                    piece.push(b',');
                }
                decimal(byte, &mut piece);
            }
            writer.write_all(&piece)?;
        }
        writer.write_all(b"]}")
    }

    /// A text that the program brings along, `serde_json::value::RawValue`. Only there can be a line end.
    fn write_raw_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> Result<()> {
        let counts = text::count(fragment);
        self.0.enter(counts.depth)?;
        self.0.leave(counts.depth);
        self.0.add(counts.items)?;
        // Between values, where JSON allows a line end, a space means the same.
        for (line, text) in fragment.split('\n').enumerate() {
            writer.write_all(if line == 0 { b"" } else { b" " })?;
            writer.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

/// How many bytes are written at a time.
const PIECE: usize = 256;

fn decimal(byte: u8, out: &mut Vec<u8>) {
    if byte >= 100 {
        out.push(b'0' + byte / 100);
    }
    if byte >= 10 {
        out.push(b'0' + byte / 10 % 10);
    }
    out.push(b'0' + byte % 10);
}

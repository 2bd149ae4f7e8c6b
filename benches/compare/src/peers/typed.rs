//! The least that carries a typed message: a length, rmp-serde, one write, and the system call that reads.
//!
//! No handshake, no limits, no checks, one thread on each side. What is above this is what offspring's promises cost.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Child;

use anyhow::{Context, Result, ensure};

use super::raw::{inherited, start};
use super::{JOIN, Session};
use crate::message::Message;

pub struct Typed<M> {
    ends: Ends,
    child: Child,
    message: M,
    join: u64,
}

impl<M: Message> Typed<M> {
    pub fn open(name: &str, size: usize) -> Result<Self> {
        let (stream, child) = start("raw-typed", size)?;
        Ok(Self {
            ends: Ends::new(stream),
            child,
            message: M::new(size),
            join: if name.ends_with("-feed") { JOIN } else { 1 },
        })
    }
}

impl<M: Message> Session for Typed<M> {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(true);
        for _ in 0..count {
            self.ends.send(&self.message)?;
            let _: M = self.ends.recv()?.context("the child left")?;
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(false);
        for i in 1..count {
            self.ends.feed(&self.message)?;
            if i % self.join == 0 {
                self.ends.flush()?;
            }
        }
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        drop(this.ends);
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

/// The child of [`Typed`].
pub fn echo<M: Message>() -> Result<()> {
    let mut ends = Ends::new(inherited()?);
    while let Some(message) = ends.recv::<M>()? {
        if message.wants_reply() {
            ends.send(&message)?;
        }
    }
    Ok(())
}

struct Ends {
    stream: UnixStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Ends {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            out: Vec::new(),
            buffer: vec![0; 64 * 1024],
            start: 0,
            end: 0,
        }
    }

    fn send<M: Message>(&mut self, message: &M) -> Result<()> {
        self.feed(message)?;
        self.flush()
    }

    fn feed<M: Message>(&mut self, message: &M) -> Result<()> {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; HEAD]);
        rmp_serde::encode::write_named(&mut self.out, message)?;
        let length = u32::try_from(self.out.len() - start - HEAD)?;
        self.out[start..start + HEAD].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    fn recv<M: Message>(&mut self) -> Result<Option<M>> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            let mut need = HEAD;
            if let Some((head, rest)) = unread.split_first_chunk() {
                let length = u32::from_be_bytes(*head) as usize;
                if let Some(body) = rest.get(..length) {
                    self.start += HEAD + length;
                    return Ok(Some(rmp_serde::from_slice(body)?));
                }
                need += length;
            }
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            } else if self.start + need > self.buffer.len() {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if need > self.buffer.len() {
                self.buffer.resize(need, 0);
            }
            let count = self.stream.read(&mut self.buffer[self.end..])?;
            if count == 0 {
                return Ok(None);
            }
            self.end += count;
        }
    }
}

/// Bytes of the length before each message.
const HEAD: usize = 4;

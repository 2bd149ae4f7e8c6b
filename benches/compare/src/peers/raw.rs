//! The floor: bytes over a socket pair, without any format. The first byte says whether an answer is wanted.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::rc::Rc;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::{NO_REPLY, Session, WANT_REPLY, echo_command};

pub struct Blocking {
    stream: UnixStream,
    child: Child,
    message: Vec<u8>,
    answer: Vec<u8>,
}

impl Blocking {
    pub fn open(size: usize) -> Result<Self> {
        let (stream, child) = start("raw", size)?;
        Ok(Self {
            stream,
            child,
            message: vec![WANT_REPLY; size],
            answer: vec![0; size],
        })
    }
}

impl Session for Blocking {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message[0] = WANT_REPLY;
        for _ in 0..count {
            self.stream.write_all(&self.message)?;
            self.stream.read_exact(&mut self.answer)?;
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message[0] = NO_REPLY;
        for _ in 1..count {
            self.stream.write_all(&self.message)?;
        }
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        drop(this.stream);
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

pub struct Tokio {
    runtime: Rc<Runtime>,
    stream: tokio::net::UnixStream,
    child: Child,
    message: Vec<u8>,
    answer: Vec<u8>,
}

impl Tokio {
    pub fn open(name: &str, size: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let (stream, child) = start(name, size)?;
        stream.set_nonblocking(true)?;
        let guard = runtime.enter();
        let stream = tokio::net::UnixStream::from_std(stream)?;
        drop(guard);
        Ok(Self {
            runtime,
            stream,
            child,
            message: vec![WANT_REPLY; size],
            answer: vec![0; size],
        })
    }
}

impl Session for Tokio {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message[0] = WANT_REPLY;
        self.runtime.block_on(async {
            for _ in 0..count {
                self.stream.write_all(&self.message).await?;
                self.stream.read_exact(&mut self.answer).await?;
            }
            Ok(())
        })
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message[0] = NO_REPLY;
        self.runtime.block_on(async {
            for _ in 1..count {
                self.stream.write_all(&self.message).await?;
            }
            anyhow::Ok(())
        })?;
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        drop(this.stream);
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

pub(super) fn start(name: &str, size: usize) -> Result<(UnixStream, Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = echo_command(name, size)?
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    Ok((ours, child))
}

pub(super) fn inherited() -> Result<UnixStream> {
    Ok(UnixStream::from(
        std::io::stdin().as_fd().try_clone_to_owned()?,
    ))
}

/// The child of [`Blocking`].
pub fn echo(size: usize) -> Result<()> {
    let mut stream = inherited()?;
    let mut messages = Messages::new(size);
    loop {
        let count = stream.read(messages.room())?;
        if count == 0 {
            return Ok(());
        }
        messages.filled(count);
        while let Some(message) = messages.next() {
            if message[0] == WANT_REPLY {
                stream.write_all(message)?;
            }
        }
    }
}

/// The child of [`Tokio`].
pub async fn echo_tokio(size: usize) -> Result<()> {
    let stream = inherited()?;
    stream.set_nonblocking(true)?;
    let mut stream = tokio::net::UnixStream::from_std(stream)?;
    let mut messages = Messages::new(size);
    loop {
        let count = stream.read(messages.room()).await?;
        if count == 0 {
            return Ok(());
        }
        messages.filled(count);
        while let Some(message) = messages.next() {
            if message[0] == WANT_REPLY {
                stream.write_all(message).await?;
            }
        }
    }
}

/// Finds messages of one size in what was read, with the least work.
struct Messages {
    buffer: Vec<u8>,
    size: usize,
    start: usize,
    end: usize,
}

impl Messages {
    fn new(size: usize) -> Self {
        Self {
            buffer: vec![0; size.max(64 * 1024)],
            size,
            start: 0,
            end: 0,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.buffer[self.end..]
    }

    fn filled(&mut self, count: usize) {
        self.end += count;
    }

    fn next(&mut self) -> Option<&[u8]> {
        if self.end - self.start < self.size {
            return None;
        }
        let start = self.start;
        self.start += self.size;
        Some(&self.buffer[start..self.start])
    }
}

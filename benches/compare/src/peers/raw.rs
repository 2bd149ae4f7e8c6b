//! The floor: bytes over a socket pair, without any format. The first byte says whether an answer is wanted.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::rc::Rc;

use anyhow::{Result, ensure};
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::{NO_REPLY, Session, WANT_REPLY, echo_command};

pub struct Blocking {
    stream: UnixStream,
    child: Child,
    message: Vec<u8>,
    answer: Vec<u8>,
    piece: usize,
}

impl Blocking {
    pub fn open(name: &str, size: usize) -> Result<Self> {
        let (stream, child) = start(name, size)?;
        Ok(Self {
            stream,
            child,
            piece: piece(name),
            message: vec![WANT_REPLY; size],
            answer: vec![0; size],
        })
    }
}

impl Session for Blocking {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message[0] = WANT_REPLY;
        for _ in 0..count {
            write(&mut self.stream, &self.message, self.piece)?;
            self.stream.read_exact(&mut self.answer)?;
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message[0] = NO_REPLY;
        for _ in 1..count {
            write(&mut self.stream, &self.message, self.piece)?;
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
    let kind = match name {
        "raw-packets" => SocketType::SEQPACKET,
        _ => SocketType::STREAM,
    };
    let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    if name == "raw-roomy" {
        for end in [&ours, &theirs] {
            set_socket_send_buffer_size(end, 512 * 1024)?;
        }
    }
    let ours = UnixStream::from(ours);
    let child = echo_command(name, size)?
        .stdin(Stdio::from(theirs))
        .spawn()?;
    Ok((ours, child))
}

pub(super) fn inherited() -> Result<UnixStream> {
    Ok(UnixStream::from(
        std::io::stdin().as_fd().try_clone_to_owned()?,
    ))
}

/// The child of [`Blocking`].
pub fn echo(name: &str, size: usize) -> Result<()> {
    let mut stream = inherited()?;
    let piece = piece(name);
    let mut messages = Messages::new(size);
    loop {
        let count = stream.read(messages.room())?;
        if count == 0 {
            return Ok(());
        }
        messages.filled(count);
        while let Some(message) = messages.next() {
            if message[0] == WANT_REPLY {
                write(&mut stream, message, piece)?;
            }
        }
    }
}

/// How much is given to one write.
fn piece(name: &str) -> usize {
    match name {
        // What fits into the buffer of a socket as Linux makes it.
        "raw-packets" => 200 * 1024,
        _ => usize::MAX,
    }
}

fn write(stream: &mut UnixStream, message: &[u8], piece: usize) -> Result<()> {
    for piece in message.chunks(piece) {
        stream.write_all(piece)?;
    }
    Ok(())
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

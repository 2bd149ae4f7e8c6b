//! offspring without a runtime, and with busy polling.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offspring::Config;
use offspring::blocking::{Child, Command, Parent};
use offspring::wire::Body;
use serde_bytes::Bytes;

use super::{JOIN, NO_REPLY, Session, WANT_REPLY, echo_args};
use crate::message::Message;

/// Long enough for an answer that is on its way.
pub fn config(name: &str) -> Config {
    let spin = if name.ends_with("-busy") { 200 } else { 0 };
    Config::new().busy_poll(Duration::from_micros(spin))
}

pub struct Blocking<M> {
    child: Child<M, M>,
    message: M,
    feed: bool,
}

impl<M: Message> Blocking<M> {
    pub fn open(name: &str, size: usize) -> Result<Self> {
        let child = Command::current_exe()?
            .args(echo_args(name, size))
            .config(config(name))
            .spawn()?;
        Ok(Self {
            child,
            message: M::new(size),
            feed: name.ends_with("-feed"),
        })
    }
}

impl<M: Message> Session for Blocking<M> {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(true);
        for _ in 0..count {
            self.child.send(&self.message)?;
            self.child.recv()?.context("the child left")?;
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(false);
        for i in 1..count {
            if self.feed {
                self.child.feed(&self.message)?;
                if i % JOIN == 0 {
                    self.child.flush()?;
                }
            } else {
                self.child.send(&self.message)?;
            }
        }
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        this.child.disconnect();
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

/// The child of [`Blocking`].
pub fn echo<M: Message>(name: &str) -> Result<()> {
    let mut parent = Parent::<M, M>::attach_with(config(name))?;
    while let Some(message) = parent.recv()? {
        if message.wants_reply() {
            parent.send(&message)?;
        }
    }
    Ok(())
}

/// Sends bytes from where they are, and reads them where they arrived. The first byte says whether to answer.
pub struct Borrowed {
    child: Child<Bytes, ()>,
    message: Vec<u8>,
}

impl Borrowed {
    pub fn open(name: &str, size: usize) -> Result<Self> {
        Ok(Self {
            child: Command::current_exe()?
                .args(echo_args(name, size))
                .spawn()?,
            message: vec![WANT_REPLY; size],
        })
    }
}

impl Session for Borrowed {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message[0] = WANT_REPLY;
        for _ in 0..count {
            self.child.send(Bytes::new(&self.message))?;
            let answer = self
                .child
                .recv_with(|body| body.decode::<&Bytes>().map(|bytes| bytes.len()))?;
            ensure!(answer.context("the child left")?? == self.message.len());
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message[0] = NO_REPLY;
        for _ in 1..count {
            self.child.send(Bytes::new(&self.message))?;
        }
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        this.child.disconnect();
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

/// The child of [`Borrowed`].
pub fn echo_borrowed() -> Result<()> {
    let mut connection = Parent::<Bytes, ()>::attach()?.into_connection();
    let sender = connection.sender();
    let answer = |body: Body<'_>| {
        let bytes: &Bytes = body.decode()?;
        match bytes.first() {
            Some(&WANT_REPLY) => sender.send(bytes),
            _ => Ok(()),
        }
    };
    while let Some(answered) = connection.recv_with(answer)? {
        answered?;
    }
    Ok(())
}

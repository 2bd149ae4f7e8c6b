//! offspring.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use offspring::wire::Body;
use offspring::{Child, Command, Parent};
use serde_bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::threads::config;
use super::{JOIN, NO_REPLY, Session, WANT_REPLY, echo_args};
use crate::message::Message;

pub struct Async<M> {
    runtime: Rc<Runtime>,
    child: Child<M, M>,
    message: M,
    way: Way,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Send,
    Feed,
    Senders,
}

impl<M: Message> Async<M> {
    pub fn open(name: &str, size: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let guard = runtime.enter();
        let child = Command::current_exe()?
            .args(echo_args(name, size))
            .config(config(name))
            .spawn()?;
        drop(guard);
        Ok(Self {
            runtime,
            child,
            message: M::new(size),
            way: match name {
                "offspring-feed" => Way::Feed,
                "offspring-senders" => Way::Senders,
                _ => Way::Send,
            },
        })
    }
}

impl<M: Message> Session for Async<M> {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(true);
        let Self { child, message, .. } = self;
        self.runtime.block_on(async {
            for _ in 0..count {
                child.send(message).await?;
                child.recv().await?.context("the child left")?;
            }
            Ok(())
        })
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(false);
        let Self {
            child,
            message,
            way,
            ..
        } = self;
        self.runtime.block_on(async {
            match way {
                Way::Send => {
                    for _ in 1..count {
                        child.send(message).await?;
                    }
                }
                Way::Feed => {
                    for i in 1..count {
                        child.feed(message).await?;
                        if i % JOIN == 0 {
                            child.flush().await?;
                        }
                    }
                }
                Way::Senders => {
                    let tasks: Vec<JoinHandle<offspring::Result<()>>> = (0..JOIN)
                        .map(|i| {
                            let (sender, message) = (child.sender(), message.clone());
                            let share = (count - 1 + i) / JOIN;
                            tokio::spawn(async move {
                                for _ in 0..share {
                                    sender.send(&message).await?;
                                }
                                Ok(())
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await??;
                    }
                }
            }
            anyhow::Ok(())
        })?;
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        this.child.disconnect();
        let status = this.runtime.block_on(this.child.wait())?;
        ensure!(status.success(), "the child ended with {status}");
        Ok(())
    }
}

/// The child of [`Async`].
pub async fn echo<M: Message>(name: &str) -> Result<()> {
    let mut parent = Parent::<M, M>::attach_with(config(name))?;
    while let Some(message) = parent.recv().await? {
        if message.wants_reply() {
            parent.send(&message).await?;
        }
    }
    Ok(())
}

/// Sends bytes from where they are, and reads them where they arrived. The first byte says whether to answer.
pub struct Borrowed {
    runtime: Rc<Runtime>,
    child: Child<Bytes, ()>,
    message: Vec<u8>,
}

impl Borrowed {
    pub fn open(size: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let guard = runtime.enter();
        let child = Command::current_exe()?
            .args(echo_args("offspring-borrowed", size))
            .spawn()?;
        drop(guard);
        Ok(Self {
            runtime,
            child,
            message: vec![WANT_REPLY; size],
        })
    }
}

impl Session for Borrowed {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message[0] = WANT_REPLY;
        let Self { child, message, .. } = self;
        self.runtime.block_on(async {
            for _ in 0..count {
                child.send(Bytes::new(message)).await?;
                let answer =
                    child.recv_with(|body| body.decode::<&Bytes>().map(|bytes| bytes.len()));
                let length = answer.await?.context("the child left")??;
                ensure!(length == message.len());
            }
            Ok(())
        })
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message[0] = NO_REPLY;
        let Self { child, message, .. } = self;
        self.runtime.block_on(async {
            for _ in 1..count {
                child.send(Bytes::new(message)).await?;
            }
            anyhow::Ok(())
        })?;
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        this.child.disconnect();
        ensure!(this.runtime.block_on(this.child.wait())?.success());
        Ok(())
    }
}

/// The child of [`Borrowed`]: it encodes the answer from where the message arrived.
pub async fn echo_borrowed() -> Result<()> {
    let mut connection = Parent::<Bytes, ()>::attach()?.into_connection();
    let sender = connection.sender();
    let answer = |body: Body<'_>| {
        let bytes: &Bytes = body.decode()?;
        if bytes.first() == Some(&WANT_REPLY) {
            sender.try_send(bytes)?;
        }
        Ok::<(), offspring::Error>(())
    };
    while let Some(answered) = connection.recv_with(answer).await? {
        answered?;
        sender.flush().await?;
    }
    Ok(())
}

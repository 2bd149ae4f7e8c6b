//! ZeroMQ, by its native implementation.

use std::process::Child;
use std::rc::Rc;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use zeromq::{PullSocket, PushSocket, RepSocket, ReqSocket, Socket, SocketRecv, SocketSend};

use super::{Session, echo_command, socket_folder};
use crate::message::Message;

pub struct Zero<M> {
    runtime: Rc<Runtime>,
    calls: ReqSocket,
    pushes: PushSocket,
    child: Child,
    message: M,
    _folder: tempfile::TempDir,
}

impl<M: Message> Zero<M> {
    pub fn open(size: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let folder = socket_folder()?;
        let (mut calls, mut pushes) = (ReqSocket::new(), PushSocket::new());
        let child = runtime.block_on(async {
            calls
                .bind(&address(folder.path().to_str(), "calls")?)
                .await?;
            pushes
                .bind(&address(folder.path().to_str(), "pushes")?)
                .await?;
            anyhow::Ok(echo_command("zeromq", size)?.arg(folder.path()).spawn()?)
        })?;
        let mut this = Self {
            runtime,
            calls,
            pushes,
            child,
            message: M::new(size),
            _folder: folder,
        };
        // Sends fail until the other side has connected.
        this.message.want_reply(true);
        let hello = rmp_serde::to_vec_named(&this.message)?;
        this.runtime.block_on(async {
            loop {
                if this.calls.send(hello.clone().into()).await.is_ok() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            this.calls.recv().await
        })?;
        Ok(this)
    }
}

fn address(folder: Option<&str>, name: &str) -> Result<String> {
    Ok(format!("ipc://{}/{name}", folder.context("not a text")?))
}

impl<M: Message> Session for Zero<M> {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(true);
        self.runtime.block_on(async {
            for _ in 0..count {
                let bytes = rmp_serde::to_vec_named(&self.message)?;
                self.calls.send(bytes.into()).await?;
                let answer = self.calls.recv().await?;
                let _: M = rmp_serde::from_slice(answer.get(0).context("no frame")?)?;
            }
            Ok(())
        })
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(false);
        self.runtime.block_on(async {
            // A call that wants no reply is answered when the marked one has been pulled.
            self.message.want_reply(false);
            let bytes = rmp_serde::to_vec_named(&self.message)?;
            self.calls.send(bytes.into()).await?;
            for i in 1..=count {
                // The last one is marked.
                self.message.want_reply(i == count);
                let bytes = rmp_serde::to_vec_named(&self.message)?;
                self.pushes.send(bytes.into()).await?;
            }
            self.calls.recv().await?;
            Ok(())
        })
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        this.child.kill()?;
        this.child.wait()?;
        let guard = this.runtime.enter();
        drop((this.calls, this.pushes));
        drop(guard);
        Ok(())
    }
}

/// The child of [`Zero`].
pub async fn echo<M: Message>(folder: &str) -> Result<()> {
    let (mut calls, mut pulls) = (RepSocket::new(), PullSocket::new());
    pulls.connect(&address(Some(folder), "pushes")?).await?;
    calls.connect(&address(Some(folder), "calls")?).await?;
    loop {
        let call = calls.recv().await?;
        let message: M = rmp_serde::from_slice(call.get(0).context("no frame")?)?;
        while !message.wants_reply() {
            let pushed = pulls.recv().await?;
            let pushed: M = rmp_serde::from_slice(pushed.get(0).context("no frame")?)?;
            if pushed.wants_reply() {
                break;
            }
        }
        let answer = rmp_serde::to_vec_named(&message)?;
        calls.send(answer.into()).await?;
    }
}

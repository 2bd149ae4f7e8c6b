//! What one would write without offspring: interprocess, a length-delimited codec, and rmp-serde.

use std::marker::PhantomData;
use std::process::Child;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::tokio::{Listener as _, Stream as _};
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use tokio::runtime::Runtime;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::{JOIN, Session, echo_command, socket_folder};
use crate::message::Message;

pub struct ByHand<M> {
    runtime: Rc<Runtime>,
    framed: Framed<Stream, LengthDelimitedCodec>,
    child: Child,
    message: M,
    join: u64,
    marker: PhantomData<M>,
}

impl<M: Message> ByHand<M> {
    pub fn open(name: &str, size: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let folder = socket_folder()?;
        let path = folder.path().join("socket");
        let (framed, child) = runtime.block_on(async {
            let listener = ListenerOptions::new()
                .name(path.as_path().to_fs_name::<GenericFilePath>()?)
                .create_tokio()?;
            let child = echo_command(name, size)?.arg(&path).spawn()?;
            anyhow::Ok((frames(listener.accept().await?), child))
        })?;
        Ok(Self {
            runtime,
            framed,
            child,
            message: M::new(size),
            join: if name == "by-hand-feed" { JOIN } else { 1 },
            marker: PhantomData,
        })
    }
}

fn frames(stream: Stream) -> Framed<Stream, LengthDelimitedCodec> {
    LengthDelimitedCodec::builder()
        .max_frame_length(64 << 20)
        .new_framed(stream)
}

fn encode<M: Message>(message: &M) -> Result<Bytes> {
    Ok(rmp_serde::to_vec_named(message)?.into())
}

impl<M: Message> Session for ByHand<M> {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(true);
        self.runtime.block_on(async {
            for _ in 0..count {
                self.framed.send(encode(&self.message)?).await?;
                let frame = self.framed.next().await.context("the child left")??;
                let _: M = rmp_serde::from_slice(&frame)?;
            }
            Ok(())
        })
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(false);
        self.runtime.block_on(async {
            for i in 1..count {
                self.framed.feed(encode(&self.message)?).await?;
                if i % self.join == 0 {
                    SinkExt::<Bytes>::flush(&mut self.framed).await?;
                }
            }
            anyhow::Ok(())
        })?;
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        let guard = this.runtime.enter();
        drop(this.framed);
        drop(guard);
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

/// The child of [`ByHand`].
pub async fn echo<M: Message>(path: &str) -> Result<()> {
    let mut framed = frames(Stream::connect(path.to_fs_name::<GenericFilePath>()?).await?);
    while let Some(frame) = framed.next().await {
        let message: M = rmp_serde::from_slice(&frame?)?;
        if message.wants_reply() {
            framed.send(encode(&message)?).await?;
        }
    }
    Ok(())
}

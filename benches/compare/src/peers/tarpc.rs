//! tarpc: calls instead of messages.

use std::process::Child;
use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, context, serde_transport::unix};
use tokio::runtime::Runtime;

use super::{Session, echo_command, socket_folder};
use crate::message::{Blob, Message, SMALL, Small};

#[tarpc::service]
trait Echo {
    async fn small(message: Small) -> Small;
    async fn blob(message: Blob) -> Blob;
}

#[derive(Clone)]
struct Server;

impl Echo for Server {
    async fn small(self, _: context::Context, message: Small) -> Small {
        message
    }

    async fn blob(self, _: context::Context, message: Blob) -> Blob {
        message
    }
}

pub struct Rpc {
    runtime: Rc<Runtime>,
    client: EchoClient,
    child: Child,
    size: usize,
}

impl Rpc {
    pub fn open(size: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let folder = socket_folder()?;
        let path = folder.path().join("socket");
        let mut child = echo_command("tarpc", size)?.arg(&path).spawn()?;
        while !path.exists() {
            ensure!(child.try_wait()?.is_none(), "the server ended");
            std::thread::yield_now();
        }
        let client = runtime.block_on(async {
            let mut connect = unix::connect(&path, Bincode::default);
            connect.config_mut().max_frame_length(64 << 20);
            anyhow::Ok(EchoClient::new(client::Config::default(), connect.await?).spawn())
        })?;
        Ok(Self {
            runtime,
            client,
            child,
            size,
        })
    }
}

impl Session for Rpc {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        let (small, blob) = (Small::new(self.size), Blob::new(self.size));
        self.runtime.block_on(async {
            for _ in 0..count {
                if self.size <= SMALL {
                    self.client.small(context::current(), small.clone()).await?;
                } else {
                    self.client.blob(context::current(), blob.clone()).await?;
                }
            }
            Ok(())
        })
    }

    fn stream(&mut self, _: u64) -> Result<()> {
        bail!("every call of tarpc is answered")
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        drop(this.client);
        // The task that the client has started ends when it is polled.
        this.runtime.block_on(tokio::task::yield_now());
        this.child.kill()?;
        this.child.wait()?;
        Ok(())
    }
}

/// The child of [`Rpc`].
pub async fn serve(path: &str) -> Result<()> {
    let mut listener = unix::listen(path, Bincode::default).await?;
    listener.config_mut().max_frame_length(64 << 20);
    let transport = listener.next().await.context("no client came")??;
    BaseChannel::with_defaults(transport)
        .execute(Server.serve())
        .for_each(|answer| async {
            tokio::spawn(answer);
        })
        .await;
    Ok(())
}

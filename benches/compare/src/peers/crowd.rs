//! Many connections to one server.

use std::path::Path;
use std::process::Child;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use offspring::{Connection, Listener, Name};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;

use super::{echo_command, socket_folder};
use crate::memory;
use crate::message::{Message, SMALL, Small};

/// A server process and the connections to it.
pub struct Crowd {
    runtime: Rc<Runtime>,
    links: Links,
    server: Child,
    /// Bytes that both processes hold for one connection.
    pub memory_each: f64,
    folder: tempfile::TempDir,
}

enum Links {
    Raw(Vec<UnixStream>),
    Ours(Vec<Connection<Small, Small>>),
}

impl Crowd {
    pub fn open(name: &str, many: usize, runtime: Rc<Runtime>) -> Result<Self> {
        let folder = socket_folder()?;
        let path = folder.path().join("socket");
        let mut server = echo_command(&format!("crowd-{name}"), SMALL)?
            .arg(&path)
            .spawn()?;
        while !path.exists() {
            ensure!(server.try_wait()?.is_none(), "the server ended");
            std::thread::yield_now();
        }
        let ids = [std::process::id(), server.id()];
        let held = || anyhow::Ok(memory::of(ids[0])? + memory::of(ids[1])?);
        let (before, links) = runtime.block_on(async {
            let mut links = match name {
                "raw-tokio" => Links::Raw(Vec::with_capacity(many)),
                "offspring" => Links::Ours(Vec::with_capacity(many)),
                _ => bail!("{name:?} makes no crowds"),
            };
            // The first connection is not counted: it brings what the processes need once. There is a moment at which
            // the socket has its name already, and nobody listens yet.
            while let Err(error) = connect(&mut links, &path).await {
                ensure!(server.try_wait()?.is_none(), "the server ended: {error}");
                std::thread::yield_now();
            }
            let before = held()?;
            for _ in 1..many {
                connect(&mut links, &path).await?;
            }
            anyhow::Ok((before, links))
        })?;
        let after = held()?;
        Ok(Self {
            runtime,
            links,
            server,
            memory_each: after.saturating_sub(before) as f64 / many.saturating_sub(1).max(1) as f64,
            folder,
        })
    }

    /// `count` more clients, one after the other.
    pub fn come_and_go(&mut self, count: u64) -> Result<()> {
        let path = self.folder.path().join("socket");
        self.runtime.block_on(async {
            for _ in 0..count {
                connect(&mut self.links, &path).await?;
                match &mut self.links {
                    Links::Raw(all) => drop(all.pop()),
                    Links::Ours(all) => drop(all.pop()),
                }
            }
            Ok(())
        })
    }

    /// One message on each connection, and its echo, one after the other.
    pub fn echo_each(&mut self) -> Result<()> {
        self.runtime.block_on(echo_each(&mut self.links))
    }

    /// `count` echoes in all, with every connection busy at the same time.
    pub fn busy(&mut self, count: u64) -> Result<()> {
        let each = |many: usize| count.div_ceil(many as u64);
        self.runtime.block_on(async {
            match &mut self.links {
                Links::Raw(all) => {
                    let each = each(all.len());
                    try_join_all(all.iter_mut().map(|stream| async move {
                        for _ in 0..each {
                            echo_raw(stream).await?;
                        }
                        anyhow::Ok(())
                    }))
                    .await?;
                }
                Links::Ours(all) => {
                    let each = each(all.len());
                    try_join_all(all.iter_mut().map(|connection| async move {
                        for _ in 0..each {
                            echo_ours(connection).await?;
                        }
                        anyhow::Ok(())
                    }))
                    .await?;
                }
            }
            Ok(())
        })
    }

    pub fn end(mut self) -> Result<()> {
        self.server.kill()?;
        self.server.wait()?;
        Ok(())
    }
}

async fn echo_each(links: &mut Links) -> Result<()> {
    match links {
        Links::Raw(all) => {
            for stream in all {
                echo_raw(stream).await?;
            }
        }
        Links::Ours(all) => {
            for connection in all {
                echo_ours(connection).await?;
            }
        }
    }
    Ok(())
}

async fn connect(links: &mut Links, path: &Path) -> Result<()> {
    match links {
        Links::Raw(all) => {
            let mut stream = UnixStream::connect(path).await?;
            echo_raw(&mut stream).await?;
            all.push(stream);
        }
        Links::Ours(all) => {
            let mut connection = Connection::connect(&Name::from_path(path)?).await?;
            echo_ours(&mut connection).await?;
            all.push(connection);
        }
    }
    Ok(())
}

async fn echo_raw(stream: &mut UnixStream) -> Result<()> {
    stream.write_all(&[1; SMALL]).await?;
    let mut answer = [0; SMALL];
    stream.read_exact(&mut answer).await?;
    Ok(())
}

async fn echo_ours(connection: &mut Connection<Small, Small>) -> Result<()> {
    connection.send(&Small::new(SMALL)).await?;
    connection.recv().await?.context("the server left")?;
    Ok(())
}

/// The server of raw connections.
pub async fn serve_raw(path: &str) -> Result<()> {
    let listener = UnixListener::bind(path)?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut message = [0; SMALL];
            while stream.read_exact(&mut message).await.is_ok() {
                if stream.write_all(&message).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// The server of offspring's connections.
pub async fn serve_ours(path: &str) -> Result<()> {
    let mut listener = Listener::bind(&Name::from_path(path)?)?;
    loop {
        let mut connection = listener.accept::<Small, Small>().await?;
        tokio::spawn(async move {
            while let Some(message) = connection.recv().await? {
                connection.send(&message).await?;
            }
            Ok::<(), offspring::Error>(())
        });
    }
}

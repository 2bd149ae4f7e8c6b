//! ipc-channel.

use std::process::Child;

use anyhow::{Result, ensure};
use ipc_channel::ipc::{
    self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender,
};

use super::{NO_REPLY, Session, WANT_REPLY, echo_command};
use crate::message::Message;

pub struct Typed<M> {
    sender: IpcSender<M>,
    receiver: IpcReceiver<M>,
    child: Child,
    message: M,
}

type Ends<M> = (IpcSender<M>, IpcReceiver<M>);

impl<M: Message> Typed<M> {
    pub fn open(size: usize) -> Result<Self> {
        let (server, name) = IpcOneShotServer::<Ends<M>>::new()?;
        let child = echo_command("ipc-channel", size)?.arg(name).spawn()?;
        let (_, (sender, receiver)) = server.accept()?;
        Ok(Self {
            sender,
            receiver,
            child,
            message: M::new(size),
        })
    }
}

impl<M: Message> Session for Typed<M> {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(true);
        for _ in 0..count {
            // It takes the message, so that whoever wants to keep it must clone.
            self.sender.send(self.message.clone())?;
            self.receiver.recv()?;
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message.want_reply(false);
        for _ in 1..count {
            self.sender.send(self.message.clone())?;
        }
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        drop(this.sender);
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

/// The child of [`Typed`].
pub fn echo<M: Message>(name: &str) -> Result<()> {
    let (to_us, receiver) = ipc::channel::<M>()?;
    let (sender, from_us) = ipc::channel::<M>()?;
    IpcSender::<Ends<M>>::connect(name.into())?.send((to_us, from_us))?;
    while let Ok(message) = receiver.recv() {
        if message.wants_reply() {
            sender.send(message)?;
        }
    }
    Ok(())
}

pub struct Bytes {
    sender: IpcBytesSender,
    receiver: IpcBytesReceiver,
    child: Child,
    message: Vec<u8>,
}

type ByteEnds = (IpcBytesSender, IpcBytesReceiver);

impl Bytes {
    pub fn open(size: usize) -> Result<Self> {
        let (server, name) = IpcOneShotServer::<ByteEnds>::new()?;
        let child = echo_command("ipc-channel-bytes", size)?.arg(name).spawn()?;
        let (_, (sender, receiver)) = server.accept()?;
        Ok(Self {
            sender,
            receiver,
            child,
            message: vec![WANT_REPLY; size],
        })
    }
}

impl Session for Bytes {
    fn round_trips(&mut self, count: u64) -> Result<()> {
        self.message[0] = WANT_REPLY;
        for _ in 0..count {
            self.sender.send(&self.message)?;
            self.receiver.recv()?;
        }
        Ok(())
    }

    fn stream(&mut self, count: u64) -> Result<()> {
        self.message[0] = NO_REPLY;
        for _ in 1..count {
            self.sender.send(&self.message)?;
        }
        self.round_trips(1)
    }

    fn end(self: Box<Self>) -> Result<()> {
        let mut this = *self;
        drop(this.sender);
        ensure!(this.child.wait()?.success());
        Ok(())
    }
}

/// The child of [`Bytes`].
pub fn echo_bytes(name: &str) -> Result<()> {
    let (to_us, receiver) = ipc::bytes_channel()?;
    let (sender, from_us) = ipc::bytes_channel()?;
    IpcSender::<ByteEnds>::connect(name.into())?.send((to_us, from_us))?;
    while let Ok(message) = receiver.recv() {
        if message[0] == WANT_REPLY {
            sender.send(&message)?;
        }
    }
    Ok(())
}

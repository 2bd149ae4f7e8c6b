//! Open sockets beside the messages of parents and children.

use std::future::poll_fn;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Handle;
use crate::error::Result;
use crate::process::{Child, Parent};

impl<Tx: Serialize + ?Sized, Rx> Child<Tx, Rx> {
    /// Sends one message to a Node child, and an open socket with it, and waits until the child has both. See
    /// [`Connection::send_with_handle`](crate::Connection::send_with_handle).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_with_handle`](crate::Connection::send_with_handle).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, both arrive or neither does.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// A Node child that serves a port which this process has opened:
    ///
    /// ```no_run
    /// use offspring::Command;
    /// use std::net::TcpListener;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // worker.js:
    /// // const http = require('http').createServer((request, response) => response.end('Hello'));
    /// // process.on('message', (message, server) => http.listen(server));
    /// let mut worker = Command::node("worker.js").spawn::<str, ()>()?;
    /// worker.send_with_handle("serve this", TcpListener::bind("127.0.0.1:80")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_with_handle(
        &mut self,
        message: &Tx,
        handle: impl Into<Handle> + Send,
    ) -> Result<()> {
        let sent = self.connection.send_with_handle(message, handle);
        sent.await
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Child<Tx, Rx> {
    /// Receives the next message of a Node child, and the open socket that came with it. See
    /// [`Receiver::recv_with_handle`](crate::Receiver::recv_with_handle).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::{Command, Handle};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// // child.js: require('net').createServer((socket) => process.send('a client', socket)).listen(8080);
    /// let mut child = Command::node("child.js").spawn::<(), String>()?;
    /// while let Some((text, handle)) = child.recv_with_handle().await? {
    ///     if let Some(Handle::TcpStream(client)) = handle {
    ///         println!("{text} from {:?}", client.peer_addr());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_with_handle(&mut self) -> Result<Option<(Rx, Option<Handle>)>> {
        let received = poll_fn(|cx| {
            self.connection.receiver_mut().want_handle(true);
            let received = self.poll_recv(cx);
            self.connection.receiver_mut().want_handle(false);
            received
        });
        let received = match received.await {
            Err(error) => Err(self.explain(error).await),
            received => received,
        };
        let handle = self.connection.receiver_mut().take_handle();
        Ok(received?.map(|message| (message, handle)))
    }
}

impl<Tx: Serialize + ?Sized, Rx> Parent<Tx, Rx> {
    /// Sends one message to a Node parent, and an open socket with it, and waits until it has both. See
    /// [`Connection::send_with_handle`](crate::Connection::send_with_handle).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_with_handle`](crate::Connection::send_with_handle).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, both arrive or neither does.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn show(mut parent: offspring::Parent<str, ()>, client: std::net::TcpStream) -> offspring::Result<()> {
    /// parent.send_with_handle("not for me", client).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_with_handle(
        &mut self,
        message: &Tx,
        handle: impl Into<Handle> + Send,
    ) -> Result<()> {
        let sent = self.connection.send_with_handle(message, handle);
        sent.await
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Parent<Tx, Rx> {
    /// Receives the next message of a Node parent, and the open socket that came with it. See
    /// [`Receiver::recv_with_handle`](crate::Receiver::recv_with_handle).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message was taken.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::Handle;
    ///
    /// # async fn show(parent: &mut offspring::Parent<(), String>) -> offspring::Result<()> {
    /// if let Some((_, Some(Handle::TcpListener(listener)))) = parent.recv_with_handle().await? {
    ///     println!("serving {:?}", listener.local_addr());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_with_handle(&mut self) -> Result<Option<(Rx, Option<Handle>)>> {
        self.connection.recv_with_handle().await
    }
}

//! Open sockets beside messages.

use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Handle;
use crate::blocking::{Child, Connection, Parent, Receiver};
use crate::error::Result;
use crate::session::{ANSWER_TIMEOUT, Line as _, Offer, unanswered};

impl<Tx: Serialize + ?Sized, Rx> Connection<Tx, Rx> {
    /// Sends one message and an open socket with it, and waits until the other side has both.
    ///
    /// The same as [`Connection::send_with_handle`](crate::Connection::send_with_handle) of the async API.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// See [`Child::send_with_handle`].
    pub fn send_with_handle(&mut self, message: &Tx, handle: impl Into<Handle>) -> Result<()> {
        let mut offer = Offer::new(self.link(), handle.into())?;
        let limit = self.link().config().handshake_timeout;
        let limit = limit.unwrap_or(ANSWER_TIMEOUT);
        loop {
            let end = self.encode_with_handle(&offer, message)?;
            let number = self.receiver().talk_mut().sent_handle(offer.kept());
            self.link().flush(end, None)?;
            let until = Instant::now() + limit;
            let Some(arrived) = self.receiver().wait_arrived(number, until)? else {
                return Err(unanswered(self.link()));
            };
            if offer.answered(self.link(), arrived)? {
                return Ok(());
            }
        }
    }

    /// Encodes the message as soon as there is room, and tells the position in the stream behind it.
    fn encode_with_handle(&self, offer: &Offer, message: &Tx) -> Result<u64> {
        let link = self.link();
        loop {
            if let Some(pushed) = link.push_with_handle(offer.kind, message, offer.copy()?) {
                return link.sending(pushed);
            }
            link.flush(link.queue().room(), None)?;
        }
    }
}

impl<M: DeserializeOwned> Receiver<M> {
    /// Receives the next message, and the open socket that came with it.
    ///
    /// [`recv`](Self::recv) receives such a message too, and closes what came with it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv). What came with a message that cannot be decoded is closed.
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// See [`Child::recv_with_handle`].
    pub fn recv_with_handle(&mut self) -> Result<Option<(M, Option<Handle>)>> {
        self.want_handle(true);
        let received = self.recv();
        self.with_handle(received)
    }

    /// Adds what came with the message that was taken last.
    fn with_handle(&mut self, received: Result<Option<M>>) -> Result<Option<(M, Option<Handle>)>> {
        self.want_handle(false);
        let handle = self.talk_mut().take_handle().map(Handle::received);
        Ok(received?.map(|message| (message, handle)))
    }
}

impl<M> Receiver<M> {
    /// Whether what comes with the messages that are taken from here on is kept.
    fn want_handle(&mut self, wanted: bool) {
        self.talk_mut().want_handle(wanted);
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Connection<Tx, Rx> {
    /// Receives the next message, and the open socket that came with it. See [`Receiver::recv_with_handle`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_with_handle`].
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// See [`Child::recv_with_handle`].
    pub fn recv_with_handle(&mut self) -> Result<Option<(Rx, Option<Handle>)>> {
        self.receiver().recv_with_handle()
    }
}

impl<Tx: Serialize + ?Sized, Rx> Child<Tx, Rx> {
    /// Sends one message to a Node child, and an open socket with it, and waits until the child has both. See
    /// [`Connection::send_with_handle`].
    ///
    /// # Errors
    ///
    /// As [`Connection::send_with_handle`].
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
    /// use offspring::blocking::Command;
    /// use std::net::TcpListener;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // worker.js:
    /// // const http = require('http').createServer((request, response) => response.end('Hello'));
    /// // process.on('message', (message, server) => http.listen(server));
    /// let mut worker = Command::node("worker.js").spawn::<str, ()>()?;
    /// worker.send_with_handle("serve this", TcpListener::bind("127.0.0.1:80")?)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_with_handle(&mut self, message: &Tx, handle: impl Into<Handle>) -> Result<()> {
        self.connection.send_with_handle(message, handle)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Child<Tx, Rx> {
    /// Receives the next message of a Node child, and the open socket that came with it. See
    /// [`Receiver::recv_with_handle`].
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use offspring::{Handle, blocking::Command};
    ///
    /// # fn main() -> offspring::Result<()> {
    /// // child.js: require('net').createServer((socket) => process.send('a client', socket)).listen(8080);
    /// let mut child = Command::node("child.js").spawn::<(), String>()?;
    /// while let Some((text, handle)) = child.recv_with_handle()? {
    ///     if let Some(Handle::TcpStream(client)) = handle {
    ///         println!("{text} from {:?}", client.peer_addr());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_with_handle(&mut self) -> Result<Option<(Rx, Option<Handle>)>> {
        self.connection.receiver().want_handle(true);
        let received = self.recv();
        self.connection.receiver().with_handle(received)
    }
}

impl<Tx: Serialize + ?Sized, Rx> Parent<Tx, Rx> {
    /// Sends one message to a Node parent, and an open socket with it, and waits until it has both. See
    /// [`Connection::send_with_handle`].
    ///
    /// # Errors
    ///
    /// As [`Connection::send_with_handle`].
    ///
    /// # Platform notes
    ///
    /// TCP only on Windows.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn show(mut parent: offspring::blocking::Parent<str, ()>, client: std::net::TcpStream) -> offspring::Result<()> {
    /// parent.send_with_handle("not for me", client)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_with_handle(&mut self, message: &Tx, handle: impl Into<Handle>) -> Result<()> {
        self.connection.send_with_handle(message, handle)
    }
}

impl<Tx: ?Sized, Rx: DeserializeOwned> Parent<Tx, Rx> {
    /// Receives the next message of a Node parent, and the open socket that came with it. See
    /// [`Receiver::recv_with_handle`].
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
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
    /// # fn show(parent: &mut offspring::blocking::Parent<(), String>) -> offspring::Result<()> {
    /// if let Some((_, Some(Handle::TcpListener(listener)))) = parent.recv_with_handle()? {
    ///     println!("serving {:?}", listener.local_addr());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_with_handle(&mut self) -> Result<Option<(Rx, Option<Handle>)>> {
        self.connection.recv_with_handle()
    }
}

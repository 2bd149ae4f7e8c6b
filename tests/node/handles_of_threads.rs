//! Open sockets beside messages, over the blocking API.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};

use offspring::blocking::Parent;
use offspring::{ErrorKind, Handle, Result};

use crate::child_of_node::run;
use crate::handles::{GIVER, TAKER};
use crate::threads::{command, of_script};

fn heard(mut socket: TcpStream) -> String {
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_script_takes_servers_and_sockets() -> Result<()> {
    of_script(TAKER, |source, serialization| {
        let mut child = command(source, serialization).spawn::<str, String>()?;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        child.send_with_handle("tcp", listener)?;
        assert_eq!(child.recv()?.as_deref(), Some("listening"));
        assert_eq!(heard(TcpStream::connect(address).unwrap()), "server tcp");

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // Messages that wait go before it.
        child.feed("one")?;
        child.send_with_handle("tcp", listener.accept().unwrap().0)?;
        child.send("two")?;
        assert_eq!(heard(client), "socket tcp");
        assert_eq!(child.recv()?.as_deref(), Some("one undefined"));
        assert_eq!(child.recv()?.as_deref(), Some("two undefined"));

        let file = Handle::Other(std::fs::File::open("/dev/null").unwrap().into());
        let error = child.send_with_handle("file", file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        Ok(())
    })
}

#[test]
fn a_script_gives_servers_sockets_and_datagram_sockets() -> Result<()> {
    of_script(GIVER, |source, serialization| {
        let mut child = command(source, serialization).spawn::<(), String>()?;
        let mut found = Vec::new();
        while let Some((text, handle)) = child.recv_with_handle()? {
            let word = text.split_once(' ').map_or(&*text, |(word, _)| word);
            let kind = match handle {
                Some(Handle::TcpListener(_)) => "listener",
                Some(Handle::TcpStream(socket)) => {
                    std::io::Write::write_all(&mut &socket, b"hi").unwrap();
                    "stream"
                }
                Some(Handle::UdpSocket(_)) => "udp",
                Some(_) => "other",
                None => "nothing",
            };
            found.push(format!("{word}: {kind}"));
        }
        let expected = [
            "before: nothing",
            "server: listener",
            "between: nothing",
            "socket: stream",
            "udp: udp",
            "after: nothing",
            "heard: nothing",
        ];
        found.sort();
        let mut expected = expected.map(str::to_owned);
        expected.sort();
        assert_eq!(found, expected);
        Ok(())
    })
}

#[test]
#[ignore = "entry point of a child process"]
fn child_serves_what_it_gets() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let Some((text, Some(Handle::TcpListener(listener)))) = parent.recv_with_handle()? else {
        panic!("no server");
    };
    listener.set_nonblocking(false).unwrap();
    let (client, _) = listener.accept().unwrap();
    parent.send_with_handle(&text, client)?;
    parent.close()
}

#[tokio::test]
async fn a_node_parent_gives_a_server_and_gets_its_client() -> Result<()> {
    run(r"
        const net = require('net');
        const child = watch(start('handles_of_threads::child_serves_what_it_gets'));
        let heard = '';
        const server = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            child.send('a server', server, () => {
                server.close();
                const client = net.connect(port, '127.0.0.1');
                client.on('data', (data) => { heard += data; });
            });
        });
        child.on('message', (text, socket) => socket.end(`from the parent: ${text}`));
        process.on('exit', () => { if (heard !== 'from the parent: a server') fail(heard); });
        expect(['message', 'a server'], ['disconnect'], ['exit', 0, null]);
    ")
    .await
}

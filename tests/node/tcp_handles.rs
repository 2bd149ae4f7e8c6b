//! TCP sockets beside messages, both ways, on every system.

use std::io::Write as _;
#[cfg(windows)]
use std::net::UdpSocket;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use offspring::node::Serialization;
use offspring::{Command, Config, ErrorKind, Handle, Parent, Result, Stdio};

use crate::child_of_node::run;
use crate::scripts::{BOTH, Source};
use crate::support::within;

/// Reads to the end on a thread of its own, so that this one can drive a connection.
pub(crate) async fn read_all(mut socket: impl std::io::Read + Send + 'static) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text
    });
    read.await.unwrap()
}

/// Answers every client of the server that it is sent, and every connection.
const TAKER: &str = "
    const net = require('net');
    process.on('message', (message, handle) => {
        if (handle instanceof net.Server) {
            handle.on('connection', (socket) => socket.end(`server ${message}`));
            process.send('listening');
        } else if (handle instanceof net.Socket) {
            handle.end(`socket ${message}`);
        } else {
            process.send(`${message} ${typeof handle}`);
        }
    });";

/// Node looks for its standard error when a socket ends; under Wine it does not understand every pipe.
fn command(source: &Source, serialization: Serialization) -> Command {
    let mut command = source.command(serialization);
    command.stderr(Stdio::null());
    command
}

/// Two ends of a connection.
fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

#[tokio::test]
async fn a_script_takes_a_server_and_connections_between_other_messages() -> Result<()> {
    let Some(source) = Source::new(TAKER) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = command(&source, serialization).spawn::<str, String>()?;
            child.send("before").await?;
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            child.send_with_handle("tcp", listener).await?;
            child.send("after").await?;
            for text in ["before undefined", "listening", "after undefined"] {
                assert_eq!(child.recv().await?.as_deref(), Some(text));
            }
            for _ in 0..3 {
                let client = TcpStream::connect(address).unwrap();
                assert_eq!(read_all(client).await, "server tcp");
            }
            for _ in 0..20 {
                let (client, server) = connected();
                child.send_with_handle("tcp", server).await?;
                assert_eq!(read_all(client).await, "socket tcp");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_script_gives_a_server_and_a_connection() -> Result<()> {
    let Some(source) = Source::new(
        "const net = require('net');
         process.send('before');
         const server = net.createServer((socket) => {
             process.send('socket', socket);
             process.send('after');
         });
         server.listen(0, '127.0.0.1', () => {
             const { port } = server.address();
             process.send(`server ${port}`, server);
             const client = net.connect(port, '127.0.0.1');
             client.once('data', (data) => {
                 process.send(`heard ${data}`, () => process.exit());
             });
         });",
    ) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = command(&source, serialization).spawn::<(), String>()?;
            let mut found = Vec::new();
            // Kept open: the kernel must not deal clients out to nobody.
            let mut listeners = Vec::new();
            while let Some((text, handle)) = child.recv_with_handle().await? {
                let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
                match handle {
                    Some(Handle::TcpListener(listener)) => {
                        let port = listener.local_addr().unwrap().port();
                        assert_eq!((word, rest), ("server", &*port.to_string()));
                        listeners.push(listener);
                    }
                    Some(Handle::TcpStream(mut socket)) => {
                        assert_eq!(word, "socket");
                        socket.write_all(b"hello").unwrap();
                    }
                    Some(other) => panic!("{other:?}"),
                    None => {}
                }
                found.push(word.to_owned());
            }
            let expected = ["before", "server", "socket", "after", "heard"];
            assert_eq!(found, expected, "{serialization:?}");
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_connection_that_nobody_asks_for_is_closed() -> Result<()> {
    let Some(source) = Source::new(
        "const net = require('net');
         const server = net.createServer((socket) => process.send('take this', socket));
         server.listen(0, '127.0.0.1', () => process.send(`${server.address().port}`));",
    ) else {
        return Ok(());
    };
    within(async {
        let mut child = command(&source, Serialization::Json).spawn::<(), String>()?;
        let port: u16 = child.recv().await?.unwrap().parse().unwrap();
        for _ in 0..5 {
            let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
            assert_eq!(child.recv().await?.as_deref(), Some("take this"));
            assert_eq!(read_all(client).await, "");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_script_that_does_not_answer_is_a_timeout_and_the_channel_goes_on() -> Result<()> {
    let script = format!(
        "{TAKER}
         setTimeout(() => {{ process.send('busy'); const end = Date.now() + 1500; while (Date.now() < end); }}, 1);"
    );
    let Some(source) = Source::new(&script) else {
        return Ok(());
    };
    within(async {
        let mut child = command(&source, Serialization::Json)
            .config(Config::new().handshake_timeout(Duration::from_millis(200)))
            .spawn::<str, String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some("busy"));
        let (client, server) = connected();
        let error = child.send_with_handle("late", server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert_eq!(read_all(client).await, "socket late");
        child.send("more").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("more undefined"));
        Ok(())
    })
    .await
}

#[tokio::test]
#[cfg(windows)]
async fn a_datagram_socket_is_refused_where_node_takes_none() -> Result<()> {
    let Some(source) = Source::new(TAKER) else {
        return Ok(());
    };
    within(async {
        let mut child = command(&source, Serialization::Json).spawn::<str, String>()?;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = child.send_with_handle("udp", socket).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        child.send("more").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("more undefined"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_script_that_has_ended_takes_nothing_and_the_error_says_so() -> Result<()> {
    let Some(source) = Source::new("process.exit(3)") else {
        return Ok(());
    };
    within(async {
        let mut child = command(&source, Serialization::Json).spawn::<str, String>()?;
        assert_eq!(child.recv().await?, None);
        let (client, server) = connected();
        child.send_with_handle("late", server).await.unwrap_err();
        assert_eq!(child.wait().await?.code(), Some(3));
        drop(child);
        assert_eq!(read_all(client).await, "");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_passes_handles_on() -> Result<()> {
    let mut parent = Parent::<str, String>::attach()?;
    let (text, handle) = parent.recv_with_handle().await?.unwrap();
    assert_eq!(text, "server");
    let Some(Handle::TcpListener(listener)) = handle else {
        panic!("{handle:?}");
    };
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    parent.send("listening").await?;
    let (client, _) = listener.accept().await.unwrap();
    parent
        .send_with_handle("client", client.into_std().unwrap())
        .await?;
    assert_eq!(parent.recv().await?, None);
    parent.close().await
}

#[tokio::test]
async fn a_rust_child_takes_a_server_of_node_and_gives_its_clients_back() -> Result<()> {
    run(r"
        const net = require('net');
        const child = watch(start('tcp_handles::child_passes_handles_on'));
        const server = net.createServer();
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            child.send('server', server, () => server.close());
            child.once('message', () => {
                const client = net.connect(port, '127.0.0.1');
                client.on('data', (data) => { seen.push(['heard', `${data}`]); client.end(); child.disconnect(); });
            });
            child.on('message', (message, socket) => { if (socket) socket.end('from Node'); });
        });
        expect(['message', 'listening'], ['message', 'client'], ['heard', 'from Node'], ['disconnect'], ['exit', 0, null]);
    ")
    .await
}

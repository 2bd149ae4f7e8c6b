//! Open sockets beside messages, both ways.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use offspring::node::{Script, Serialization};
use offspring::{Command, Config, ErrorKind, Handle, Result, Stdio};

use crate::scripts::{BOTH, Source};
use crate::support::within;
use crate::tcp_handles::read_all;

/// Answers every client of the server that it is sent, and every socket.
pub(crate) const TAKER: &str = r"
    const net = require('net');
    const dgram = require('dgram');
    process.on('message', (message, handle) => {
        if (handle instanceof net.Server) {
            handle.on('connection', (socket) => socket.end(`server ${message}`));
            process.send('listening');
        } else if (handle instanceof net.Socket) {
            handle.end(`socket ${message}`);
        } else if (handle instanceof dgram.Socket) {
            handle.on('message', (data, from) => {
                const answer = `udp ${message} ${data}`;
                handle.send(answer, from.port, from.address, () => handle.close());
            });
        } else {
            process.send(`${message} ${typeof handle}`);
        }
    });
";

#[tokio::test]
async fn a_script_takes_servers_sockets_and_datagram_sockets() -> Result<()> {
    let Some(source) = Source::new(TAKER) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<str, String>()?;

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            child.send_with_handle("tcp", listener).await?;
            assert_eq!(child.recv().await?.as_deref(), Some("listening"));
            for _ in 0..3 {
                let client = TcpStream::connect(address).unwrap();
                assert_eq!(read_all(client).await, "server tcp");
            }

            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("socket");
            let listener = UnixListener::bind(&path).unwrap();
            child.send_with_handle("unix", listener).await?;
            assert_eq!(child.recv().await?.as_deref(), Some("listening"));
            let client = UnixStream::connect(&path).unwrap();
            assert_eq!(read_all(client).await, "server unix");

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            child.send_with_handle("tcp", server).await?;
            assert_eq!(read_all(client).await, "socket tcp");

            let (ours, theirs) = UnixStream::pair().unwrap();
            child.send_with_handle("unix", theirs).await?;
            assert_eq!(read_all(ours).await, "socket unix");

            let server = UdpSocket::bind("127.0.0.1:0").unwrap();
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.connect(server.local_addr().unwrap()).unwrap();
            child.send_with_handle("4", server).await?;
            client.send(b"ping").unwrap();
            client
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let mut answer = [0; 64];
            let size = client.recv(&mut answer).unwrap();
            assert_eq!(&answer[..size], b"udp 4 ping");

            child.send("plain").await?;
            assert_eq!(child.recv().await?.as_deref(), Some("plain undefined"));
        }
        Ok(())
    })
    .await
}

/// Sends what it has, in order, and what is plain between.
pub(crate) const GIVER: &str = r"
    const net = require('net');
    const dgram = require('dgram');
    const server = net.createServer().listen(0, '127.0.0.1', () => {
        process.send('before');
        process.send(`server ${server.address().port}`, server);
        process.send('between');
        const client = net.connect(server.address().port, '127.0.0.1');
        server.once('connection', (socket) => {
            process.send('socket', socket);
            const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1', () => {
                process.send(`udp ${udp.address().port}`, udp, () => { udp.close(); server.close(); });
                process.send('after');
            });
        });
        let text = '';
        client.on('data', (data) => { text += data; });
        client.on('end', () => { process.send(`heard ${text}`, () => { client.end(); process.disconnect(); }); });
    });
";

#[tokio::test]
async fn a_script_gives_servers_sockets_and_datagram_sockets() -> Result<()> {
    let Some(source) = Source::new(GIVER) else {
        return Ok(());
    };
    within(async {
        for serialization in BOTH {
            let mut child = source.command(serialization).spawn::<(), String>()?;
            let mut found = Vec::new();
            while let Some((text, handle)) = child.recv_with_handle().await? {
                let (word, number) = text.split_once(' ').unwrap_or((&text, ""));
                match handle {
                    Some(Handle::TcpListener(listener)) => {
                        let port = listener.local_addr().unwrap().port();
                        assert_eq!((word, number), ("server", &*port.to_string()));
                    }
                    Some(Handle::TcpStream(mut socket)) => {
                        assert_eq!(word, "socket");
                        socket.write_all(b"hello from Rust").unwrap();
                    }
                    Some(Handle::UdpSocket(socket)) => {
                        let port = socket.local_addr().unwrap().port();
                        assert_eq!((word, number), ("udp", &*port.to_string()));
                    }
                    Some(other) => panic!("{other:?}"),
                    None => {}
                }
                found.push(word.to_owned());
            }
            let expected = [
                "before", "server", "between", "socket", "udp", "after", "heard",
            ];
            assert_eq!(found, expected, "{serialization:?}");
            assert!(child.wait().await?.success());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_script_that_is_busy_is_a_timeout_and_its_late_answer_does_no_harm() -> Result<()> {
    let script = format!(
        "{TAKER}
         setTimeout(() => {{ process.send('busy'); const end = Date.now() + 1500; while (Date.now() < end); }}, 1);"
    );
    let Some(source) = Source::new(&script) else {
        return Ok(());
    };
    within(async {
        let mut child = source
            .command(Serialization::Json)
            .config(Config::new().handshake_timeout(Duration::from_millis(200)))
            .spawn::<str, String>()?;
        assert_eq!(child.recv().await?.as_deref(), Some("busy"));
        let (ours, theirs) = UnixStream::pair().unwrap();
        let error = child.send_with_handle("late", theirs).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert_eq!(read_all(ours).await, "socket late");
        child.send("more").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("more undefined"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_dropped_send_tears_nothing() -> Result<()> {
    let Some(source) = Source::new(TAKER) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<str, String>()?;
        for turn in 0..50 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let patience = Duration::from_micros(turn * 20);
            let sent = tokio::time::timeout(patience, child.send_with_handle("x", theirs)).await;
            // Polled once, it has left at once: the system has room.
            assert_eq!(read_all(ours).await, "socket x", "{sent:?}");
        }
        child.send("more").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("more undefined"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_node_does_not_know_is_refused_and_the_connection_goes_on() -> Result<()> {
    let Some(source) = Source::new(TAKER) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<str, String>()?;
        let file = std::fs::File::open(source.path()).unwrap();
        let handle = Handle::Other(file.into());
        let error = child.send_with_handle("file", handle).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        child.send("more").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("more undefined"));
        Ok(())
    })
    .await
}

/// A peer that keeps to the protocol no more than it is told to.
const PEER: &str = r#"
import array, json, os, socket, sys
channel = socket.socket(fileno=int(os.environ["NODE_CHANNEL_FD"]))
buffer = b""
fds = []
def line():
    global buffer
    while b"\n" not in buffer:
        data, ancillary, _, _ = channel.recvmsg(65536, socket.CMSG_SPACE(4 * 16))
        if not data:
            sys.exit(0)
        for _, _, received in ancillary:
            fds.extend(array.array("i", received[: len(received) // 4 * 4]))
        buffer += data
    text, _, buffer = buffer.partition(b"\n")
    return json.loads(text)
def say(value, *passed):
    text = json.dumps(value).encode() + b"\n"
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))]
    channel.sendmsg([text], rights if passed else [])
"#;

pub(crate) fn peer(folder: &std::path::Path, text: &str) -> Command {
    let path = folder.join("peer.py");
    std::fs::write(&path, format!("{PEER}{text}")).unwrap();
    let mut command = Command::node(Script::new(path).program("python3"));
    command.kill_on_drop(true).stdout(Stdio::null());
    command
}

#[tokio::test]
async fn a_connection_that_was_lost_on_the_way_is_sent_again_three_times() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"
for answer in [False, False, True, False, False, False, False, False]:
    message = line()
    assert message["cmd"] == "NODE_HANDLE" and len(fds) == 1, message
    os.close(fds.pop())
    say({"cmd": "NODE_HANDLE_ACK" if answer else "NODE_HANDLE_NACK"})
    say([message["type"], message["msg"]])
"#;
        let mut child = peer(folder.path(), text).spawn::<str, (String, String)>()?;
        let socket = || UnixStream::pair().unwrap().0;
        child.send_with_handle("one", socket()).await?;
        let error = child.send_with_handle("two", socket()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = child.send_with_handle("three", listener).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        let mut seen = Vec::new();
        while let Some((kind, text)) = child.recv().await? {
            seen.push(format!("{kind} {text}"));
        }
        let mut expected = vec!["net.Socket one"; 3];
        expected.extend(["net.Socket two"; 4]);
        expected.push("net.Server three");
        assert_eq!(seen, expected);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn each_handle_is_answered_once_however_it_comes() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"
one, two = socket.socketpair()
def handle(message, kind="net.Server"):
    return {"cmd": "NODE_HANDLE", "type": kind, "msg": message}
answers = []
def ask(value, *passed):
    say(value, *passed)
    answers.append(line()["cmd"][12:])
ask(handle(1), one.fileno())                                   # as it should be
ask(handle(2))                                                 # without
ask(handle(3, "net.Socket"))                                   # without, and it comes again:
ask(handle(handle(3, "net.Socket"), "net.Native"), one.fileno())  # as Node does that
ask(handle({"cmd": "NODE_CLUSTER", "act": "newconn"}, "net.Native"), one.fileno())  # not for the program
say(4, one.fileno())                                           # beside a plain message, so for the next
ask(handle(5))
ask({"cmd": "NODE_HANDLE", "type": "net.Server"}, one.fileno())  # nothing in it
say(answers)
"#;
        let mut child = peer(folder.path(), text).spawn::<(), Seen>()?;
        let mut seen = Vec::new();
        while let Some((message, handle)) = child.recv_with_handle().await? {
            seen.push((message, handle.is_some()));
        }
        let answers = ["ACK", "NACK", "NACK", "ACK", "ACK", "ACK", "ACK"];
        let answers = answers.map(str::to_owned).to_vec();
        let expected = [
            (Seen::Number(1), true),
            (Seen::Number(2), false),
            (Seen::Number(3), true),
            (Seen::Number(4), false),
            (Seen::Number(5), true),
            (Seen::Nothing(()), true),
            (Seen::Answers(answers), false),
        ];
        assert_eq!(seen, expected);
        Ok(())
    })
    .await
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(untagged)]
enum Seen {
    Number(u32),
    Answers(Vec<String>),
    Nothing(()),
}

#[tokio::test]
async fn a_close_does_not_wait_for_a_peer_that_waits_for_an_answer() -> Result<()> {
    let Some(source) = Source::new(
        r"const net = require('net');
          process.on('message', () => {
              const server = net.createServer().listen(0, '127.0.0.1', () => {
                  process.send('server', server, () => { server.close(); });
                  process.send('behind');
                  process.send('ready');
              });
          });",
    ) else {
        return Ok(());
    };
    within(async {
        let mut child = source.command(Serialization::Json).spawn::<str, String>()?;
        child.send("go").await?;
        // It is answered although nobody receives.
        tokio::time::sleep(Duration::from_millis(300)).await;
        child.close().await?;
        let (text, handle) = child.recv_with_handle().await?.unwrap();
        assert_eq!(text, "server");
        assert!(handle.is_some());
        child.wait().await?;
        Ok(())
    })
    .await
}

//! Names and those who own them.

use std::io::{BufRead as _, BufReader, ErrorKind, IoSlice};
use std::process::Stdio;
use std::time::{Duration, Instant};

use offspring_platform::{Listener, Name, Stdin, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Child, attached, leave_behind, program, within};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn a_client_and_a_server_talk() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let (client, server) = tokio::join!(Stream::connect(&name, soon()), listener.accept());
        let (client, server) = (client.unwrap(), server.unwrap());
        for end in [&client, &server] {
            assert!(end.peer_pid().is_none_or(|pid| pid == std::process::id()));
        }
        let (mut client_read, mut client_write) = client.into_split();
        let (mut server_read, mut server_write) = server.into_split();
        client_write.write_all(b"ping").await.unwrap();
        let mut found = [0; 4];
        server_read.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"ping");
        server_write.write_all(b"pong").await.unwrap();
        client_read.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"pong");
        drop((server_read, server_write));
        assert_eq!(client_read.read(&mut found).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn two_pieces_written_at_once_arrive_in_order_however_much_room_there_is() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let (client, server) = tokio::join!(Stream::connect(&name, soon()), listener.accept());
        let (_read, mut write) = client.unwrap().into_split();
        let (mut read, _write) = server.unwrap().into_split();
        for (first, second) in [(1, 1), (20, 5_000_000), (3_000_000, 7), (0, 5), (5, 0)] {
            let pieces = (vec![1; first], vec![2; second]);
            let written = async {
                let (mut first, mut second) = (&*pieces.0, &*pieces.1);
                while first.len() + second.len() > 0 {
                    let both = [IoSlice::new(first), IoSlice::new(second)];
                    let count = write.write_vectored(&both).await.unwrap();
                    assert!(count > 0);
                    let of_first = count.min(first.len());
                    (first, second) = (&first[of_first..], &second[count - of_first..]);
                }
            };
            let mut found = vec![0; first + second];
            tokio::join!(written, async {
                read.read_exact(&mut found).await.unwrap()
            });
            assert_eq!(found, [&*pieces.0, &*pieces.1].concat());
        }
    })
    .await;
}

#[tokio::test]
async fn many_clients_are_served_in_turn() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let server = async {
            for _ in 0..20 {
                let (mut read, mut write) = listener.accept().await.unwrap().into_split();
                let number = read.read_u8().await.unwrap();
                write.write_u8(number + 1).await.unwrap();
            }
        };
        let clients = async {
            let tasks: Vec<_> = (0..20)
                .map(|number| {
                    let name = name.clone();
                    tokio::spawn(async move {
                        let stream = Stream::connect(&name, soon()).await.unwrap();
                        let (mut read, mut write) = stream.into_split();
                        write.write_u8(number).await.unwrap();
                        assert_eq!(read.read_u8().await.unwrap(), number + 1);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        };
        tokio::join!(server, clients);
    })
    .await;
}

#[tokio::test]
async fn a_name_has_one_owner_until_it_lets_go() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        assert_eq!(
            Listener::bind(&name).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        // The attempt has not disturbed the owner.
        let (client, server) = tokio::join!(Stream::connect(&name, soon()), listener.accept());
        client.unwrap();
        server.unwrap();
        drop(listener);
        let again = Listener::bind(&name).unwrap();
        drop(again);
    })
    .await;
}

#[tokio::test]
async fn nobody_answers_where_nobody_listens() {
    within(async {
        let name = Name::unique().unwrap();
        let error = Stream::connect(&name, soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains(&name.to_string()), "{error}");
        drop(Listener::bind(&name).unwrap());
        let error = Stream::connect(&name, soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_dropped_accept_loses_no_client() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        for _ in 0..3 {
            tokio::select! {
                biased;
                client = listener.accept() => panic!("{client:?}"),
                () = std::future::ready(()) => {}
            }
        }
        let (client, server) = tokio::join!(Stream::connect(&name, soon()), listener.accept());
        client.unwrap();
        server.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_name_leads_to_its_path() {
    within(async {
        let name = Name::unique().unwrap();
        let path = name.path().unwrap();
        let exact = Name::from_path(&path).unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let (client, server) = tokio::join!(Stream::connect(&exact, soon()), listener.accept());
        client.unwrap();
        server.unwrap();
        assert_eq!(exact.path().unwrap(), path);
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_races() {
    let (mut read, mut write) = attached();
    loop {
        let mut label = [0; 32];
        if read.read_exact(&mut label).await.is_err() {
            return;
        }
        let name = Name::new(std::str::from_utf8(&label).unwrap()).unwrap();
        let owned = match Listener::bind(&name) {
            Ok(listener) => Some(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => None,
            Err(error) => panic!("{error}"),
        };
        write
            .write_all(if owned.is_some() { b"w" } else { b"l" })
            .await
            .unwrap();
        // Until all have answered, the winner keeps the name.
        let mut go_on = [0];
        read.read_exact(&mut go_on).await.unwrap();
        drop(owned);
        write.write_all(b"d").await.unwrap();
    }
}

#[tokio::test]
async fn of_four_processes_that_race_for_a_name_exactly_one_wins() {
    within(async {
        let mut children: Vec<_> = (0..4)
            .map(|_| Child::spawn("listener::child_races", Stdin::Null))
            .collect();
        let rounds = std::env::var("RACE_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap());
        let fixed = Name::unique().unwrap().to_string();
        for round in 0..rounds {
            // In turns a new name, and one that was just let go.
            let label = if round % 2 == 0 {
                fixed.clone()
            } else {
                Name::unique().unwrap().to_string()
            };
            for child in &mut children {
                child.send(label.as_bytes()).await;
            }
            let mut winners = 0;
            for child in &mut children {
                winners += usize::from(child.read.read_u8().await.unwrap() == b'w');
            }
            assert_eq!(winners, 1, "in round {round}");
            for child in &mut children {
                child.send(b"!").await;
            }
            for child in &mut children {
                child.expect(b"d").await;
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_owns_a_name_and_has_a_grandchild() {
    let (mut read, mut write) = attached();
    let mut label = [0; 32];
    read.read_exact(&mut label).await.unwrap();
    let name = Name::new(std::str::from_utf8(&label).unwrap()).unwrap();
    let _listener = Listener::bind(&name).unwrap();
    let mut grandchild = program("listener::grandchild_lingers");
    let (_, output) = leave_behind(grandchild.stdin(Stdio::inherit()).stdout(Stdio::piped()));
    // On Linux `spawn` returns a moment before the new program has closed what it must not have. Once it speaks, it
    // has.
    let mut output = BufReader::new(output.unwrap()).lines();
    assert!(output.any(|line| line.unwrap().contains("here")));
    write.write_all(b"bound").await.unwrap();
    std::future::pending::<()>().await;
}

#[test]
#[ignore = "entry point of a child process"]
fn grandchild_lingers() {
    println!("here");
    // Until the grandparent closes the pipe that is our standard input too.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

#[tokio::test]
async fn a_name_is_free_when_its_owner_was_killed_even_while_a_grandchild_lives() {
    within(async {
        let name = Name::unique().unwrap();
        let mut child = Child::spawn(
            "listener::child_owns_a_name_and_has_a_grandchild",
            Stdin::Piped,
        );
        child.send(name.to_string().as_bytes()).await;
        child.expect(b"bound").await;
        assert_eq!(
            Listener::bind(&name).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        child.process.kill().unwrap();
        child.process.wait().await.unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let (client, server) = tokio::join!(Stream::connect(&name, soon()), listener.accept());
        client.unwrap();
        server.unwrap();
    })
    .await;
}

#[tokio::test]
async fn clients_that_have_gone_do_not_disturb_the_others() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let server = async {
            loop {
                let (mut read, mut write) = listener.accept().await.unwrap().into_split();
                if let Ok(number) = read.read_u8().await {
                    write.write_u8(number + 1).await.unwrap();
                    return;
                }
            }
        };
        let clients = async {
            for _ in 0..10 {
                drop(Stream::connect(&name, soon()).await.unwrap());
            }
            let (mut read, mut write) = Stream::connect(&name, soon()).await.unwrap().into_split();
            write.write_u8(1).await.unwrap();
            assert_eq!(read.read_u8().await.unwrap(), 2);
        };
        tokio::join!(server, clients);
    })
    .await;
}

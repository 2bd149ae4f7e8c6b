//! Promise: one name, one owner.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use offspring::{Child, Connection, ErrorKind, Listener, Name, Parent, Result};
use serde::{Deserialize, Serialize};

use crate::stage::{Times, size, within};
use crate::support::role;

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Bind the name at this time, in microseconds.
    Bind(String, u64),
    /// Serve one client: tell it who it met.
    Serve(u64),
    /// Let go.
    Drop,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    Bound,
    InUse,
    Other(String),
    Done,
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_micros() as u64
}

/// A label, or on Unix the path of a socket.
fn name(text: &str) -> Result<Name> {
    if text.contains('/') {
        Name::from_path(text)
    } else {
        Name::new(text)
    }
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_races() -> Result<()> {
    let mut parent = Parent::<Answer, Order>::attach()?;
    let mut listener = None;
    while let Some(order) = parent.recv().await? {
        let answer = match order {
            Order::Bind(text, at) => {
                let name = name(&text)?;
                while now() < at {
                    std::hint::spin_loop();
                }
                match Listener::bind(&name) {
                    Ok(bound) => {
                        listener = Some(bound);
                        Answer::Bound
                    }
                    Err(error) if error.kind() == ErrorKind::NameInUse => Answer::InUse,
                    Err(error) => Answer::Other(format!("{error:?}")),
                }
            }
            Order::Serve(number) => {
                let mut client = listener.as_mut().unwrap().accept::<u64, ()>().await?;
                client.send(&number).await?;
                client.close().await?;
                Answer::Done
            }
            Order::Drop => {
                listener = None;
                Answer::Done
            }
        };
        parent.send(&answer).await?;
    }
    Ok(())
}

struct Racers(Vec<Child<Order, Answer>>);

impl Racers {
    fn start() -> Result<Self> {
        let racer = |_| role("name::child_races").spawn();
        (0..4).map(racer).collect::<Result<_>>().map(Self)
    }

    /// Lets all of them bind the name at the same moment; those who won.
    async fn race(&mut self, name: &str) -> Result<Vec<usize>> {
        let at = now() + 500;
        for racer in &self.0 {
            racer.send(&Order::Bind(name.to_owned(), at)).await?;
        }
        let mut winners = Vec::new();
        for (number, racer) in self.0.iter_mut().enumerate() {
            match racer.recv().await?.unwrap() {
                Answer::Bound => winners.push(number),
                Answer::InUse => {}
                answer => panic!("{answer:?}"),
            }
        }
        Ok(winners)
    }

    async fn does(&mut self, racer: usize, order: &Order) -> Result<()> {
        self.0[racer].send(order).await?;
        assert_eq!(self.0[racer].recv().await?, Some(Answer::Done));
        Ok(())
    }

    /// The winner of a race is the one that clients meet; then it lets go.
    async fn is_met(&mut self, winner: usize, text: &str) -> Result<()> {
        self.0[winner].send(&Order::Serve(winner as u64)).await?;
        let mut server: Connection<(), u64> = Connection::connect(&name(text)?).await?;
        assert_eq!(server.recv().await?, Some(winner as u64));
        assert_eq!(server.recv().await?, None);
        assert_eq!(self.0[winner].recv().await?, Some(Answer::Done));
        self.does(winner, &Order::Drop).await
    }
}

#[tokio::test]
async fn a_free_name_has_one_winner() -> Result<()> {
    within(async {
        let mut racers = Racers::start()?;
        let rounds = size(50, 1_000);
        let mut won = [0; 4];
        let name = Name::unique()?.to_string();
        for _ in 0..rounds {
            let winners = racers.race(&name).await?;
            assert_eq!(winners.len(), 1);
            won[winners[0]] += 1;
            racers.is_met(winners[0], &name).await?;
        }
        println!("figure: name: {rounds} rounds of 4 processes on a free name: 1 winner in each ({won:?}), and clients met it");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_name_of_a_killed_server_is_free_at_once() -> Result<()> {
    within(async {
        let mut times = Times::default();
        for _ in 0..size(10, 100) {
            let text = Name::unique()?.to_string();
            let mut server: Child<Order, Answer> = role("name::child_races").spawn()?;
            server.send(&Order::Bind(text.clone(), 0)).await?;
            assert_eq!(server.recv().await?, Some(Answer::Bound));
            assert_eq!(
                Listener::bind(&name(&text)?).unwrap_err().kind(),
                ErrorKind::NameInUse
            );
            server.kill().await?;
            let begin = Instant::now();
            let _listener = Listener::bind(&name(&text)?)?;
            times.add(begin.elapsed());
        }
        assert!(times.percentile(50) < Duration::from_millis(100), "{times}");
        println!("figure: name: the name of a server that was killed was bound again in {times}");
        Ok(())
    })
    .await
}

// Names that outlast their owner, and files in their place, are a matter of Unix: a pipe's name goes with its last handle.
#[cfg(unix)]
mod on_disk {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_stale_name_has_one_winner() -> Result<()> {
        within(async {
            let mut racers = Racers::start()?;
            let rounds = size(50, 1_000);
            let mut won = [0; 4];
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("stale");
            for _ in 0..rounds {
                // std's listener leaves its socket behind.
                drop(UnixListener::bind(&path).unwrap());
                let winners = racers.race(path.to_str().unwrap()).await?;
                assert_eq!(winners.len(), 1);
                won[winners[0]] += 1;
                racers.is_met(winners[0], path.to_str().unwrap()).await?;
                assert_eq!(folder.path().read_dir().unwrap().count(), 0);
            }
            println!("figure: name: {rounds} rounds of 4 processes on a stale name: 1 winner in each ({won:?}), clients met it, and nothing was left behind");
            Ok(())
        })
        .await
    }

    #[tokio::test]
    async fn what_is_not_ours_has_no_winner_and_is_not_touched() -> Result<()> {
        within(async {
            let mut racers = Racers::start()?;
            let rounds = size(10, 200);
            let folder = tempfile::tempdir().unwrap();
            let (file, socket, link) = (
                folder.path().join("file"),
                folder.path().join("socket"),
                folder.path().join("link"),
            );
            std::fs::write(&file, "not yours").unwrap();
            let live = UnixListener::bind(&socket).unwrap();
            live.set_nonblocking(true).unwrap();
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            for _ in 0..rounds {
                for path in [&file, &socket, &link] {
                    assert!(racers.race(path.to_str().unwrap()).await?.is_empty());
                }
                // Those who looked whether somebody listens.
                while live.accept().is_ok() {}
            }
            assert_eq!(std::fs::read(&file).unwrap(), b"not yours");
            assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
            assert_eq!(link.read_link().unwrap().to_str(), Some("nowhere"));
            assert_eq!(folder.path().read_dir().unwrap().count(), 3);
            println!("figure: name: {rounds} rounds of 4 processes on each of a file, a live foreign server and a link: 0 winners, all three untouched");
            Ok(())
        })
        .await
    }
}

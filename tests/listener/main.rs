//! One server, many clients: over the real transport, between real processes.
#![cfg(feature = "tokio")]
#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

#[cfg(all(target_os = "linux", feature = "tracing"))]
#[path = "../support/log.rs"]
mod log;
mod places;
#[path = "../support/mod.rs"]
mod support;

use std::future::poll_fn;
use std::task::Poll;

use offspring::{Child, Connection, ErrorKind, Listener, Name, Parent, Result};

use crate::support::{role, within};

type Client = Connection<u64, u64>;

/// Doubles what each client says, until the listener fails.
async fn serve(mut listener: Listener) -> Result<()> {
    loop {
        let mut client = listener.accept::<u64, u64>().await?;
        tokio::spawn(async move {
            while let Some(number) = client.recv().await? {
                client.send(&(number * 2)).await?;
            }
            Ok::<_, offspring::Error>(())
        });
    }
}

async fn ask(client: &mut Client, number: u64) -> Result<()> {
    client.send(&number).await?;
    assert_eq!(client.recv().await?, Some(number * 2));
    Ok(())
}

#[tokio::test]
async fn many_clients_are_served_at_once() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let server = tokio::spawn(serve(Listener::bind(&name)?));
        let mut tasks = Vec::new();
        for number in 0..100 {
            let name = name.clone();
            tasks.push(tokio::spawn(async move {
                let mut client = Client::connect(&name).await?;
                ask(&mut client, number).await?;
                Ok::<_, offspring::Error>(client)
            }));
        }
        let mut clients = Vec::new();
        for task in tasks {
            clients.push(task.await.unwrap()?);
        }
        // All of them are still connected.
        for client in &mut clients {
            ask(client, 7).await?;
        }
        server.abort();
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_a_client() -> Result<()> {
    let mut parent = Parent::<u64, (String, u64)>::attach()?;
    let (name, number) = parent.recv().await?.unwrap();
    let mut client = Client::connect(&Name::new(name)?).await?;
    client.send(&number).await?;
    parent.send(&client.recv().await?.unwrap()).await?;
    // Stays connected until it is ended.
    while parent.recv().await?.is_some() {}
    parent.close().await
}

async fn client_process(name: &Name, number: u64) -> Result<Child<(String, u64), u64>> {
    let child = role("child_is_a_client").spawn::<(String, u64), u64>()?;
    child.send(&(name.to_string(), number)).await?;
    Ok(child)
}

#[tokio::test]
async fn clients_of_other_processes_are_served() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let server = tokio::spawn(serve(Listener::bind(&name)?));
        let mut clients = Vec::new();
        for number in 0..5 {
            clients.push(client_process(&name, number).await?);
        }
        for (client, number) in clients.iter_mut().zip(0..) {
            assert_eq!(client.recv().await?, Some(number * 2));
        }
        for mut client in clients {
            assert!(client.wait().await?.success());
        }
        server.abort();
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_killed_client_disturbs_only_its_own_connection() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let mut listener = Listener::bind(&name)?;
        let mut process = client_process(&name, 21).await?;
        let mut first = listener.accept::<u64, u64>().await?;
        assert_eq!(first.recv().await?, Some(21));
        let mut second = Client::connect(&name).await?;
        let mut second_at_server = listener.accept::<u64, u64>().await?;

        process.kill().await?;
        let error = first.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert_eq!(
            first.send(&1).await.unwrap_err().kind(),
            ErrorKind::Disconnected
        );

        second.send(&2).await?;
        assert_eq!(second_at_server.recv().await?, Some(2));
        second_at_server.send(&3).await?;
        assert_eq!(second.recv().await?, Some(3));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn clients_that_come_and_vanish_are_passed_over_or_end() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let mut listener = Listener::bind(&name)?;
        for _ in 0..5 {
            drop(Client::connect(&name).await?);
            Client::connect(&name).await?.abort();
        }
        let mut last = Client::connect(&name).await?;
        last.send(&7).await?;
        loop {
            let mut client = listener.accept::<u64, u64>().await?;
            match client.recv().await {
                Ok(None) => {}
                Ok(Some(number)) => {
                    client.send(&(number * 2)).await?;
                    break;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Disconnected),
            }
        }
        assert_eq!(last.recv().await?, Some(14));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_dropped_accept_loses_no_client() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let mut listener = Listener::bind(&name)?;
        for number in 0..20 {
            let connecting = tokio::spawn({
                let name = name.clone();
                async move {
                    let mut client = Client::connect(&name).await?;
                    ask(&mut client, number).await
                }
            });
            // Polled once and dropped, again and again, until one is ready when it is polled.
            let mut client = loop {
                let mut accepting = std::pin::pin!(listener.accept::<u64, u64>());
                let polled = poll_fn(|cx| Poll::Ready(accepting.as_mut().poll(cx))).await;
                match polled {
                    Poll::Ready(client) => break client?,
                    Poll::Pending => tokio::task::yield_now().await,
                }
            };
            let question = client.recv().await?.unwrap();
            client.send(&(question * 2)).await?;
            connecting.await.unwrap()?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn connections_outlive_their_listener_and_the_name_is_free() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let mut listener = Listener::bind(&name)?;
        let mut client = Client::connect(&name).await?;
        let mut at_server = listener.accept::<u64, u64>().await?;
        drop(listener);
        let error = Client::connect(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let mut next = Listener::bind(&name)?;
        assert_eq!(next.name(), &name);
        let mut client_of_next = Client::connect(&name).await?;
        let mut at_next = next.accept::<u64, u64>().await?;
        client.send(&1).await?;
        client_of_next.send(&2).await?;
        assert_eq!(at_server.recv().await?, Some(1));
        assert_eq!(at_next.recv().await?, Some(2));
        at_server.send(&3).await?;
        at_next.send(&4).await?;
        assert_eq!(client.recv().await?, Some(3));
        assert_eq!(client_of_next.recv().await?, Some(4));
        Ok(())
    })
    .await
}

/// Binds when it is told and tells whether it got the name; lets go when it is told.
#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_races() -> Result<()> {
    let mut parent = Parent::<bool, Option<String>>::attach()?;
    let mut listener = None;
    while let Some(order) = parent.recv().await? {
        let Some(name) = order else {
            drop(listener.take());
            parent.send(&false).await?;
            continue;
        };
        listener = match Listener::bind(&Name::new(name)?) {
            Ok(listener) => Some(listener),
            Err(error) if error.kind() == ErrorKind::NameInUse => None,
            Err(error) => return Err(error),
        };
        parent.send(&listener.is_some()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn of_many_processes_that_race_for_a_name_exactly_one_gets_it() -> Result<()> {
    within(async {
        let rounds = if cfg!(windows) { 20 } else { 50 };
        let name = Name::unique()?.to_string();
        let spawn = || role("child_races").spawn::<Option<String>, bool>();
        let mut racers = Vec::new();
        for _ in 0..4 {
            let mut racer = spawn()?;
            racer.ready().await?;
            racers.push(racer);
        }
        for round in 0..rounds {
            for racer in &racers {
                racer.try_send(&Some(name.clone()))?;
            }
            let mut winners = Vec::new();
            for (index, racer) in racers.iter_mut().enumerate() {
                if racer.recv().await?.unwrap() {
                    winners.push(index);
                }
            }
            let [winner] = winners[..] else {
                panic!("round {round} was won by {winners:?}");
            };
            if round % 5 == 0 {
                // What it leaves behind has to be recovered by one of the next round.
                racers[winner].kill().await?;
                racers[winner] = spawn()?;
                racers[winner].ready().await?;
            } else {
                racers[winner].send(&None).await?;
                assert_eq!(racers[winner].recv().await?, Some(false));
            }
        }
        Ok(())
    })
    .await
}

#[cfg(target_os = "linux")]
mod other_user {
    use std::fs::{self, Permissions};
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt as _;
    use std::path::Path;
    use std::process::{Command, ExitStatus};

    use super::*;

    /// The user "nobody", who has no rights of its own.
    const NOBODY: u32 = 65534;

    /// A folder that everybody can use, with a copy of this program. `None` if we cannot become another user.
    fn public_folder() -> Option<tempfile::TempDir> {
        // The owner of our own process: only root can start programs for others.
        let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
        if uid != 0 {
            println!("skipped: only root can become another user");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("program");
        // Not written by this process: a child that another thread is starting could hold the file open for writing,
        // and then nobody can execute it.
        let mut copy = Command::new("cp");
        copy.arg(std::env::current_exe().unwrap()).arg(&program);
        assert!(copy.status().unwrap().success());
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Some(folder)
    }

    /// Runs an entry point of this program as another user. It finds the path in `SOCKET`.
    async fn run_as_nobody(folder: &Path, entry: &str, path: &Path) -> ExitStatus {
        let mut command = Command::new(folder.join("program"));
        command
            .args(["--exact", entry, "--ignored", "--nocapture"])
            .env("SOCKET", path)
            .current_dir("/")
            .uid(NOBODY)
            .gid(NOBODY);
        tokio::process::Command::from(command)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
            .unwrap()
    }

    fn path() -> std::path::PathBuf {
        std::env::var_os("SOCKET").unwrap().into()
    }

    #[tokio::test]
    #[ignore = "entry point of a child process"]
    async fn stranger_is_refused() {
        let error = Client::connect(&Name::from_path(path()).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }

    #[test]
    #[ignore = "entry point of a child process"]
    fn stranger_gets_through_to_the_socket() {
        for _ in 0..20 {
            let mut socket = UnixStream::connect(path()).unwrap();
            // A whole session, if anybody read it.
            let _ = socket.write_all(
                b"\x89OFS\r\n\x1a\n\x01\x01\x00\x01\x80\x00\x00\x00\x02\x00\x07\
                  \x00\x00\x00\x09\x01\0\0\0\0\0\0\0\0",
            );
            let mut answer = Vec::new();
            let _ = socket.read_to_end(&mut answer);
            assert_eq!(answer, b"", "the server answered a stranger");
        }
    }

    #[tokio::test]
    async fn a_program_of_another_user_does_not_get_through() -> Result<()> {
        within(async {
            let Some(folder) = public_folder() else {
                return Ok(());
            };
            let socket = folder.path().join("socket");
            let name = Name::from_path(&socket)?;
            #[cfg(feature = "tracing")]
            let log = log::Log::of_this_program();
            let mut listener = Listener::bind(&name)?;
            let mode = fs::metadata(&socket).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);

            // By the mode of the socket. A label is in a folder that is closed to others as well.
            let entry = "other_user::stranger_is_refused";
            assert!(run_as_nobody(folder.path(), entry, &socket).await.success());
            let label = Listener::bind(&Name::unique()?)?;
            let path = label.name().path()?;
            assert!(run_as_nobody(folder.path(), entry, &path).await.success());

            // If the mode has been opened by hand: by the check of the client, and by that of the server.
            fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
            assert!(run_as_nobody(folder.path(), entry, &socket).await.success());
            let entry = "other_user::stranger_gets_through_to_the_socket";
            let mut client = tokio::select! {
                client = listener.accept::<u64, u64>() => {
                    panic!("a stranger was accepted: {client:?}");
                }
                status = run_as_nobody(folder.path(), entry, &socket) => {
                    assert!(status.success());
                    Client::connect(&name).await?
                }
            };

            #[cfg(feature = "tracing")]
            assert_eq!(
                log.count(&["WARN refused a client", &format!("user {NOBODY}")]),
                21,
                "each is told of, also the one that refused in its turn"
            );
            // The listener is none the worse for it.
            let mut at_server = listener.accept::<u64, u64>().await?;
            client.send(&7).await?;
            assert_eq!(at_server.recv().await?, Some(7));
            at_server.send(&14).await?;
            assert_eq!(client.recv().await?, Some(14));
            Ok(())
        })
        .await
    }
}

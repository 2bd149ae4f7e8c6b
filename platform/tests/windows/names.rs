//! Who may reach a name, and who owns it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};

use offspring_platform::{Listener, Name, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{alone, pair_of, soon, under_wine, within};
use crate::system::{
    disconnect, foreign_server, impersonation_level, inheritable_handles, security,
};

/// A client that a program without this crate would make, for blocking use.
fn foreign_client(name: &Name) -> File {
    let path = name.path().unwrap();
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn user(name: &Name) -> String {
    let path = name.path().unwrap();
    let path = path.to_str().unwrap().strip_prefix(r"\\.\pipe\offspring.");
    path.unwrap().split('.').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_instance_is_for_its_user_only() {
    let name = Name::unique().unwrap();
    let _listener = Listener::bind(&name).unwrap();
    let user = user(&name);
    // Each takes an instance of its own.
    let clients: Vec<_> = (0..10).map(|_| foreign_client(&name)).collect();
    for client in &clients {
        let security = security(client);
        let rules = format!("O:{user}D:P(A;;FA;;;{user})S:");
        assert!(security.starts_with(&rules), "{security}");
        // Wine has no letters for a label, so that it shows as an entry without a type, with the same bits.
        let label = security.contains("(ML;;NW;;;") || security.contains("(;;CC;;;");
        assert!(label, "{security}");
    }
}

#[tokio::test]
async fn the_pipes_of_a_child_are_for_its_user_only() {
    within(async {
        let mut command = crate::support::program("children::child_waits");
        let mut child = offspring_platform::spawn::<Stream>(
            &mut command,
            crate::support::options(Default::default()),
        )
        .unwrap();
        let piped = offspring_platform::spawn::<Stream>(
            &mut command,
            crate::support::options(offspring_platform::Stdin::Piped),
        )
        .unwrap();
        let stdin = piped.stdin.unwrap();
        let security = security(&stdin);
        assert!(security.contains("D:P(A;;FA;;;S-1-5-"), "{security}");
        assert_eq!(security.matches("(A;").count(), 1, "{security}");
        drop((child.channel, piped.channel));
        child.process.wait().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_server_of_another_owner_is_refused() {
    within(async {
        let name = Name::unique().unwrap();
        // Administrators may give things to their group. A thing of the group is not a thing of this user.
        let server = foreign_server(&name.path().unwrap(), "O:BAD:(A;;FA;;;WD)");
        let Ok(_server) = server else {
            println!("not shown: this user may not give a pipe to another owner");
            return;
        };
        let error = Stream::connect(&name, soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_server_can_identify_the_client_and_not_act_as_it() {
    within(async {
        let name = Name::unique().unwrap();
        let rules = format!("O:{0}D:(A;;FA;;;{0})", user(&name));
        let server = foreign_server(&name.path().unwrap(), &rules).unwrap();
        let _client = Stream::connect(&name, soon()).await.unwrap();
        if !under_wine("the level to which a client lets itself be impersonated") {
            assert_eq!(impersonation_level(&server), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn programs_without_this_crate_are_welcome() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let mut client = foreign_client(&name);
        let (mut read, mut write) = listener.accept().await.unwrap().into_split();
        client.write_all(b"ping").unwrap();
        let mut found = [0; 4];
        read.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"ping");
        write.write_all(b"pong").await.unwrap();
        client.read_exact(&mut found).unwrap();
        assert_eq!(&found, b"pong");

        let name = Name::unique().unwrap();
        let rules = format!("O:{0}D:(A;;FA;;;{0})", user(&name));
        let server = foreign_server(&name.path().unwrap(), &rules).unwrap();
        let client = Stream::connect(&name, soon()).await.unwrap();
        assert_eq!(client.peer_pid(), Some(std::process::id()));
        let (mut read, _write) = client.into_split();
        File::from(server.try_clone().unwrap())
            .write_all(b"ping")
            .unwrap();
        read.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"ping");
        // The harsh way to close, which this crate never uses.
        disconnect(&server);
        assert_eq!(read.read(&mut found).await.unwrap(), 0);
        assert_eq!(read.read(&mut found).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_free_again_while_old_connections_live() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let mut old = pair_of(&name, &mut listener).await;
        drop(listener);
        let error = Stream::connect(&name, soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        assert!(error.to_string().contains(&name.to_string()), "{error}");

        let mut listener = Listener::bind(&name).unwrap();
        assert_eq!(
            Listener::bind(&name).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        let mut new = pair_of(&name, &mut listener).await;
        for pair in [&mut old, &mut new] {
            pair.client.1.write_all(b"still here").await.unwrap();
            let mut found = [0; 10];
            pair.server.0.read_exact(&mut found).await.unwrap();
            assert_eq!(&found, b"still here");
        }
    })
    .await;
}

#[tokio::test]
async fn a_pipe_of_another_owner_is_never_joined() {
    let name = Name::unique().unwrap();
    let Ok(_squatter) = foreign_server(&name.path().unwrap(), "O:BAD:(A;;FA;;;WD)") else {
        println!("not shown: this user may not give a pipe to another owner");
        return;
    };
    if under_wine("that a pipe has a first instance") {
        return;
    }
    assert_eq!(
        Listener::bind(&name).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
}

#[tokio::test]
async fn a_client_that_has_gone_without_a_word_is_passed_over() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        for _ in 0..5 {
            drop(foreign_client(&name));
        }
        // Lets them be noticed before anybody is there who is not.
        tokio::select! {
            biased;
            client = listener.accept() => panic!("{client:?}"),
            () = tokio::task::yield_now() => {}
        }
        let mut real = pair_of(&name, &mut listener).await;
        real.client.1.write_all(b"here").await.unwrap();
        let mut found = [0; 4];
        real.server.0.read_exact(&mut found).await.unwrap();
        assert_eq!(&found, b"here");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_has_gone_after_a_word_is_heard() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let (_, mut write) = Stream::connect(&name, soon()).await.unwrap().into_split();
        write.write_all(b"farewell").await.unwrap();
        drop(write);
        let (mut read, _write) = listener.accept().await.unwrap().into_split();
        let mut found = String::new();
        read.read_to_string(&mut found).await.unwrap();
        assert_eq!(found, "farewell");
    })
    .await;
}

#[tokio::test]
async fn more_clients_than_places_are_all_served() {
    within(async {
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let clients: Vec<_> = (0..100)
            .map(|_| {
                let name = name.clone();
                tokio::spawn(async move { Stream::connect(&name, soon()).await.unwrap() })
            })
            .collect();
        let mut streams = Vec::new();
        for _ in 0..100 {
            streams.push(listener.accept().await.unwrap());
        }
        for client in clients {
            streams.push(client.await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_takes_nobody_is_a_time_out() {
    within(async {
        let name = Name::unique().unwrap();
        let _listener = Listener::bind(&name).unwrap();
        let mut clients = Vec::new();
        let error = loop {
            let soon = std::time::Instant::now() + std::time::Duration::from_millis(50);
            match Stream::connect(&name, soon).await {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(clients.len() >= 4, "only {} places", clients.len());
    })
    .await;
}

#[test]
fn no_child_inherits_a_handle() {
    alone("names::child_makes_handles");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_makes_handles() {
    within(async {
        let before = inheritable_handles();
        let name = Name::unique().unwrap();
        let mut listener = Listener::bind(&name).unwrap();
        let _pair = pair_of(&name, &mut listener).await;
        let mut command = crate::support::program("children::child_waits");
        let _child = offspring_platform::spawn::<Stream>(
            &mut command,
            crate::support::options(offspring_platform::Stdin::Piped),
        )
        .unwrap();
        assert_eq!(inheritable_handles(), before);
    })
    .await;
}

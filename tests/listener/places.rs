//! How many clients a server takes, and what those are told that are too many.

use std::time::Duration;

use offspring::{Config, Error, ErrorKind, Listener, Name, Result};
use tokio::task::JoinSet;

use crate::Client;
use crate::support::within;

/// A connection of a program that does not speak: not even a hello.
#[cfg(unix)]
async fn silent(name: &Name) -> tokio::net::UnixStream {
    tokio::net::UnixStream::connect(name.path().unwrap())
        .await
        .unwrap()
}

#[cfg(windows)]
async fn silent(name: &Name) -> tokio::net::windows::named_pipe::NamedPipeClient {
    let path = name.path().unwrap();
    tokio::net::windows::named_pipe::ClientOptions::new()
        .open(path)
        .unwrap()
}

#[tokio::test]
async fn a_silent_client_disturbs_nobody_and_does_not_stay() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let limit = Duration::from_millis(300);
        let config = Config::new().handshake_timeout(limit).max_silent(2);
        let mut listener = Listener::bind_with(&name, config)?;
        let _silent = silent(&name).await;
        let mut silent_one = listener.accept::<u64, u64>().await?;
        let waiting = tokio::spawn(async move { silent_one.recv().await });

        let client = Client::connect(&name).await?;
        let mut at_server = listener.accept::<u64, u64>().await?;
        client.send(&7).await?;
        assert_eq!(at_server.recv().await?, Some(7));

        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("client"), "{error}");
        assert!(error.to_string().contains("hello"), "{error}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_client_more_than_is_served_is_told_so() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let config = Config::new().max_connections(2);
        let mut listener = Listener::bind_with(&name, config)?;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(Client::connect(&name).await?);
        }
        let first = listener.accept::<u64, u64>().await?;
        let _second = listener.accept::<u64, u64>().await?;
        // The third one is closed by an `accept` that goes on waiting.
        let error = tokio::select! {
            _ = listener.accept::<u64, u64>() => panic!("there are two already"),
            answer = clients[2].recv() => answer.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(
            error
                .to_string()
                .contains("as many clients as it takes (2)"),
            "{error}"
        );
        // It is the same whoever asks, and however often.
        for error in [
            clients[2].ready().await.unwrap_err(),
            clients[2].recv().await.unwrap_err(),
            clients[2].try_recv().unwrap_err(),
            clients[2].close().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Refused);
        }
        // One that goes makes room.
        drop(first);
        let client = Client::connect(&name).await?;
        client.send(&7).await?;
        let mut at_server = listener.accept::<u64, u64>().await?;
        assert_eq!(at_server.recv().await?, Some(7));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn who_is_refused_and_sends_first_is_told_too() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let config = Config::new().max_connections(0);
        let mut listener = Listener::bind_with(&name, config)?;
        tokio::spawn(async move { listener.accept::<u64, u64>().await.map(drop) });
        let mut client = Client::connect(&name).await?;
        let error = loop {
            // Until the server has come to it.
            match client.send(&7).await {
                Ok(()) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("send to"), "{error}");
        assert_eq!(client.recv().await.unwrap_err().kind(), ErrorKind::Refused);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn whose_hello_is_only_not_read_yet_is_not_silent() -> Result<()> {
    const CLIENTS: u64 = 100;
    within(async {
        let name = Name::unique()?;
        let mut listener = Listener::bind_with(&name, Config::new().max_silent(3))?;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let name = name.clone();
            clients.spawn(async move {
                let mut client = Client::connect(&name).await?;
                client.send(&number).await?;
                assert_eq!(client.recv().await?, Some(number));
                Ok::<_, Error>(())
            });
        }
        // They are accepted one after the other, as long as one waits.
        for _ in 0..CLIENTS {
            let mut client = listener.accept::<u64, u64>().await?;
            tokio::spawn(async move {
                while let Some(number) = client.recv().await? {
                    client.send(&number).await?;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(client) = clients.join_next().await {
            client.expect("the client does not panic")?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_more_than_may_be_silent_is_told_so() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let config = Config::new().max_silent(1);
        let mut listener = Listener::bind_with(&name, config)?;
        let _silent = silent(&name).await;
        let _accepted = listener.accept::<u64, u64>().await?;
        let mut client = Client::connect(&name).await?;
        let error = tokio::select! {
            _ = listener.accept::<u64, u64>() => panic!("there is one already"),
            answer = client.recv() => answer.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(
            error.to_string().contains("(1) have not said hello"),
            "{error}"
        );
        Ok(())
    })
    .await
}

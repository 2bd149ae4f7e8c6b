//! Messages that do not fit, and programs that do not fit together, over the real transport.

use std::process::exit;

use offspring::{Command, Config, Connection, ErrorKind, Listener, Name, Parent, Result};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::check;
use crate::support::{role, within};

/// Takes small messages only.
fn small() -> Config {
    Config::new().max_message(1000)
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_takes_small_messages() -> Result<()> {
    let mut parent = Parent::<str, String>::attach_with(small())?;
    loop {
        match parent.recv().await {
            Ok(Some(text)) => parent.send(&text).await?,
            Ok(None) => return parent.close().await,
            Err(error) => {
                let (size, limit) = (5003, 1000);
                check(&error, ErrorKind::TooLarge { size, limit }, &["the parent"]);
                exit(42)
            }
        }
    }
}

#[tokio::test]
async fn a_message_above_the_limit_of_this_side_is_refused_and_the_next_one_goes() -> Result<()> {
    within(async {
        let mut command = role("messages::child_takes_small_messages");
        let mut child = command.config(small()).spawn::<str, String>()?;
        let error = child.send(&"x".repeat(2000)).await.unwrap_err();
        let (size, limit) = (2003, 1000);
        let id = child.id().to_string();
        check(
            &error,
            ErrorKind::TooLarge { size, limit },
            &["send to child", &id, "1000"],
        );
        child.send("small").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("small"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_message_above_the_limit_of_the_other_side_is_refused_and_the_next_one_goes() -> Result<()>
{
    within(async {
        let mut child = role("messages::child_takes_small_messages").spawn::<str, String>()?;
        child.ready().await?;
        let error = child.send(&"x".repeat(2000)).await.unwrap_err();
        let (size, limit) = (2003, 1000);
        check(
            &error,
            ErrorKind::TooLarge { size, limit },
            &["send to child"],
        );
        child.send("small").await?;
        assert_eq!(child.recv().await?.as_deref(), Some("small"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_message_above_a_limit_that_is_not_known_yet_is_refused_where_it_arrives() -> Result<()> {
    within(async {
        let mut child = role("messages::child_takes_small_messages").spawn::<str, String>()?;
        // Nothing was read from the child so far, so this side cannot know.
        child.send(&"x".repeat(5000)).await?;
        assert_eq!(child.wait().await?.code(), Some(42));
        Ok(())
    })
    .await
}

/// Names the protocol that the variable says, as `name 1 2`.
fn protocol(text: &str) -> Config {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    if name.is_empty() {
        return Config::new();
    }
    let mut version = || words.next().unwrap().parse().unwrap();
    Config::new().protocol_versions(name, version()..=version())
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_of_another_protocol() -> Result<()> {
    let config = protocol(&std::env::var("PROTOCOL").unwrap());
    let mut parent = Parent::<str, String>::attach_with(config)?;
    parent.send("sent before the hello was read").await?;
    let error = parent.recv().await.unwrap_err();
    check(&error, ErrorKind::Incompatible, &["the parent", "protocol"]);
    exit(42)
}

fn unlike(ours: &str, theirs: &str) -> Command {
    let mut command = role("messages::child_of_another_protocol");
    command.config(protocol(ours)).env("PROTOCOL", theirs);
    command
}

#[tokio::test]
async fn programs_of_different_protocols_refuse_each_other() -> Result<()> {
    within(async {
        for (ours, theirs) in [
            ("jobs 1 1", "mail 1 1"),
            ("jobs 1 2", "jobs 3 4"),
            ("jobs 5 6", "jobs 3 4"),
            ("jobs 1 1", ""),
            ("", "jobs 1 1"),
        ] {
            // The parent learns of it, and ends the child.
            let mut child = unlike(ours, theirs).spawn::<str, String>()?;
            let error = child.ready().await.unwrap_err();
            let id = child.id().to_string();
            check(&error, ErrorKind::Incompatible, &["child", &id, "protocol"]);
            for name in [ours, theirs] {
                let name = name.split(' ').next().unwrap();
                check(&error, ErrorKind::Incompatible, &[name]);
            }
            assert!(child.try_wait()?.is_some());

            // If it does not look, the child learns of it.
            let mut child = unlike(ours, theirs).spawn::<str, String>()?;
            assert_eq!(child.wait().await?.code(), Some(42), "{ours:?}, {theirs:?}");
            let error = child.recv().await.unwrap_err();
            check(&error, ErrorKind::Incompatible, &["child", "protocol"]);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn client_and_server_of_different_versions_refuse_each_other() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let mut listener = Listener::bind_with(&name, protocol("jobs 1 1"))?;
        let mut client =
            Connection::<str, String>::connect_with(&name, protocol("jobs 2 2")).await?;
        let mut server = listener.accept::<str, String>().await?;
        let name = name.to_string();
        let error = client.recv().await.unwrap_err();
        check(&error, ErrorKind::Incompatible, &["server", &name, "jobs"]);
        let error = server.recv().await.unwrap_err();
        check(&error, ErrorKind::Incompatible, &["client", &name, "jobs"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn after_its_goodbye_a_side_cannot_send() -> Result<()> {
    within(async {
        let mut child = role("messages::child_takes_small_messages").spawn::<str, String>()?;
        let sender = child.sender();
        child.disconnect();
        child.disconnect();
        let id = child.id().to_string();
        for error in [
            child.send("late").await.unwrap_err(),
            child.try_send("late").unwrap_err(),
            child.feed("late").await.unwrap_err(),
            sender.send("late").await.unwrap_err(),
        ] {
            check(&error, ErrorKind::Closed, &["send to child", &id]);
        }
        assert_eq!(child.recv().await?, None);
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn to_a_child_that_has_ended_nothing_can_be_sent() -> Result<()> {
    within(async {
        let mut child = role("messages::child_takes_small_messages").spawn::<str, String>()?;
        child.ready().await?;
        child.kill().await?;
        let id = child.id().to_string();
        for error in [
            child.send("late").await.unwrap_err(),
            child.try_send("late").unwrap_err(),
            child.close().await.unwrap_err(),
        ] {
            check(&error, ErrorKind::Disconnected, &["child", &id]);
        }
        Ok(())
    })
    .await
}

/// What is sent in it, unless it is empty.
struct Picky(&'static str);

impl Serialize for Picky {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            "" => Err(S::Error::custom("there is nothing in it")),
            text => serializer.serialize_str(text),
        }
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_encoded_is_refused_and_the_next_one_goes() -> Result<()> {
    within(async {
        let mut child = role("messages::child_takes_small_messages").spawn::<Picky, String>()?;
        let error = child.send(&Picky("")).await.unwrap_err();
        let id = child.id().to_string();
        let names = ["send to child", &id, "Picky"];
        check(&error, ErrorKind::Encode, &names);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("there is nothing in it"), "{cause}");
        child.send(&Picky("something")).await?;
        assert_eq!(child.recv().await?.as_deref(), Some("something"));
        assert!(child.wait().await?.success());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_message_of_another_type_is_skipped() -> Result<()> {
    within(async {
        let mut child = role("messages::child_takes_small_messages").spawn::<str, u32>()?;
        child.send("no number").await?;
        let id = child.id().to_string();
        let error = child.recv().await.unwrap_err();
        check(&error, ErrorKind::Decode, &["receive from child", &id]);
        child.send("still no number").await?;
        let error = child.event().await.unwrap_err();
        check(&error, ErrorKind::Decode, &["receive from child", &id]);
        assert!(child.wait().await?.success());
        assert_eq!(child.recv().await?, None);
        Ok(())
    })
    .await
}

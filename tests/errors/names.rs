//! Names that are none, are taken, or lead to nobody.

use offspring::{Connection, ErrorKind, Listener, Name, Parent, Result};

use crate::check;
use crate::support::{role, within};

/// Connects, and expects that to fail.
async fn connect_error(name: &Name) -> offspring::Error {
    Connection::<(), ()>::connect(name).await.unwrap_err()
}

#[test]
fn a_label_that_is_no_name_is_shown() {
    let long = "x".repeat(65);
    for (label, names) in [
        ("", &["empty"][..]),
        ("no/slashes", &["no/slashes", "'/'"]),
        (r"no\backslashes", &["backslashes"]),
        ("no spaces", &["no spaces", "' '"]),
        ("nö", &["nö", "'ö'"]),
        ("nul\0", &[r"nul\0"]),
        (".hidden", &[".hidden", "'.'"]),
        ("..", &["'.'"]),
        ("-option", &["-option", "'-'"]),
        ("dot.", &["dot.", "'.'"]),
        (&long, &[&long, "65", "64"]),
    ] {
        check(
            &Name::new(label).unwrap_err(),
            ErrorKind::InvalidName,
            names,
        );
        check(
            &label.parse::<Name>().unwrap_err(),
            ErrorKind::InvalidName,
            names,
        );
    }
    Name::new("x".repeat(64)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_name_is_shown() {
    let long = format!("/{}", "x".repeat(107));
    for (path, names) in [
        ("", &["empty"][..]),
        ("relative/path", &["relative/path", "absolute"]),
        ("/ends/with/", &["/ends/with/"]),
        ("/has/a\0/nul", &[r"/has/a\0/nul"]),
        (r"\\.\pipe\windows", &["absolute"]),
        (&long, &[&long, "108"]),
    ] {
        check(
            &Name::from_path(path).unwrap_err(),
            ErrorKind::InvalidName,
            names,
        );
    }
}

#[cfg(windows)]
#[test]
fn a_path_that_is_no_name_is_shown() {
    let long = format!(r"\\.\pipe\{}", "x".repeat(248));
    for (path, names) in [
        ("", &["empty"][..]),
        ("/run/unix.sock", &["/run/unix.sock", "local pipe"]),
        (r"C:\pipe\x", &["local pipe"]),
        (r"\\host\pipe\x", &["host", "local pipe"]),
        (r"\\.\pipe\", &["local pipe"]),
        (r"\\.\pipe\a\b", &[r"'\\'"]),
        (r"\\.\pipe\a.", &["'.'"]),
        (&long, &["257", "256"]),
    ] {
        check(
            &Name::from_path(path).unwrap_err(),
            ErrorKind::InvalidName,
            names,
        );
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_shown() -> Result<()> {
    let name = Name::unique()?;
    let _owner = Listener::bind(&name)?;
    let error = Listener::bind(&name).unwrap_err();
    check(
        &error,
        ErrorKind::NameInUse,
        &["listen on", &name.to_string()],
    );
    Ok(())
}

#[tokio::test]
async fn a_name_that_leads_to_nobody_is_shown() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let names = ["connect to", &name.to_string(), "nobody is listening"];
        check(&connect_error(&name).await, ErrorKind::NotFound, &names);
        drop(Listener::bind(&name)?);
        check(&connect_error(&name).await, ErrorKind::NotFound, &names);
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_a_server() -> Result<()> {
    let mut parent = Parent::<(), String>::attach()?;
    let name = Name::new(parent.recv().await?.unwrap())?;
    let _listener = Listener::bind(&name)?;
    parent.send(&()).await?;
    parent.recv().await?;
    Ok(())
}

#[tokio::test]
async fn the_name_of_a_killed_server_is_free() -> Result<()> {
    within(async {
        let name = Name::unique()?;
        let mut server = role("names::child_is_a_server").spawn::<str, ()>()?;
        server.send(&name.to_string()).await?;
        assert_eq!(server.recv().await?, Some(()));
        let error = Listener::bind(&name).unwrap_err();
        check(&error, ErrorKind::NameInUse, &[&name.to_string()]);
        drop(Connection::<(), ()>::connect(&name).await?);
        server.kill().await?;
        let names = ["connect to", &name.to_string(), "nobody is listening"];
        check(&connect_error(&name).await, ErrorKind::NotFound, &names);

        let mut listener = Listener::bind(&name)?;
        let client = Connection::<(), u8>::connect(&name).await?;
        listener.accept::<u8, ()>().await?.send(&7).await?;
        assert_eq!({ client }.recv().await?, Some(7));
        Ok(())
    })
    .await
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_in_the_place_of_a_name_is_left_alone() -> Result<()> {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    within(async {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "precious").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(fifo.unwrap().success());
        for name in ["file", "folder", "link", "dangling", "fifo"] {
            let error = Listener::bind(&Name::from_path(at(name))?).unwrap_err();
            let path = at(name);
            let names = ["listen on", path.to_str().unwrap(), "left alone"];
            check(&error, ErrorKind::NameInUse, &names);
        }
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "precious");
        assert_eq!(fs::read_to_string(at("link")).unwrap(), "precious");
        assert!(at("folder").is_dir());
        assert_eq!(fs::read_link(at("dangling")).unwrap(), at("nowhere"));
        let fifo = fs::symlink_metadata(at("fifo")).unwrap().file_type();
        assert!(fifo.is_fifo());
        Ok(())
    })
    .await
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_in_a_folder_that_is_missing_is_no_name_that_is_free() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("socket");
        let name = Name::from_path(&path)?;
        let error = Listener::bind(&name).unwrap_err();
        check(
            &error,
            ErrorKind::Io,
            &["listen on", path.to_str().unwrap()],
        );
        let error = connect_error(&name).await;
        check(
            &error,
            ErrorKind::NotFound,
            &["connect to", path.to_str().unwrap()],
        );
        Ok(())
    })
    .await
}

/// Elsewhere a full queue looks like no server at all.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_never_accepts_lets_connect_run_into_its_deadline() -> Result<()> {
    use offspring::Config;
    use std::time::{Duration, Instant};

    within(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let _listener = socket.listen(1).unwrap();
        let name = Name::from_path(&path)?;
        let limit = Duration::from_millis(200);
        let config = Config::new().connect_timeout(limit);
        let mut queue = Vec::new();
        let (error, waited) = loop {
            let begin = Instant::now();
            match Connection::<(), ()>::connect_with(&name, config.clone()).await {
                Ok(connection) => queue.push(connection),
                Err(error) => break (error, begin.elapsed()),
            }
        };
        let names = ["connect to", path.to_str().unwrap(), "in time"];
        check(&error, ErrorKind::Timeout, &names);
        assert!(waited >= limit, "after {waited:?}");
        assert!((1..=3).contains(&queue.len()), "{}", queue.len());
        Ok(())
    })
    .await
}

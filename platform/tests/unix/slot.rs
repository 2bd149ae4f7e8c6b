//! The stdin slot: what gets in, what is found in it, and what is left in it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use offspring_platform::{AttachError, CHANNEL_VARIABLE, Stdin, Stream, attach};
use rustix::io::{FdFlags, fcntl_getfd};
use tokio::io::AsyncWriteExt as _;

use crate::support::{Child, attached, options, program, within};
use crate::{alone, descriptors};

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_looks_at_its_descriptors() {
    let (_read, mut write) = attached();
    assert_eq!(
        fcntl_getfd(std::io::stdin()).unwrap(),
        FdFlags::empty(),
        "stdin is inherited"
    );
    // What the test was started with is not our business.
    assert_eq!(inheritable(), std::env::var("INHERITABLE").unwrap());
    write.write_all(b"all right").await.unwrap();
}

/// The descriptors that a child of this process would inherit, but for the standard ones.
fn inheritable() -> String {
    let mut found = descriptors();
    found.retain(|fd| {
        // SAFETY: `descriptors` saw it open; if another thread has closed it since, asking does no harm.
        let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
        fd.as_raw_fd() > 2 && fcntl_getfd(fd) == Ok(FdFlags::empty())
    });
    format!("{found:?}")
}

#[tokio::test]
async fn a_child_inherits_no_descriptor_and_passes_none_on() {
    within(async {
        for stdin in [Stdin::Null, Stdin::Piped, Stdin::Inherit] {
            let mut command = program("slot::child_looks_at_its_descriptors");
            command.env("INHERITABLE", inheritable());
            let mut child = Child::spawn_with(&mut command, options(stdin));
            assert_eq!(child.rest().await, "all right");
        }
    })
    .await;
}

#[test]
fn a_parent_without_stdin_has_children_without() {
    alone("slot::parent_without_stdin");
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn parent_without_stdin() {
    // SAFETY: nobody uses the standard input of this process; whoever asks for it finds it closed.
    unsafe { libc::close(0) };
    within(async {
        // The first descriptor that is made now would be 0.
        for stdin in [Stdin::Inherit, Stdin::Piped, Stdin::Null] {
            let mut child = Child::spawn("slot::child_reads_nothing", stdin);
            drop(child.stdin.take());
            assert_eq!(child.rest().await, "nothing");
            assert_eq!(
                fcntl_getfd(std::io::stdin()).unwrap_err(),
                rustix::io::Errno::BADF
            );
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_reads_nothing() {
    let (_read, mut write) = attached();
    assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 0);
    write.write_all(b"nothing").await.unwrap();
}

/// Starts a child by hand with a socket in the slot, a fitting note, and something in the socket.
fn pretend(entry: &str, say: impl FnOnce(&mut UnixStream)) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let inode = std::fs::File::from(theirs.try_clone().map(OwnedFd::from).unwrap())
        .metadata()
        .unwrap()
        .ino();
    say(&mut ours);
    drop(ours);
    let note = format!(
        "1:{}:000102030405060708090a0b0c0d0e0f:{inode}",
        std::process::id()
    );
    let status = program(entry)
        .env(CHANNEL_VARIABLE, note)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_is_cheated() {
    let before = descriptors();
    let error = attach::<Stream>().unwrap_err();
    assert!(matches!(error, AttachError::Invalid(_)), "{error}");
    // Neither the channel nor what came with it stays.
    assert_eq!(descriptors(), before);
    assert!(matches!(
        attach::<Stream>(),
        Err(AttachError::AlreadyAttached)
    ));
    assert_eq!(std::env::var_os(CHANNEL_VARIABLE), None);
}

#[test]
fn what_does_not_begin_as_a_parent_begins_is_refused() {
    pretend("slot::child_is_cheated", |_| {});
    pretend("slot::child_is_cheated", |socket| {
        socket.write_all(b"hello").unwrap()
    });
    pretend("slot::child_is_cheated", |socket| {
        socket.write_all(&[0xff; 48]).unwrap()
    });
    pretend("slot::child_is_cheated", |socket| {
        socket
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
            .unwrap();
    });
    // All right but for the token.
    pretend("slot::child_is_cheated", |socket| {
        let mut preface = [0; 48];
        preface[..5].copy_from_slice(b"\xf0ffs\x01");
        socket.write_all(&preface).unwrap();
    });
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed() {
    pretend("slot::child_is_cheated", |socket| {
        use std::mem::MaybeUninit;
        let files: Vec<_> = (0..200)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        let files: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(200))];
        let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
        assert!(control.push(rustix::net::SendAncillaryMessage::ScmRights(&files)));
        let bytes = [0xff; 48];
        let io = [std::io::IoSlice::new(&bytes)];
        rustix::net::sendmsg(socket, &io, &mut control, rustix::net::SendFlags::empty()).unwrap();
    });
}

#[tokio::test]
#[ignore = "entry point of a child process"]
async fn child_has_another_socket() {
    let note = std::env::var_os(CHANNEL_VARIABLE);
    assert!(matches!(attach::<Stream>(), Err(AttachError::NotAChild)));
    assert_eq!(std::env::var_os(CHANNEL_VARIABLE), note);
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    assert_eq!(text, "for the program");
}

#[test]
fn a_stale_note_takes_no_bytes_from_another_socket() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(b"for the program").unwrap();
    drop(ours);
    let note = format!(
        "1:{}:000102030405060708090a0b0c0d0e0f:1",
        std::process::id()
    );
    let status = program("slot::child_has_another_socket")
        .env(CHANNEL_VARIABLE, note)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn spawn_outside_of_a_runtime_is_an_error() {
    let mut command = program("slot::child_reads_nothing");
    let error =
        offspring_platform::spawn::<Stream>(&mut command, options(Stdin::Null)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(error.to_string().contains("runtime"), "{error}");
}

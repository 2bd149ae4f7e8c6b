//! Parents and children, of either kind.

use std::time::Duration;

use offspring::{ErrorKind, Event, Stdio};

use super::{Command, Parent};
use crate::grandchild::leave_behind;

/// Longer than a test may take: what waits for it to pass fails.
const NEVER: Duration = Duration::from_secs(600);

/// Soon over; what is ended by it was not going to end by itself.
const SHORT: Duration = Duration::from_millis(50);

/// This program, told to run only the given entry point. Ended with its handle.
fn role(entry: &str) -> Command {
    let mut command = Command::current_exe().unwrap();
    command
        .args(["--exact", entry, "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

claim! {
    #[ignore = "entry point of a child process"]
    fn child_echoes() {
        let mut parent = Parent::<str, String>::attach()?;
        while let Some(text) = wait!(parent.recv())? {
            wait!(parent.send(&text))?;
        }
        wait!(parent.close())?;
    }
}

claim! {
    fn a_child_answers_and_ends_with_its_parent() {
        for entry in both_kinds!("children::child_echoes") {
            let mut child = role(entry).spawn::<str, String>()?;
            for text in ["Hello", "", &"long".repeat(100_000)] {
                wait!(child.send(text))?;
                assert_eq!(wait!(child.recv())?.as_deref(), Some(text));
            }
            assert_eq!(child.try_wait()?, None);
            wait!(child.ready())?;
            let status = wait!(child.wait())?;
            assert!(status.success(), "{status}");
            assert_eq!(wait!(child.recv())?, None);
        }
    }
}

claim! {
    #[ignore = "entry point of a child process"]
    #[expect(unreachable_code, reason = "it does not return")]
    fn child_exits_with_the_code_that_it_receives() {
        let mut parent = Parent::<(), i32>::attach()?;
        let code = wait!(parent.recv())?.unwrap();
        std::process::exit(code);
    }
}

claim! {
    fn the_exit_code_is_the_last_event() {
        for entry in both_kinds!("children::child_exits_with_the_code_that_it_receives") {
            let mut child = role(entry).spawn::<i32, ()>()?;
            wait!(child.send(&7))?;
            assert_eq!(wait!(child.event())?, Some(Event::Disconnect));
            let Some(Event::Exit(status)) = wait!(child.event())? else {
                panic!("no exit");
            };
            assert_eq!(status.code(), Some(7));
            assert_eq!(wait!(child.event())?, None);
            assert_eq!(child.try_wait()?, Some(status));
            assert_eq!(wait!(child.kill())?, status);
            // Nobody is left who would take it.
            assert_eq!(wait!(child.send(&1)).unwrap_err().kind(), ErrorKind::Disconnected);
        }
    }
}

claim! {
    #[ignore = "entry point of a child process"]
    fn child_says_much_and_ends() {
        let mut parent = Parent::<u32, ()>::attach()?;
        for number in 0..10_000 {
            wait!(parent.send(&number))?;
        }
        wait!(parent.close())?;
    }
}

claim! {
    fn what_a_child_said_is_not_lost_by_its_end() {
        for entry in both_kinds!("children::child_says_much_and_ends") {
            // Received as it comes, and after the end.
            let mut child = role(entry).spawn::<(), u32>()?;
            for number in 0..10_000 {
                assert_eq!(wait!(child.recv())?, Some(number));
            }
            assert_eq!(wait!(child.recv())?, None);
            let mut child = role(entry).spawn::<(), u32>()?;
            assert!(wait!(child.wait())?.success());
            for number in 0..10_000 {
                assert_eq!(wait!(child.recv())?, Some(number));
            }
            assert_eq!(wait!(child.recv())?, None);
        }
    }
}

claim! {
    #[ignore = "entry point of a child process"]
    fn child_leaves_its_channel_to_a_grandchild() {
        // A program that never attaches has the channel in its stdin slot, and so has what it starts.
        leave_behind(both_kinds!("children::grandchild_waits_for_the_end")[0], Stdio::inherit());
    }
}

claim! {
    #[ignore = "entry point of a grandchild process"]
    fn grandchild_waits_for_the_end() {
        use std::io::Read as _;
        // The preface, and whatever else there is, until the parent closes the channel.
        let mut bytes = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut bytes);
    }
}

claim! {
    fn a_grandchild_that_holds_the_channel_does_not_delay_the_exit() {
        for entry in both_kinds!("children::child_leaves_its_channel_to_a_grandchild") {
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.event())?, Some(Event::Disconnect));
            assert!(matches!(wait!(child.event())?, Some(Event::Exit(status)) if status.success()));
            let mut child = role(entry).spawn::<str, String>()?;
            let error = wait!(child.ready()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::ExitedEarly { .. }), "{error}");
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv()).unwrap_err().kind(), ErrorKind::Disconnected);
            // And nothing waits for room that nobody will make.
            let error = wait!(child.send(&"a".repeat(4 * 1024 * 1024))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        }
    }
}

claim! {
    #[ignore = "entry point of a child process"]
    #[expect(unreachable_code, reason = "it does not return")]
    fn child_leaves_its_channel_to_a_flood() {
        let channel = crate::flood::stdin();
        let mut parent = Parent::<str, String>::attach()?;
        // Behind the hello.
        wait!(parent.send("first words"))?;
        leave_behind(both_kinds!("children::grandchild_floods_the_channel")[0], channel.into());
        wait!(parent.recv())?;
        wait!(parent.send("last words"))?;
        std::process::exit(0);
    }
}

claim! {
    #[ignore = "entry point of a grandchild process"]
    fn grandchild_floods_the_channel() {
        // A string of 200 bytes.
        let frame = [&b"\0\0\0\xcb\0\xd9\xc8"[..], &[b'x'; 200]].concat();
        crate::flood::flood(frame.leak());
    }
}

/// How many messages of a flood are received before the child is told to exit.
const FLOOD: usize = 1000;

claim! {
    fn a_grandchild_that_writes_without_pause_delays_neither_recv_nor_the_exit() {
        for entry in both_kinds!("children::child_leaves_its_channel_to_a_flood") {
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv())?.as_deref(), Some("first words"));
            let (mut flood, mut last_words) = (0, false);
            let error = loop {
                match wait!(child.recv()) {
                    Ok(Some(text)) if text == "last words" => last_words = true,
                    Ok(text) => {
                        assert_eq!(text.unwrap().len(), 200);
                        flood += 1;
                        if flood == FLOOD {
                            wait!(child.send("exit"))?;
                        }
                    }
                    Err(error) => break error,
                }
            };
            assert!(last_words);
            // What was there last may be half a message of the grandchild.
            assert!(matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Truncated), "{error}");
            assert_eq!(wait!(child.recv()).unwrap_err().kind(), error.kind());
            assert!(wait!(child.wait())?.success());
        }
    }
}

claim! {
    fn the_exit_is_an_event_though_a_grandchild_writes_without_pause() {
        for entry in both_kinds!("children::child_leaves_its_channel_to_a_flood") {
            let mut child = role(entry).spawn::<str, String>()?;
            let (mut flood, mut last_words) = (0, false);
            let status = loop {
                match wait!(child.event()) {
                    Ok(Some(Event::Message(text))) => {
                        last_words |= text == "last words";
                        flood += 1;
                        if flood == FLOOD {
                            wait!(child.send("exit"))?;
                        }
                    }
                    Ok(Some(Event::Exit(status))) => break status,
                    Ok(event) => assert_eq!(event, Some(Event::Disconnect)),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Truncated, "{error}"),
                }
            };
            assert!(last_words);
            assert!(status.success());
        }
    }
}

claim! {
    fn who_polls_sees_the_exit_though_a_grandchild_writes_without_pause() {
        for entry in both_kinds!("children::child_leaves_its_channel_to_a_flood") {
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv())?.as_deref(), Some("first words"));
            wait!(child.send("exit"))?;
            let mut last_words = false;
            let error = loop {
                match child.try_recv() {
                    Ok(text) => last_words |= text.unwrap() == "last words",
                    Err(error) if error.kind() == ErrorKind::Empty => std::thread::yield_now(),
                    Err(error) => break error,
                }
            };
            assert!(last_words);
            assert!(matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Truncated), "{error}");
            assert!(child.try_wait()?.is_some());
        }
    }
}

claim! {
    fn what_a_child_sent_is_received_after_its_end_though_a_grandchild_writes_without_pause() {
        for entry in both_kinds!("children::child_leaves_its_channel_to_a_flood") {
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv())?.as_deref(), Some("first words"));
            wait!(child.send("exit"))?;
            assert!(wait!(child.wait())?.success());
            let mut last_words = false;
            while let Ok(Some(text)) = wait!(child.recv()) {
                last_words |= text == "last words";
            }
            assert!(last_words);
        }
    }
}

claim! {
    #[ignore = "entry point of a child process"]
    #[expect(unreachable_code, reason = "it does not return")]
    fn child_is_deaf() {
        let parent = Parent::<str, String>::attach()?;
        wait!(parent.send("here"))?;
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

claim! {
    fn a_deaf_child_is_ended_step_by_step() {
        for entry in both_kinds!("children::child_is_deaf") {
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv())?.as_deref(), Some("here"));
            let status = wait!(child.stop(SHORT))?;
            assert!(!status.success());
            assert_eq!(wait!(child.recv()).unwrap_err().kind(), ErrorKind::Disconnected);
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv())?.as_deref(), Some("here"));
            assert!(!wait!(child.kill())?.success());
        }
    }
}

claim! {
    fn a_dropped_child_is_ended_if_that_was_asked_for() {
        for entry in both_kinds!("children::child_is_deaf") {
            let mut child = role(entry).spawn::<str, String>()?;
            assert_eq!(wait!(child.recv())?.as_deref(), Some("here"));
            let (connection, process) = child.into_parts();
            drop(process);
            let mut connection = connection;
            assert_eq!(wait!(connection.recv()).unwrap_err().kind(), ErrorKind::Disconnected);
        }
    }
}

claim! {
    fn stop_lets_a_polite_child_finish() {
        for entry in both_kinds!("children::child_echoes") {
            let mut child = role(entry).spawn::<str, String>()?;
            wait!(child.send("one"))?;
            assert!(wait!(child.stop(NEVER))?.success());
            assert_eq!(wait!(child.recv())?.as_deref(), Some("one"));
            assert_eq!(wait!(child.recv())?, None);
        }
    }
}

claim! {
    #[ignore = "entry point of a child process"]
    #[expect(unreachable_code, reason = "it does not return")]
    fn child_fails_before_it_attaches() {
        eprintln!("it is all too much");
        std::process::exit(3);
    }
}

claim! {
    fn a_child_that_ends_early_is_told_with_its_last_words() {
        for entry in both_kinds!("children::child_fails_before_it_attaches") {
            let mut command = role(entry);
            command.stderr(Stdio::piped());
            let mut child = command.spawn::<str, String>()?;
            let error = wait!(child.ready()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::ExitedEarly { status } if status.code() == Some(3)));
            assert!(error.to_string().contains("it is all too much"), "{error}");
            let mut child = command.spawn::<str, String>()?;
            let error = wait!(child.recv()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected);
            assert!(error.to_string().contains("it is all too much"), "{error}");
        }
    }
}

//! Connections within one process.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use offspring::{Config, ErrorKind};

use super::{Connection, pair};

/// Soon over; what is ended by it was not going to end by itself.
const SHORT: Duration = Duration::from_millis(50);

/// A little more than sockets and pipes hold.
const MORE_THAN_FITS: usize = 4 * 1024 * 1024;

fn usual() -> (Config, Config) {
    (Config::new(), Config::new())
}

claim! {
    fn messages_arrive_in_order_and_the_goodbye_last() {
        let (config, peer) = usual();
        let (left, mut right): (Connection<u32, ()>, Connection<(), u32>) = wait!(pair(config, peer))?;
        for number in 0..100 {
            wait!(left.send(&number))?;
        }
        drop(left);
        for number in 0..100 {
            assert_eq!(wait!(right.recv())?, Some(number));
        }
        assert_eq!(wait!(right.recv())?, None);
        assert_eq!(wait!(right.recv())?, None);
    }
}

claim! {
    fn what_was_fed_leaves_with_a_flush() {
        let (config, peer) = usual();
        let (left, mut right): (Connection<u32, ()>, Connection<(), u32>) = wait!(pair(config, peer))?;
        wait!(left.feed(&1))?;
        wait!(left.feed(&2))?;
        assert_eq!(right.try_recv().unwrap_err().kind(), ErrorKind::Empty);
        wait!(left.flush())?;
        assert_eq!(wait!(right.recv())?, Some(1));
        assert_eq!(wait!(right.recv())?, Some(2));
    }
}

claim! {
    fn two_sides_that_both_send_first_do_not_wait_for_each_other() {
        const COUNT: usize = 100;
        let (config, peer) = usual();
        let (mut left, mut right): (Connection<str, String>, Connection<str, String>) =
            wait!(pair(config, peer))?;
        let text = "a".repeat(1024 * 1024);
        let other = text.clone();
        let task = spawn!({
            for _ in 0..COUNT {
                wait!(right.send(&other))?;
            }
            for _ in 0..COUNT {
                assert_eq!(wait!(right.recv())?.map(|text| text.len()), Some(other.len()));
            }
            wait!(right.close())
        });
        for _ in 0..COUNT {
            wait!(left.send(&text))?;
        }
        for _ in 0..COUNT {
            assert_eq!(wait!(left.recv())?.map(|text| text.len()), Some(text.len()));
        }
        wait!(left.close())?;
        join!(task)?;
    }
}

claim! {
    fn a_message_that_cannot_be_sent_leaves_nothing_behind() {
        let small = Config::new().max_message(1000);
        let (left, mut right): (Connection<str, ()>, Connection<(), String>) =
            wait!(pair(Config::new(), small))?;
        let mut left = left;
        wait!(left.ready())?;
        let error = wait!(left.send(&"a".repeat(2000))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 1000, .. }), "{error}");
        wait!(left.send("small"))?;
        assert_eq!(wait!(right.recv())?.as_deref(), Some("small"));
    }
}

claim! {
    fn a_message_of_another_type_is_skipped() {
        let (config, peer) = usual();
        let (left, mut right): (Connection<str, ()>, Connection<(), u32>) = wait!(pair(config, peer))?;
        wait!(left.send("not a number"))?;
        drop(left);
        assert_eq!(wait!(right.recv()).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(wait!(right.recv())?, None);
    }
}

claim! {
    fn a_crash_is_no_quiet_end() {
        let (config, peer) = usual();
        let (left, mut right): (Connection<u32, ()>, Connection<u32, u32>) = wait!(pair(config, peer))?;
        wait!(left.send(&1))?;
        left.abort();
        assert_eq!(wait!(right.recv())?, Some(1));
        for _ in 0..2 {
            assert_eq!(wait!(right.recv()).unwrap_err().kind(), ErrorKind::Disconnected);
        }
        // It may take one write to find out.
        let _ = wait!(right.send(&1));
        assert_eq!(wait!(right.send(&2)).unwrap_err().kind(), ErrorKind::Disconnected);
    }
}

claim! {
    fn a_goodbye_ends_one_direction_only() {
        let (config, peer) = usual();
        let (mut left, mut right): (Connection<u32, u32>, Connection<u32, u32>) =
            wait!(pair(config, peer))?;
        left.disconnect();
        assert_eq!(wait!(right.recv())?, None);
        wait!(right.send(&7))?;
        assert_eq!(wait!(left.recv())?, Some(7));
        assert_eq!(wait!(left.send(&1)).unwrap_err().kind(), ErrorKind::Closed);
    }
}

claim! {
    fn close_waits_until_the_other_program_has_taken_everything() {
        let (config, peer) = usual();
        let (mut left, mut right): (Connection<u32, ()>, Connection<(), u32>) =
            wait!(pair(config, peer))?;
        wait!(left.send(&1))?;
        wait!(left.send(&2))?;
        let (closing, closed) = mpsc::channel();
        let task = spawn!({
            let result = wait!(left.close());
            closing.send(()).unwrap();
            result
        });
        assert_eq!(wait!(right.recv())?, Some(1));
        assert_eq!(closed.recv_timeout(SHORT), Err(mpsc::RecvTimeoutError::Timeout));
        assert_eq!(wait!(right.recv())?, Some(2));
        assert_eq!(wait!(right.recv())?, None);
        join!(task)?;
    }
}

claim! {
    fn two_sides_that_both_close_with_messages_unread_are_told_so() {
        let (config, peer) = usual();
        let (mut left, mut right): (Connection<u32, u32>, Connection<u32, u32>) =
            wait!(pair(config, peer))?;
        wait!(left.send(&1))?;
        wait!(right.send(&2))?;
        let task = spawn!({ (wait!(left.close()), left) });
        let error = wait!(right.close()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(error.to_string().contains("it took 0 of 1 messages"), "{error}");
        let (result, mut left) = join!(task);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        // And they are not lost.
        assert_eq!(wait!(left.recv())?, Some(2));
        assert_eq!(wait!(right.recv())?, Some(1));
    }
}

claim! {
    fn close_gives_up_in_time() {
        let config = Config::new().close_timeout(SHORT);
        let (mut left, _right): (Connection<u32, ()>, Connection<(), u32>) =
            wait!(pair(config, Config::new()))?;
        wait!(left.send(&1))?;
        assert_eq!(wait!(left.close()).unwrap_err().kind(), ErrorKind::Timeout);
    }
}

claim! {
    fn a_sender_that_nobody_reads_from_stalls_with_an_error() {
        let config = || Config::new().read_ahead(1).stall_timeout(SHORT);
        let (left, right): (Connection<str, String>, Connection<str, String>) =
            wait!(pair(config(), config()))?;
        // So that there is something which left must read ahead.
        wait!(right.send("something"))?;
        let error = wait!(left.send(&"a".repeat(MORE_THAN_FITS))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stalled, "{error}");
        // Nothing is torn: it goes on when somebody reads.
        let mut right = right;
        let task = spawn!({ wait!(right.recv()).map(|text| text.map(|text| text.len())) });
        while let Err(error) = wait!(left.flush()) {
            // The other side may be slow.
            assert_eq!(error.kind(), ErrorKind::Stalled, "{error}");
        }
        assert_eq!(join!(task)?, Some(MORE_THAN_FITS));
    }
}

claim! {
    fn a_full_connection_takes_no_more_at_once() {
        let config = Config::new().send_buffer(1000);
        let (left, mut right): (Connection<str, ()>, Connection<(), String>) =
            wait!(pair(config, Config::new()))?;
        let text = "a".repeat(100_000);
        let mut taken = 0;
        let error = loop {
            match left.try_send(&text) {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
        let task = spawn!({
            let mut count = 0;
            while wait!(right.recv())?.is_some() {
                count += 1;
            }
            Ok::<_, offspring::Error>(count)
        });
        wait!(left.flush())?;
        drop(left);
        assert_eq!(join!(task)?, taken);
    }
}

claim! {
    fn programs_that_do_not_fit_refuse_each_other() {
        let config = |name: &str| Config::new().protocol(name, 1);
        let (mut left, mut right): (Connection<(), ()>, Connection<(), ()>) =
            wait!(pair(config("one"), config("another")))?;
        assert_eq!(wait!(left.ready()).unwrap_err().kind(), ErrorKind::Incompatible);
        assert_eq!(wait!(right.recv()).unwrap_err().kind(), ErrorKind::Incompatible);
    }
}

claim! {
    fn what_is_sent_by_many_arrives_whole_and_in_the_order_of_each() {
        const SENDERS: u32 = 8;
        const EACH: u32 = 500;
        let (config, peer) = usual();
        type Numbered = (u32, u32, String);
        let (left, mut right): (Connection<Numbered, ()>, Connection<(), Numbered>) =
            wait!(pair(config, peer))?;
        let mut tasks = Vec::new();
        for sender in 0..SENDERS {
            let to = left.sender();
            tasks.push(spawn!({
                for number in 0..EACH {
                    let text = "x".repeat((number as usize * 37) % 3000);
                    wait!(to.send(&(sender, number, text)))?;
                }
                Ok::<_, offspring::Error>(())
            }));
        }
        drop(left);
        let mut next = [0; SENDERS as usize];
        while let Some((sender, number, text)) = wait!(right.recv())? {
            assert_eq!(number, next[sender as usize]);
            assert_eq!(text.len(), (number as usize * 37) % 3000);
            next[sender as usize] += 1;
        }
        assert_eq!(next, [EACH; SENDERS as usize]);
        for task in tasks {
            join!(task)?;
        }
    }
}

claim! {
    fn one_half_sends_while_the_other_waits() {
        let (config, peer) = usual();
        let (left, right): (Connection<u32, u32>, Connection<u32, u32>) = wait!(pair(config, peer))?;
        let (to_right, mut from_right) = left.split();
        let (to_left, mut from_left) = right.split();
        let echo = spawn!({
            while let Some(number) = wait!(from_left.recv())? {
                wait!(to_left.send(&number))?;
            }
            Ok::<_, offspring::Error>(())
        });
        let receiving = spawn!({
            let mut sum = 0;
            while let Some(number) = wait!(from_right.recv())? {
                sum += number;
            }
            Ok::<_, offspring::Error>(sum)
        });
        for number in 0..1000 {
            wait!(to_right.send(&number))?;
        }
        drop(to_right);
        join!(echo)?;
        assert_eq!(join!(receiving)?, (0..1000).sum::<u32>());
    }
}

claim! {
    fn what_was_left_behind_leaves_while_another_waits_for_the_answer() {
        // The receiver sleeps long before something is left behind, and nobody else calls anything afterwards.
        let (config, peer) = usual();
        let (left, mut right): (Connection<str, u32>, Connection<u32, String>) =
            wait!(pair(config, peer))?;
        let (sender, mut receiver) = left.split();
        let waiting = spawn!({ wait!(receiver.recv()) });
        std::thread::sleep(SHORT);
        sender.try_send(&"a".repeat(MORE_THAN_FITS))?;
        let length = wait!(right.recv())?.map(|text| text.len());
        assert_eq!(length, Some(MORE_THAN_FITS));
        wait!(right.send(&1))?;
        assert_eq!(join!(waiting)?, Some(1));
        drop(sender);
    }
}

claim! {
    fn a_busy_poll_receives_the_same() {
        let config = || Config::new().busy_poll(Duration::from_micros(200));
        let (mut left, mut right): (Connection<u32, u32>, Connection<u32, u32>) =
            wait!(pair(config(), config()))?;
        let echo = spawn!({
            while let Some(number) = wait!(right.recv())? {
                wait!(right.send(&number))?;
            }
            wait!(right.close())
        });
        let begin = Instant::now();
        for number in 0..500 {
            wait!(left.send(&number))?;
            assert_eq!(wait!(left.recv())?, Some(number));
        }
        wait!(left.close())?;
        join!(echo)?;
        assert!(begin.elapsed() < crate::WATCHDOG);
    }
}

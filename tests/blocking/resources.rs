//! What it costs, and that nothing is left behind.

use offspring::Result;
use offspring::blocking::{Connection, Parent};

use crate::role;

#[test]
fn a_steady_exchange_allocates_nothing() -> Result<()> {
    let (mut left, mut right) = Connection::<[u8; 32], u64>::pair::<u64, [u8; 32]>()?;
    let mut exchange = |count: u64| {
        for number in 0..count {
            left.send(&[7; 32]).unwrap();
            assert_eq!(right.recv().unwrap(), Some([7; 32]));
            right.send(&number).unwrap();
            assert_eq!(left.recv().unwrap(), Some(number));
        }
    };
    exchange(100);
    let info = allocation_counter::measure(|| exchange(1000));
    // On Windows a wait for an operation of the system is one, and the bytes are copied for it.
    assert!(cfg!(windows) || info.count_total == 0, "{info:?}");
    Ok(())
}

#[cfg(target_os = "linux")]
fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[cfg(target_os = "linux")]
#[test]
fn connections_leave_no_thread_and_no_descriptor_behind() -> Result<()> {
    let thread = std::thread::current();
    assert!(thread.name().is_some());
    // Alone in its process: the test harness runs this one by its name.
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "resources::alone",
            "--ignored",
            "--test-threads=1",
        ])
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a process of its own"]
fn alone() -> Result<()> {
    let (threads, descriptors) = (count("/proc/self/task"), count("/proc/self/fd"));
    for _ in 0..200 {
        let (mut left, right) = Connection::<u32, u32>::pair::<u32, u32>()?;
        let (sender, mut receiver) = right.split();
        left.send(&1)?;
        assert_eq!(receiver.recv()?, Some(1));
        // Long enough for a bell.
        let _ = receiver.recv_timeout(std::time::Duration::from_millis(1));
        sender.send(&2)?;
        assert_eq!(left.recv()?, Some(2));
        assert_eq!(count("/proc/self/task"), threads);
    }
    for _ in 0..20 {
        let mut child = role("resources::child_tells_its_threads").spawn::<(), usize>()?;
        // The harness has two: its own and that of the test. One more waits for the death of the parent.
        assert_eq!(child.recv()?, Some(3));
        assert_eq!(child.recv()?, None);
        assert!(child.wait()?.success());
        assert_eq!(count("/proc/self/task"), threads);
    }
    assert_eq!(count("/proc/self/fd"), descriptors);
    let id = std::process::id();
    let children = format!("/proc/self/task/{id}/children");
    assert_eq!(std::fs::read_to_string(children).unwrap(), "");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "entry point of a child process"]
fn child_tells_its_threads() -> Result<()> {
    let mut parent = Parent::<usize, ()>::attach()?;
    parent.send(&count("/proc/self/task"))?;
    parent.close()
}

#[test]
#[ignore = "entry point of a child process"]
fn child_echoes() -> Result<()> {
    let mut parent = Parent::<u32, u32>::attach()?;
    while let Some(number) = parent.recv()? {
        parent.send(&number)?;
    }
    parent.close()
}

/// It blocks the thread, and that is all.
#[cfg(feature = "tokio")]
#[test]
fn it_works_on_a_thread_of_a_runtime() -> Result<()> {
    crate::within(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut child = role("resources::child_echoes").spawn::<u32, u32>()?;
            for number in 0..100 {
                child.send(&number)?;
                assert_eq!(child.recv()?, Some(number));
            }
            assert!(child.wait()?.success());
            Ok(())
        })
    })
}

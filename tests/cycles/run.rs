//! The parent's part, and the child's.

use std::time::{Duration, Instant};

use offspring::{Child, Command, Parent, Result, Stdio};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<()> {
    if let Some(mut parent) = Parent::<u64, u64>::attach_if_child()? {
        while let Some(number) = parent.recv().await? {
            parent.send(&number).await?;
        }
        return parent.close().await;
    }

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let mut filters = arguments
        .iter()
        .filter(|text| !text.starts_with('-'))
        .peekable();
    let any = filters.peek().is_none() || has("terse");
    let filters: Vec<_> = filters.collect();
    for name in [CYCLES, CROWD] {
        if has("--ignored") || !(any || filters.iter().any(|filter| name.contains(&***filter))) {
            continue;
        }
        if has("--list") {
            println!("{name}: test");
            continue;
        }
        let work = async {
            match name {
                CYCLES => cycles().await,
                _ => crowd().await,
            }
        };
        tokio::time::timeout(Duration::from_secs(300), work)
            .await
            .expect("the test hangs")?;
        println!("test {name} ... ok");
    }
    Ok(())
}

const CYCLES: &str = "cycles::children_are_started_asked_and_reaped_one_after_the_other";
const CROWD: &str = "cycles::a_crowd_of_children_is_started_asked_and_reaped";

fn size<T>(small: T, full: T) -> T {
    if std::env::var_os("OFFSPRING_PROMISES").is_some_and(|value| value == "full") {
        full
    } else {
        small
    }
}

fn command() -> Command {
    let mut command = Command::current_exe().unwrap();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn cycles() -> Result<()> {
    let (rounds, each) = size((2, 20), (100, 100));
    let mut command = command();
    let (mut ours, mut raw) = (Duration::ZERO, Duration::ZERO);
    // In turns, so that both see the same machine.
    for _ in 0..rounds {
        let begin = Instant::now();
        for number in 0..each {
            let mut child = command.spawn::<u64, u64>()?;
            child.send(&number).await?;
            assert_eq!(child.recv().await?, Some(number));
            assert!(child.wait().await?.success());
        }
        ours += begin.elapsed();

        let begin = Instant::now();
        raw_cycles(each / 5);
        raw += begin.elapsed() * 5;
    }
    println!(
        "figure: cycles: {} children one after the other, each started, asked and reaped, in {ours:.1?}{}",
        rounds * each,
        beside(ours, raw)
    );
    if size(false, true) {
        assert!(
            ours <= Duration::from_secs(60) || ours <= raw * 3,
            "{ours:?}, {raw:?}"
        );
    }
    Ok(())
}

async fn crowd() -> Result<()> {
    let crowd = size(20, 1_000);
    let begin = Instant::now();
    let mut command = command();
    let mut children: Vec<Child<u64, u64>> = Vec::new();
    for number in 0..crowd {
        let child = command.spawn()?;
        child.try_send(&number)?;
        children.push(child);
    }
    for (number, child) in (0..).zip(&mut children) {
        assert_eq!(child.recv().await?, Some(number));
    }
    let asked = begin.elapsed();
    for child in &children {
        child.disconnect();
    }
    for child in &mut children {
        assert!(child.wait().await?.success());
    }
    let ours = begin.elapsed();

    let begin = Instant::now();
    raw_crowd(crowd);
    let raw = begin.elapsed();
    println!(
        "figure: cycles: {crowd} children at once: all had answered after {asked:.1?}, all were reaped after {ours:.1?}{}",
        beside(ours, raw)
    );
    if size(false, true) {
        assert!(
            ours <= Duration::from_secs(10) || ours <= raw * 3,
            "{ours:?}, {raw:?}"
        );
    }
    Ok(())
}

#[cfg(unix)]
fn beside(ours: Duration, raw: Duration) -> String {
    let ratio = ours.as_secs_f64() / raw.as_secs_f64();
    format!("; a bare socket pair takes {raw:.1?} for as many, so this is {ratio:.2} times that")
}

#[cfg(unix)]
fn raw_cycles(count: u64) {
    for number in 0..count {
        let mut child = crate::raw::Raw::spawn();
        child.send(number);
        assert_eq!(child.recv(), number);
        child.wait();
    }
}

#[cfg(unix)]
fn raw_crowd(count: u64) {
    let mut children = Vec::new();
    for number in 0..count {
        let mut child = crate::raw::Raw::spawn();
        child.send(number);
        children.push(child);
    }
    for (number, child) in (0..).zip(&mut children) {
        assert_eq!(child.recv(), number);
    }
    children.into_iter().for_each(crate::raw::Raw::wait);
}

/// There is no socket pair on other systems.
#[cfg(not(unix))]
fn beside(_: Duration, _: Duration) -> String {
    String::new()
}

#[cfg(not(unix))]
fn raw_cycles(_: u64) {}

#[cfg(not(unix))]
fn raw_crowd(_: u64) {}

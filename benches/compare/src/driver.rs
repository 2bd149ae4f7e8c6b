//! A driver: the process that plays the parent's part of one contestant, told what to do by lines on its standard
//! input.
//!
//! ```text
//! open        start what the work needs      ->  ok
//! run N       do it N times                  ->  ok NANOSECONDS [BYTES_FOR_EACH_CONNECTION]
//! ```
//!
//! The scripts for Node and Python speak the same.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::contestant::Contestant;
use crate::memory;
use crate::peers::crowd::Crowd;
use crate::peers::{self, Session};
use crate::work::{Cores, Kind, Work};

/// A driver, seen by the tool.
pub struct Driver {
    pub contestant: Contestant,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub wall: Duration,
    pub cpu: Duration,
    pub memory_each: Option<f64>,
}

impl Driver {
    /// Starts a driver and lets it open what the work needs.
    pub fn start(contestant: Contestant, work: &Work) -> Result<Self> {
        let mut command = match contestant.name.split_once('-') {
            Some(("node", serialization)) => {
                let mut command = Command::new("node");
                command.args([script("driver.js"), serialization.into()]);
                command
            }
            None if contestant.name == "python" => {
                let mut command = Command::new("python3");
                command.arg(script("driver.py"));
                command
            }
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["drive", contestant.name]);
                command
            }
        };
        let kind = serde_json::to_value(work.kind)?;
        let mut process = command
            .arg(kind.as_str().context("a name")?)
            .args([work.size, work.many, work.ballast].map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start the driver of {}", contestant.name))?;
        if work.cores == Cores::One {
            pin(process.id())?;
        }
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut driver = Self {
            contestant,
            process,
            input: input.context("no pipe")?,
            output: BufReader::new(output.context("no pipe")?),
        };
        driver.ask("open")?;
        Ok(driver)
    }

    pub fn run(&mut self, count: u64) -> Result<Run> {
        let cpu = memory::cpu(self.process.id());
        let answer = self.ask(&format!("run {count}"))?;
        let cpu = memory::cpu(self.process.id()).saturating_sub(cpu);
        let mut words = answer.split(' ');
        Ok(Run {
            wall: Duration::from_nanos(words.next().context("no time")?.parse()?),
            cpu: Duration::from_nanos(cpu),
            memory_each: words.next().map(str::parse).transpose()?,
        })
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        writeln!(self.input, "{line}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        match answer.trim_end().strip_prefix("ok") {
            Some(rest) => Ok(rest.trim_start().into()),
            None => bail!("{}: {line}: {answer:?}", self.contestant.name),
        }
    }

    /// Ends the driver.
    pub fn end(self) -> Result<()> {
        let Self {
            mut process, input, ..
        } = self;
        drop(input);
        process.wait()?;
        Ok(())
    }
}

fn script(name: &str) -> String {
    format!("{}/scripts/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Lets all threads of a process, and what they start, run on one core only.
fn pin(pid: u32) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(0);
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let id: i32 = task.file_name().to_string_lossy().parse()?;
        sched_setaffinity(Pid::from_raw(id), &cores)?;
    }
    Ok(())
}

/// The driver itself.
pub fn drive(name: &str, work: &Work) -> Result<()> {
    raise_descriptor_limit();
    let runtime = Rc::new(peers::runtime(name)?);
    // Filled, so that the pages exist.
    let ballast = vec![1_u8; work.ballast << 20];
    let mut session: Option<Box<dyn Session>> = None;
    let mut crowd: Option<Crowd> = None;
    for line in std::io::stdin().lines() {
        let line = line?;
        let Some(count) = line.strip_prefix("run ") else {
            match work.kind {
                Kind::RoundTrip | Kind::Stream => {
                    session = Some(peers::open(name, work.size, &runtime)?);
                }
                Kind::Connect | Kind::Connections | Kind::Busy => {
                    crowd = Some(Crowd::open(name, work.many, Rc::clone(&runtime))?);
                }
                Kind::Spawn | Kind::Children | Kind::Copy => {}
            }
            println!("ok");
            continue;
        };
        let count: u64 = count.parse()?;
        let mut wall = Duration::ZERO;
        let start = Instant::now();
        match (work.kind, &mut session, &mut crowd) {
            (Kind::RoundTrip, Some(session), _) => session.round_trips(count)?,
            (Kind::Stream, Some(session), _) => session.stream(count)?,
            (Kind::Connect, _, Some(crowd)) => crowd.come_and_go(count)?,
            (Kind::Connections, _, Some(crowd)) => {
                for _ in 0..count {
                    crowd.echo_each()?;
                }
            }
            (Kind::Busy, _, Some(crowd)) => crowd.busy(count)?,
            (Kind::Spawn | Kind::Children, ..) => {
                for _ in 0..count {
                    wall += family(name, work, &runtime)?;
                }
            }
            (Kind::Copy, ..) => copy(work.size, count),
            _ => bail!("not open"),
        }
        if wall == Duration::ZERO {
            wall = start.elapsed();
        }
        match &crowd {
            Some(crowd) => println!("ok {} {}", wall.as_nanos(), crowd.memory_each),
            None => println!("ok {}", wall.as_nanos()),
        }
    }
    drop(ballast);
    if let Some(session) = session {
        session.end()?;
    }
    crowd.map_or(Ok(()), Crowd::end)
}

/// Starts children, gets an answer from each, and says how long that took. Their ends are not counted.
fn family(name: &str, work: &Work, runtime: &Rc<tokio::runtime::Runtime>) -> Result<Duration> {
    let start = Instant::now();
    let mut children = Vec::with_capacity(work.many);
    for _ in 0..work.many {
        children.push(peers::open(name, work.size, runtime)?);
    }
    for child in &mut children {
        child.round_trips(1)?;
    }
    let wall = start.elapsed();
    for child in children {
        child.end()?;
    }
    Ok(wall)
}

fn copy(size: usize, count: u64) {
    let (from, mut to) = (vec![1_u8; size], vec![0_u8; size]);
    for _ in 0..count {
        std::hint::black_box(&mut to).copy_from_slice(std::hint::black_box(&from));
    }
}

fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What it does not allow fails later, with a better message.
    let _ = setrlimit(Resource::Nofile, limit);
}

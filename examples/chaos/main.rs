//! Does to children what the world does to them, and checks that every promise holds.
//!
//! ```sh
//! cargo run --release --example chaos -- --seed 7 --secs 10 --peers 8
//! ```
//!
//! Each of some peers is a child that echoes numbered, checksummed messages. Meanwhile it is killed, stopped and
//! continued, slowed down, asked to crash in the middle of a burst, or is a program that writes garbage; sends and
//! receives are cancelled at random. Checked all the while: nothing is lost, doubled, torn or out of order; a goodbye
//! is told from a crash; exactly one exit is reported, and last; nothing hangs. And at the end: no descriptor, no
//! thread, no zombie is left. One line of JSON tells what was done; the exit code is 1 if a promise was broken, and the
//! seed to do it again is in the text.

mod random;
mod system;
mod tally;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use offspring::{Child, Command, Config, ErrorKind, Event, Parent, Stdio};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::random::Random;
use crate::system::Footprint;
use crate::tally::Tally;

#[derive(Parser)]
struct Options {
    /// What is done, and in which order, follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long to go on.
    #[arg(long, default_value_t = 10)]
    secs: u64,
    /// How many children at a time.
    #[arg(long, default_value_t = 8)]
    peers: u64,
}

/// From parent to child.
#[derive(Serialize, Deserialize)]
enum Order {
    Echo(Parcel),
    /// Take so long for each message from now on.
    Slow(Duration),
    /// Send so many messages, then end in this way.
    End(u64, Way),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Way {
    Close,
    Return,
    Exit,
    Abort,
}

/// A message that shows whether it is the right one, and whole.
#[derive(Serialize, Deserialize)]
struct Parcel {
    number: u64,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    sum: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os("CHAOS_GARBAGE").is_some() {
        system::scribble();
        return ExitCode::FAILURE;
    }
    match Parent::attach_if_child() {
        Ok(Some(parent)) => return child(parent).await,
        Ok(None) => {}
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let options = Options::parse();
    let before = Footprint::now();
    let end = Instant::now() + Duration::from_secs(options.secs);
    let peers: Vec<_> = (0..options.peers)
        .map(|peer| tokio::spawn(torment(Random::new(options.seed, peer), end)))
        .collect();

    let mut done = Tally::default();
    let mut broken = Vec::new();
    for peer in peers {
        match timeout(Duration::from_secs(options.secs + 60), peer).await {
            Ok(Ok(Ok(tally))) => done.add(tally),
            Ok(Ok(Err(promise))) => broken.push(promise),
            Ok(Err(panic)) => broken.push(format!("no panic: {panic}")),
            Err(_) => broken.push("no hang: a peer did not come to its end".to_owned()),
        }
    }
    if let Err(promise) = before.is_restored().await {
        broken.push(promise);
    }
    println!(
        "{{\"seed\":{},\"secs\":{},\"peers\":{},{},\"broken\":{broken:?}}}",
        options.seed,
        options.secs,
        options.peers,
        done.json()
    );
    if broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "a promise was broken; again with: --seed {} --peers {}",
        options.seed, options.peers
    );
    ExitCode::FAILURE
}

/// Starts children one after the other and is unkind to them.
async fn torment(mut random: Random, end: Instant) -> Result<Tally, String> {
    let mut tally = Tally::default();
    while Instant::now() < end {
        tally.children += 1;
        if random.below(16) == 0 {
            garbage().await?;
            tally.garbage += 1;
            continue;
        }
        let mut command = Command::current_exe().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).kill_on_drop(true);
        // Now and then a limit that the larger messages do not fit in.
        let limit = if random.below(8) == 0 {
            16 * 1024
        } else {
            16 * 1024 * 1024
        };
        command.config(Config::new().max_message(limit));
        let child = command.spawn().map_err(|error| format!("spawn: {error}"))?;
        Peer {
            child,
            random: &mut random,
            tally: &mut tally,
            limit,
            sent: 0,
            received: 0,
        }
        .run()
        .await?;
    }
    Ok(tally)
}

struct Peer<'a> {
    child: Child<Order, Parcel>,
    random: &'a mut Random,
    tally: &'a mut Tally,
    limit: usize,
    sent: u64,
    received: u64,
}

impl Peer<'_> {
    async fn run(mut self) -> Result<(), String> {
        for _ in 0..self.random.below(40) {
            match self.random.below(10) {
                0 => self.stop_and_continue().await?,
                1 => {
                    let pause = Duration::from_micros(self.random.below(300));
                    self.order(&Order::Slow(pause)).await?;
                }
                2..=5 => self.burst().await?,
                _ => self.receive_some().await?,
            }
        }
        match self.random.below(3) {
            0 => {
                self.child
                    .kill()
                    .await
                    .map_err(|error| format!("kill: {error}"))?;
                self.tally.kills += 1;
                self.finish(None).await
            }
            _ => {
                let way =
                    [Way::Close, Way::Return, Way::Exit, Way::Abort][self.random.below(4) as usize];
                let more = self.random.below(300);
                self.order(&Order::End(more, way)).await?;
                // The echoes, and then the last words.
                let expected = self.sent + more;
                self.finish(Some((way, expected))).await
            }
        }
    }

    /// Sends some messages, and gives up on some of the sends in the middle.
    async fn burst(&mut self) -> Result<(), String> {
        for _ in 0..self.random.below(50) {
            let size = match self.random.below(20) {
                0 => self.random.below(300_000),
                _ => self.random.below(2_000),
            } as usize;
            let order = Order::Echo(Parcel::new(self.sent, size));
            if self.random.below(10) == 0 {
                self.tally.cancelled += 1;
                // `feed` is all or nothing, so it is known whether the message counts; the flush is given up.
                match self.child.feed(&order).await {
                    Ok(()) => self.sent += 1,
                    Err(error) => self.refused(&error, size)?,
                }
                let patience = Duration::from_micros(self.random.below(200));
                let _ = timeout(patience, self.child.flush()).await;
            } else {
                match self.child.send(&order).await {
                    Ok(()) => self.sent += 1,
                    Err(error) => self.refused(&error, size)?,
                }
            }
        }
        Ok(())
    }

    fn refused(&mut self, error: &offspring::Error, size: usize) -> Result<(), String> {
        match error.kind() {
            ErrorKind::TooLarge { .. } if size + 64 > self.limit => {
                self.tally.too_large += 1;
                Ok(())
            }
            _ => Err(format!("a living child takes messages: {error}")),
        }
    }

    async fn order(&mut self, order: &Order) -> Result<(), String> {
        self.child
            .send(order)
            .await
            .map_err(|error| format!("a living child takes orders: {error}"))
    }

    async fn receive_some(&mut self) -> Result<(), String> {
        for _ in 0..self.random.below(100) {
            if self.received == self.sent {
                break;
            }
            let patience = Duration::from_micros(self.random.below(2_000));
            match timeout(patience, self.child.recv()).await {
                Err(_) => self.tally.cancelled += 1,
                Ok(Ok(Some(parcel))) => self.check(&parcel)?,
                Ok(Ok(None)) => return Err("no goodbye before the end".to_owned()),
                Ok(Err(error)) => return Err(format!("a living child answers: {error}")),
            }
        }
        Ok(())
    }

    fn check(&mut self, parcel: &Parcel) -> Result<(), String> {
        if !parcel.is_whole() {
            return Err(format!("no torn message: number {}", parcel.number));
        }
        if parcel.number != self.received {
            return Err(format!(
                "nothing lost, doubled or out of order: got {} for {}",
                parcel.number, self.received
            ));
        }
        self.received += 1;
        self.tally.messages += 1;
        Ok(())
    }

    async fn stop_and_continue(&mut self) -> Result<(), String> {
        let (pid, pause) = (
            self.child.id(),
            Duration::from_millis(self.random.below(20)),
        );
        let stopped = tokio::task::spawn_blocking(move || system::stop_and_continue(pid, pause));
        // The child is not reaped meanwhile, so the id is its own.
        self.receive_some().await?;
        self.tally.stops += u64::from(stopped.await.unwrap_or(false));
        Ok(())
    }

    /// Takes everything that is still to come. `expected`: how the child ends, and how much it has sent by then.
    async fn finish(mut self, expected: Option<(Way, u64)>) -> Result<(), String> {
        let mut disconnected = false;
        let mut exit = None;
        loop {
            let event = timeout(Duration::from_secs(30), self.child.event())
                .await
                .map_err(|_| {
                    format!("no hang: {expected:?}, {} of {}", self.received, self.sent)
                })?;
            match event {
                Ok(Some(Event::Message(parcel))) if !disconnected => self.check(&parcel)?,
                Ok(Some(Event::Disconnect)) if !disconnected => disconnected = true,
                Ok(Some(Event::Exit(status))) if disconnected && exit.is_none() => {
                    exit = Some(status);
                }
                Ok(None) if exit.is_some() => break,
                Ok(event) => {
                    return Err(format!("events in order, once each: {:?}", event.is_some()));
                }
                // A child that was killed may have been in the middle of a message.
                Err(error) if error.kind() == ErrorKind::Truncated && expected.is_none() => {
                    self.tally.truncated += 1;
                }
                Err(error) => return Err(format!("only whole messages: {error}")),
            }
        }
        let Some((way, count)) = expected else {
            return Ok(());
        };
        if self.received != count {
            return Err(format!(
                "last words arrive ({way:?}): {} of {count}",
                self.received
            ));
        }
        let success = exit.is_some_and(|status| status.success());
        match (way, success) {
            (Way::Abort, false) | (Way::Close | Way::Return | Way::Exit, true) => Ok(()),
            _ => Err(format!("the exit status is the child's: {way:?}, {exit:?}")),
        }
    }
}

/// Starts a program that is not one of ours.
async fn garbage() -> Result<(), String> {
    let mut command = Command::current_exe().map_err(|error| error.to_string())?;
    command.env("CHAOS_GARBAGE", "1").stderr(Stdio::null());
    command.config(Config::new().handshake_timeout(Duration::from_secs(20)));
    let mut child = command
        .spawn::<Order, Parcel>()
        .map_err(|error| format!("spawn: {error}"))?;
    match child.ready().await.map_err(|error| error.kind()) {
        Err(ErrorKind::Protocol | ErrorKind::ExitedEarly { .. }) => Ok(()),
        other => Err(format!("garbage is an error: {other:?}")),
    }
}

async fn child(mut parent: Parent<Parcel, Order>) -> ExitCode {
    match serve(&mut parent).await {
        Ok(code) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve(parent: &mut Parent<Parcel, Order>) -> offspring::Result<ExitCode> {
    let mut pause = Duration::ZERO;
    let mut next = 0;
    while let Some(order) = parent.recv().await? {
        match order {
            Order::Echo(parcel) => {
                next = parcel.number + 1;
                parent.send(&parcel).await?;
            }
            Order::Slow(duration) => pause = duration,
            Order::End(more, way) => {
                for number in next..next + more {
                    parent
                        .send(&Parcel::new(number, (number % 700) as usize))
                        .await?;
                }
                match way {
                    Way::Close => parent.close().await?,
                    Way::Return => {}
                    Way::Exit => std::process::exit(0),
                    Way::Abort => std::process::abort(),
                }
                return Ok(ExitCode::SUCCESS);
            }
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Parcel {
    fn new(number: u64, size: usize) -> Self {
        let mut random = Random::new(number, size as u64);
        let bytes: Vec<u8> = (0..size).map(|_| random.below(256) as u8).collect();
        let sum = Self::sum(number, &bytes);
        Self { number, bytes, sum }
    }

    fn is_whole(&self) -> bool {
        self.sum == Self::sum(self.number, &self.bytes)
    }

    fn sum(number: u64, bytes: &[u8]) -> u64 {
        bytes.iter().fold(number ^ bytes.len() as u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

//! What is measured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One kind of work. Contestants are compared within one work only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    pub kind: Kind,
    /// Bytes of a message.
    pub size: usize,
    /// How many children or connections.
    pub many: usize,
    /// MiB that the parent holds beside.
    pub ballast: usize,
    pub cores: Cores,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A message goes to the other process and comes back.
    RoundTrip,
    /// Messages go one way; the last one is answered.
    Stream,
    /// A child is started and answers one message.
    Spawn,
    /// Many children are started and all answer.
    Children,
    /// A client connects to a server, has one message answered, and leaves.
    Connect,
    /// Many connections to one server; one echo on each.
    Connections,
    /// Many connections to one server, all busy at once.
    Busy,
    /// Bytes are copied within the process.
    Copy,
}

/// Where the processes may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cores {
    /// All on one core: what the work costs, with little noise.
    One,
    /// Anywhere: what a user sees, with the wake-up of idle cores.
    All,
}

impl Work {
    const fn new(kind: Kind, size: usize) -> Self {
        Self {
            kind,
            size,
            many: 1,
            ballast: 0,
            cores: Cores::One,
        }
    }

    /// The works of the comparison.
    pub fn all() -> Vec<Self> {
        let sizes = [64, KIB, 64 * KIB, MIB];
        let mut works = Vec::new();
        for cores in [Cores::One, Cores::All] {
            works.extend(sizes.map(|size| Self {
                cores,
                ..Self::new(Kind::RoundTrip, size)
            }));
            works.extend([64, KIB, MIB].map(|size| Self {
                cores,
                ..Self::new(Kind::Stream, size)
            }));
        }
        works.extend([0, 2048].map(|ballast| Self {
            ballast,
            cores: Cores::All,
            ..Self::new(Kind::Spawn, 64)
        }));
        works.push(Self::new(Kind::Connect, 64));
        for (kind, many) in [
            (Kind::Children, 1_000),
            (Kind::Connections, 10_000),
            (Kind::Busy, 1),
            (Kind::Busy, 1_000),
        ] {
            works.push(Self {
                many,
                cores: Cores::All,
                ..Self::new(kind, 64)
            });
        }
        works.push(Self::new(Kind::Copy, MIB));
        works
    }

    /// The works that show how the cost grows.
    pub fn growth() -> Vec<Self> {
        let mut works = Vec::new();
        let mut size = 64;
        while size <= 4 * MIB {
            works.push(Self::new(Kind::RoundTrip, size));
            size *= 4;
        }
        for many in [1, 10, 100, 1_000, 9_000] {
            works.push(Self {
                many,
                cores: Cores::All,
                ..Self::new(Kind::Connections, 64)
            });
            if many <= 1_000 {
                works.push(Self {
                    many,
                    cores: Cores::All,
                    ..Self::new(Kind::Busy, 64)
                });
                works.push(Self {
                    many,
                    cores: Cores::All,
                    ..Self::new(Kind::Children, 64)
                });
            }
        }
        for ballast in [0, 64, 512, 2048] {
            works.push(Self {
                ballast,
                cores: Cores::All,
                ..Self::new(Kind::Spawn, 64)
            });
        }
        works
    }

    /// How many operations there are in one run that is repeated `count` times.
    pub fn operations(&self, count: u64) -> u64 {
        match self.kind {
            Kind::Children | Kind::Connections => count * self.many as u64,
            _ => count,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = Bytes(self.size);
        match self.kind {
            Kind::RoundTrip => write!(f, "round trip, {size}")?,
            Kind::Stream => write!(f, "one way, {size}")?,
            Kind::Spawn if self.ballast == 0 => f.write_str("spawn to first reply")?,
            Kind::Spawn => write!(
                f,
                "spawn to first reply, parent of {}",
                Bytes(self.ballast * MIB)
            )?,
            Kind::Connect => f.write_str("connect to first reply")?,
            Kind::Children => write!(f, "{} children, one reply each", self.many)?,
            Kind::Connections => write!(f, "{} connections, one echo each", self.many)?,
            Kind::Busy => write!(f, "echo over {} busy connections", self.many)?,
            Kind::Copy => write!(f, "memcpy, {size}")?,
        }
        match self.cores {
            Cores::One => f.write_str(" (one core)"),
            Cores::All => Ok(()),
        }
    }
}

struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1024 * MIB => write!(f, "{} GiB", n / (1024 * MIB)),
            n if n >= MIB => write!(f, "{} MiB", n / MIB),
            n if n >= KIB => write!(f, "{} KiB", n / KIB),
            n => write!(f, "{n} B"),
        }
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

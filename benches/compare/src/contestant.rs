//! Who takes part, and how each is used.

use crate::work::{Cores, Kind, Work};

/// One way of doing the work.
#[derive(Clone, Copy, Debug)]
pub struct Contestant {
    pub name: &'static str,
    /// How it is used, for the reader of the table.
    pub how: &'static str,
    does: fn(&Work) -> bool,
}

impl Contestant {
    pub fn does(&self, work: &Work) -> bool {
        (self.does)(work)
    }

    pub fn all_for(work: &Work) -> Vec<Self> {
        ALL.iter().copied().filter(|c| c.does(work)).collect()
    }

    /// What the ratios of a work are taken of: the first one that does it.
    pub fn floor(work: &Work) -> Option<Self> {
        ALL.iter().copied().find(|c| c.does(work))
    }
}

fn messages(work: &Work) -> bool {
    matches!(work.kind, Kind::RoundTrip | Kind::Stream)
}

fn blobs(work: &Work) -> bool {
    messages(work) && work.size > crate::message::SMALL
}

fn large(work: &Work) -> bool {
    messages(work) && work.size > 64 * 1024
}

fn small_stream(work: &Work) -> bool {
    work.kind == Kind::Stream && work.size <= 1024
}

fn round_trip(work: &Work) -> bool {
    work.kind == Kind::RoundTrip
}

fn processes(work: &Work) -> bool {
    matches!(work.kind, Kind::Spawn | Kind::Children)
}

fn crowd(work: &Work) -> bool {
    matches!(work.kind, Kind::Connect | Kind::Connections | Kind::Busy)
}

pub const ALL: &[Contestant] = &[
    Contestant {
        name: "raw",
        how: "blocking socketpair, one write(2) per message of the same size, no format; std's Command with the socket as stdin",
        does: |work| messages(work) || processes(work),
    },
    Contestant {
        name: "memcpy",
        how: "copies the bytes once within the process",
        does: |work| work.kind == Kind::Copy,
    },
    Contestant {
        name: "raw-roomy",
        how: "as raw, with an SO_SNDBUF of 512 KiB, which Linux doubles if net.core.wmem_max allows it",
        does: large,
    },
    Contestant {
        name: "raw-packets",
        how: "as raw, with SOCK_SEQPACKET and packets of 200 KiB: what a stream cannot have",
        does: large,
    },
    Contestant {
        name: "raw-tokio",
        how: "tokio's UnixStream, current-thread runtime, one write per message, no format; a child has a runtime too",
        does: |work| messages(work) || processes(work) || crowd(work),
    },
    Contestant {
        name: "raw-tokio-multi",
        how: "the same, multi-thread runtime with two workers",
        does: messages,
    },
    Contestant {
        name: "raw-typed",
        how: "blocking socketpair, a length and rmp-serde (named), one write(2) per message: the least that carries a struct",
        does: messages,
    },
    Contestant {
        name: "raw-typed-feed",
        how: "the same, one write(2) every 64 messages",
        does: small_stream,
    },
    Contestant {
        name: "offspring",
        how: "async, current-thread runtime, `send` and `recv`",
        does: |work| messages(work) || processes(work) || crowd(work),
    },
    Contestant {
        name: "offspring-borrowed",
        how: "async, current-thread runtime, `send` of borrowed bytes and `recv_with`",
        does: blobs,
    },
    Contestant {
        name: "offspring-feed",
        how: "async, current-thread runtime, `feed`, and `flush` every 64 messages",
        does: small_stream,
    },
    Contestant {
        name: "offspring-senders",
        how: "async, current-thread runtime, 64 tasks with a `Sender` each",
        does: small_stream,
    },
    Contestant {
        name: "offspring-multi",
        how: "async, multi-thread runtime with two workers, `send` and `recv`",
        does: messages,
    },
    Contestant {
        name: "offspring-busy",
        how: "async, current-thread runtime, `Config::busy_poll` of 200 us on both sides",
        does: |work| round_trip(work) && work.size <= 1024 && work.cores == Cores::All,
    },
    Contestant {
        name: "offspring-blocking",
        how: "the blocking API, no runtime, `send` and `recv`",
        does: |work| messages(work) || processes(work),
    },
    Contestant {
        name: "offspring-blocking-borrowed",
        how: "the blocking API, `send` of borrowed bytes and `recv_with`",
        does: blobs,
    },
    Contestant {
        name: "offspring-blocking-feed",
        how: "the blocking API, `feed`, and `flush` every 64 messages",
        does: small_stream,
    },
    Contestant {
        name: "offspring-blocking-busy",
        how: "the blocking API, `Config::busy_poll` of 200 us on both sides",
        does: |work| round_trip(work) && work.size <= 1024 && work.cores == Cores::All,
    },
    Contestant {
        name: "by-hand",
        how: "interprocess + tokio_util LengthDelimitedCodec + rmp-serde (named), one flush per message, current-thread runtime",
        does: messages,
    },
    Contestant {
        name: "by-hand-feed",
        how: "the same, one flush every 64 messages",
        does: small_stream,
    },
    Contestant {
        name: "ipc-channel",
        how: "IpcSender and IpcReceiver of the struct, connected by IpcOneShotServer",
        does: |work| messages(work) || processes(work),
    },
    Contestant {
        name: "ipc-channel-bytes",
        how: "IpcBytesSender and IpcBytesReceiver",
        does: blobs,
    },
    Contestant {
        name: "tarpc",
        how: "a service with one call, bincode over a Unix socket, current-thread runtime; a call is always a round trip",
        does: round_trip,
    },
    Contestant {
        name: "zeromq",
        how: "zeromq.rs, REQ/REP (PUSH/PULL one way) over ipc://, rmp-serde (named), current-thread runtime",
        does: messages,
    },
    Contestant {
        name: "node-json",
        how: "child_process.fork, process.send; bytes as a string",
        does: |work| messages(work) || processes(work) && work.ballast == 0 && work.many <= 100,
    },
    Contestant {
        name: "node-advanced",
        how: "child_process.fork with serialization 'advanced'; bytes as a Buffer",
        does: messages,
    },
    Contestant {
        name: "python",
        how: "multiprocessing.Pipe and Process (spawn); bytes by send_bytes",
        does: |work| messages(work) || processes(work) && work.ballast == 0 && work.many <= 100,
    },
];

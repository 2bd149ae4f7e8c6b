//! Limits and deadlines of a connection.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::wire::format::Format;
use crate::wire::{Encoding, Hello, Limits};

/// Limits and deadlines of a connection.
///
/// The defaults suit most programs. Both sides have a `Config` of their own; where a limit concerns both (the size
/// of a message), each tells the other in its hello and the smaller one holds.
///
/// # Examples
///
/// ```
/// use offspring::Config;
/// use std::time::Duration;
///
/// let config = Config::new()
///     .protocol("thumbnailer", 3)
///     .max_message(64 * 1024 * 1024)
///     .connect_timeout(Duration::from_secs(1));
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) encoding: Encoding,
    pub(crate) format: Format,
    #[cfg(feature = "node")]
    pub(crate) outlive_parent: bool,
    hello: Hello,
    pub(crate) send_buffer: usize,
    read_ahead: usize,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) stall_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_silent: usize,
    pub(crate) busy_poll: Duration,
}

impl Config {
    /// Creates the default configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new();
    /// # let _ = config;
    /// ```
    pub fn new() -> Self {
        Self {
            limits: Limits::new(),
            encoding: Encoding::Named,
            format: Format::Offspring,
            #[cfg(feature = "node")]
            outlive_parent: false,
            hello: Hello::new(),
            send_buffer: 1024 * 1024,
            read_ahead: 128 * 1024 * 1024,
            handshake_timeout: None,
            connect_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(10),
            max_connections: 16 * 1024,
            max_silent: 1024,
            busy_poll: Duration::ZERO,
        }
    }

    /// Names the application's own protocol and its version.
    ///
    /// Two programs whose names differ, or whose versions do not overlap, refuse each other with
    /// [`ErrorKind::Incompatible`](crate::ErrorKind::Incompatible) instead of misreading each other's messages. The
    /// version belongs to the application, not to this crate: raise it when messages change their meaning. To go
    /// on understanding older programs, see [`protocol_versions`](Self::protocol_versions). A program that names
    /// no protocol only talks to programs that name none.
    ///
    /// # Panics
    ///
    /// If the name is empty or longer than 255 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().protocol("spell-checker", 2);
    /// # let _ = config;
    /// ```
    pub fn protocol(self, name: impl AsRef<str>, version: u32) -> Self {
        self.protocol_versions(name, version..=version)
    }

    /// Names the application's own protocol and all versions of it that this program understands.
    ///
    /// The highest version that both sides understand is in use:
    /// [`Connection::protocol_version`](crate::Connection::protocol_version).
    ///
    /// # Panics
    ///
    /// If the name is empty or longer than 255 bytes, or if there is no version in the range.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().protocol_versions("spell-checker", 1..=2);
    /// # let _ = config;
    /// ```
    pub fn protocol_versions(
        mut self,
        name: impl AsRef<str>,
        versions: RangeInclusive<u32>,
    ) -> Self {
        self.hello = match self.hello.with_protocol(name.as_ref(), versions) {
            Ok(hello) => hello,
            Err(error) => panic!("{error}"),
        };
        self
    }

    /// Limits the size of one message, in bytes of MessagePack, in both directions. Default: 16 MiB, to which what is around
    /// large bytes counts too.
    ///
    /// The smaller limit of the two sides holds, so raise it on both. A larger message is refused by `send`, with
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge), and the connection goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().max_message(1024);
    /// # let _ = config;
    /// ```
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.limits = self.limits.with_max_message(bytes);
        self
    }

    /// Limits how deep a message may be nested. Default: 128 levels, which decodes safely on a 2 MiB stack in an
    /// unoptimised build.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().max_depth(16);
    /// # let _ = config;
    /// ```
    pub fn max_depth(mut self, levels: u32) -> Self {
        self.limits = self.limits.with_max_depth(levels);
        self
    }

    /// Limits how many items a message may hold in all: array elements, map entries and fields of structs, in both
    /// directions. Default: 1,100,000, which is one MiB in a plain `Vec<u8>`, or a million of anything else, and some room
    /// for what is around them.
    ///
    /// The sides do not tell each other this limit: raise it on both. The bytes of a
    /// [`serde_bytes`](https://docs.rs/serde_bytes) type, and the characters of a string, are no items.
    ///
    /// The memory that a decoded message takes is at most about this number times the size of its largest element
    /// type, for a sender can leave every optional field out and still make the receiver allocate it.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().max_items(10_000);
    /// # let _ = config;
    /// ```
    pub fn max_items(mut self, items: u32) -> Self {
        self.limits = self.limits.with_max_items(items);
        self
    }

    /// Sends structs as arrays instead of maps: smaller and faster, but without field names.
    ///
    /// Both sides must then come from the same build. A field that was added, removed, moved, or left out by
    /// `skip_serializing_if`, is misread without an error. An enum that is adjacently tagged or untagged cannot be
    /// decoded if it has variants with named fields. Receivers accept both forms, so each side chooses for what it sends.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().compact();
    /// # let _ = config;
    /// ```
    pub fn compact(mut self) -> Self {
        self.encoding = Encoding::Compact;
        self
    }

    /// How many bytes may wait to be written before `send` and `feed` wait themselves. Default: 1 MiB. A single
    /// larger message is taken when nothing else waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().send_buffer(64 * 1024);
    /// # let _ = config;
    /// ```
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// How many incoming bytes a blocked `send` may put aside for later `recv` calls. Default: 128 MiB.
    ///
    /// While a `send` waits for the other side to make room it goes on reading, so that two programs that both send
    /// before they receive do not wait for each other for ever. Memory is used only as bytes arrive.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().read_ahead(8 * 1024 * 1024);
    /// # let _ = config;
    /// ```
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// How long the other side may take to say hello. Default: 5 seconds; 30 seconds for a started child, which has
    /// to load first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// let config = offspring::Config::new().handshake_timeout(Duration::from_secs(60));
    /// # let _ = config;
    /// ```
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// How long [`Connection::connect`](crate::Connection::connect) may take. Default: 5 seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// let config = offspring::Config::new().connect_timeout(Duration::from_millis(500));
    /// # let _ = config;
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// How long [`Connection::close`](crate::Connection::close) waits until the other side has taken every message.
    /// Default: 5 seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// let config = offspring::Config::new().close_timeout(Duration::from_secs(1));
    /// # let _ = config;
    /// ```
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout.min(LONGEST);
        self
    }

    /// How long a `send` whose [read-ahead](Self::read_ahead) is used up waits for any progress before it fails with
    /// [`ErrorKind::Stalled`](crate::ErrorKind::Stalled). Default: 10 seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// let config = offspring::Config::new().stall_timeout(Duration::from_secs(2));
    /// # let _ = config;
    /// ```
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout.min(LONGEST);
        self
    }

    /// How many clients a [`Listener`](crate::Listener) serves at a time. Default: 16,384. One more is
    /// closed at once, and told why ([`ErrorKind::Refused`](crate::ErrorKind::Refused)).
    ///
    /// All clients are of one user, so this keeps a program of that user that has gone wild from using up the
    /// descriptors of the server. A connection counts until it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().max_connections(100);
    /// # let _ = config;
    /// ```
    pub fn max_connections(mut self, clients: usize) -> Self {
        self.max_connections = clients;
        self
    }

    /// How many clients of a [`Listener`](crate::Listener) may be connected without having said hello. Default: 1,024.
    /// One more is closed, and told why, unless some of them say hello within 20 milliseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = offspring::Config::new().max_silent(10);
    /// # let _ = config;
    /// ```
    pub fn max_silent(mut self, clients: usize) -> Self {
        self.max_silent = clients;
        self
    }

    /// How long a `recv` looks again and again for bytes before it lets the thread sleep. Default: not at all.
    ///
    /// To wake a thread costs some microseconds, and on a virtual machine whose processors have gone to sleep fifty or
    /// more. Who looks again and again is there at once: a round trip then takes a fraction of the time, if there is a
    /// free processor for each of the two sides. The price is one processor at full load for as long as this lasts, in
    /// each `recv` that has to wait, and one system call for each look. On a machine without a free processor both sides
    /// get slower, not faster.
    ///
    /// In the async API the whole thread of the runtime does nothing else meanwhile: its other tasks stand still for that
    /// long, each time a waiting `recv` is polled. Use it on a thread that has only this connection to serve, with a time
    /// of some tens of microseconds, not more than what an answer usually takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// let config = offspring::Config::new().busy_poll(Duration::from_micros(50));
    /// # let _ = config;
    /// ```
    pub fn busy_poll(mut self, duration: Duration) -> Self {
        self.busy_poll = duration.min(LONGEST);
        self
    }

    /// Never none: where nothing may be read, nothing is known of the other side either.
    pub(crate) fn read_ahead_limit(&self) -> usize {
        self.read_ahead.max(1)
    }

    /// The hello that this side says.
    pub(crate) fn hello(&self) -> Hello {
        self.hello
            .clone()
            .with_max_message(self.limits.max_message() as u64)
    }
}

#[cfg(feature = "node")]
impl Config {
    /// Lets a child of Node.js go on when its parent dies. Default: no, it is ended after 2 seconds.
    ///
    /// A Rust parent decides that itself, by [`Command::outlive_parent`](crate::Command::outlive_parent); Node does not say
    /// anything. The child's `recv` ends in either case.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> offspring::Result<()> {
    /// use offspring::{Config, Parent};
    ///
    /// let config = Config::new().outlive_parent(true);
    /// let parent = Parent::<str, String>::attach_with(config)?;
    /// # let _ = parent;
    /// # Ok(())
    /// # }
    /// ```
    pub fn outlive_parent(mut self, outlive: bool) -> Self {
        self.outlive_parent = outlive;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// As good as for ever, and still a time from now that every clock can tell.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

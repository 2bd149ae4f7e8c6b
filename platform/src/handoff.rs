//! How the channel gets from `spawn` to `attach`: the note in the environment and the first bytes on the channel.
//!
//! The rules are the same on every system and live here as plain functions; moving descriptors and handles is
//! the backends' part.
//!
//! ```text
//! parent                                              child
//! make the channel, its far end in the stdin slot
//! write the preface (and the real stdin with it)
//! set the note in the environment, start the child -> read the note; is this slot what the note describes?
//!                                                     from here on the channel is ours: forget the note
//!                                                     move the channel out of the slot, out of children's sight
//!                                                     read the preface, compare the token
//!                                                     put the real stdin into the slot
//! ```

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::name::{hex, random};
use crate::sys;

/// The environment variable by which a child knows that its stdin slot holds the channel to its parent.
///
/// `spawn` sets it for the child only, and `attach` takes it away, so that no grandchild sees it.
pub const CHANNEL_VARIABLE: &str = "OFFSPRING_CHANNEL";

/// The child's end of what [`spawn`](crate::process::Spawned) made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attached<S> {
    /// The channel to the parent.
    pub channel: S,
    /// The parent's process id.
    pub parent_pid: u32,
}

/// Takes the channel that the parent put into the stdin slot, once, and puts the real stdin back.
///
/// Call it first thing in `main`, inside the runtime, before anything reads the standard input, starts a process
/// or runs C code that reads the environment in another thread: the note is removed from the environment here.
///
/// # Errors
///
/// [`AttachError::NotAChild`] and an error about the missing runtime leave everything as it was: the standard
/// input is still whatever it was. After any other error the channel is lost.
pub fn attach<S: Channel>() -> Result<Attached<S>, AttachError> {
    let attached = once(|attached| {
        let note = std::env::var_os(CHANNEL_VARIABLE).and_then(|text| Note::parse(&text));
        let note = note.ok_or(AttachError::NotAChild)?;
        let slot = sys::Slot::find(&note).ok_or(AttachError::NotAChild)?;
        // Once the slot is empty it would be too late to go back.
        S::Inner::check()?;
        *attached = true;
        remove_variables(&[CHANNEL_VARIABLE]);
        // What a Node parent said was for a process between that one and this one.
        #[cfg(feature = "node")]
        crate::node::forget();
        slot.take::<S::Inner>(&note)
    })?;
    Ok(Attached {
        channel: S::wrap(attached.channel),
        parent_pid: attached.parent_pid,
    })
}

/// What can be one end of the channel between a parent and a child: a stream of either form.
#[expect(private_bounds, reason = "nobody else can add one")]
pub trait Channel: Wrap {}

impl<S: Wrap> Channel for S {}

/// A stream of this package, around that of the backend.
pub(crate) trait Wrap: Sized {
    type Inner: End;

    fn wrap(inner: Self::Inner) -> Self;
}

/// Makes a stream of one end of a channel.
pub(crate) trait End: Sized {
    /// Fails where the stream could not be made, whatever its channel is.
    fn check() -> io::Result<()>;

    fn of_channel(channel: sys::Channel) -> io::Result<Self>;

    /// Notes who reads: when that process has ended, a write that finds no room fails and does not wait.
    fn read_by(&mut self, process: sys::Exit);
}

/// Runs `attach`, which sets its flag when there is no way back, unless one has come so far before.
pub(crate) fn once<T>(
    attach: impl FnOnce(&mut bool) -> Result<T, AttachError>,
) -> Result<T, AttachError> {
    static ATTACHED: Mutex<bool> = Mutex::new(false);
    // Held to the end: of two threads that call at once, one attaches and the other learns of it.
    let mut attached = ATTACHED.lock().unwrap_or_else(PoisonError::into_inner);
    if *attached {
        return Err(AttachError::AlreadyAttached);
    }
    attach(&mut attached)
}

pub(crate) fn remove_variables(names: &[&str]) {
    for name in names {
        // SAFETY: std guards its own accesses to the environment with a lock. What remains are readers in C code on
        // other threads. On Windows they are safe. On Unix, `unsetenv` moves pointers inside the array and frees
        // neither the array nor the string of a variable that came with the process (glibc, musl, macOS, BSD), so
        // such a reader may miss a variable, but reads no freed memory; the documentation says to call this first.
        unsafe { std::env::remove_var(name) };
    }
}

/// Why `attach` failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachError {
    /// The program was not started by `spawn`: no note in the environment, or a stale one.
    NotAChild,
    /// `attach` was called before in this process.
    AlreadyAttached,
    /// Whatever is in the stdin slot does not begin as `spawn` begins.
    Invalid(&'static str),
    /// The system refused.
    Io(io::Error),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAChild => f.write_str("this program was not started as a child"),
            Self::AlreadyAttached => f.write_str("this program has already attached to its parent"),
            Self::Invalid(what) => write!(f, "the parent's channel is unusable: {what}"),
            Self::Io(_) => f.write_str("the parent's channel is unusable"),
        }
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AttachError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Proves that note and preface are of the same spawn, so that a stale note never takes somebody else's channel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token([u8; 16]);

impl Token {
    pub(crate) fn random() -> io::Result<Self> {
        random().map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What [`CHANNEL_VARIABLE`] says: `1:<parent pid>:<token, 32 hexadecimal digits>:<inode of the slot>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) parent_pid: u32,
    pub(crate) token: Token,
    /// By which the child knows its end again: the inode (Unix), or half of the pipe's random name (Windows).
    pub(crate) inode: u64,
}

impl Note {
    /// `None` for anything that [`Display`](fmt::Display) would not have written, version and all.
    pub(crate) fn parse(text: &OsStr) -> Option<Self> {
        let mut fields = text.to_str()?.split(':');
        let (version, pid, token, inode) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        if version != "1" || fields.next().is_some() || token.len() != 32 {
            return None;
        }
        // from_str_radix and parse would take a leading plus sign.
        let digits = |text: &str, hex: bool| {
            text.bytes().all(|b| {
                if hex {
                    b.is_ascii_hexdigit()
                } else {
                    b.is_ascii_digit()
                }
            })
        };
        if !(digits(pid, false) && digits(token, true) && digits(inode, false)) {
            return None;
        }
        Some(Self {
            parent_pid: pid.parse().ok()?,
            token: Token(u128::from_str_radix(token, 16).ok()?.to_be_bytes()),
            inode: inode.parse().ok()?,
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "1:{}:{}:{}",
            self.parent_pid,
            hex(&self.token.0),
            self.inode
        )
    }
}

/// Where the child finds its real standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RealStdin {
    /// It has none: reads end at once.
    Null,
    /// A descriptor that travels with the first byte of the preface (Unix).
    Attached,
    /// A handle that the parent duplicated into the process it started, whose id is in the high half (Windows).
    Handle(u64),
}

/// The first [`Preface::SIZE`] bytes on the channel, before any byte of the protocol above. Little-endian.
///
/// ```text
///  0       4         5       6       7          8           12         16         24          32      48
///  | magic | version | stdin | flags | reserved | grace, ms | reserved | stdin    | parent's  | token |
///  |       |         | 0 1 2 | 1: g. |        0 |           |        0 | handle   | process   |       |
/// ```
///
/// The size and the first five bytes are the same in every version. Flags that the child does not know are
/// ignored, and so are the reserved bytes: what cannot be ignored takes a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preface {
    pub(crate) stdin: RealStdin,
    /// How long the child may outlive its parent; `None`: for ever.
    pub(crate) orphan_grace: Option<Duration>,
    /// A handle of the child on its parent (Windows), or 0.
    pub(crate) parent_process: u64,
    pub(crate) token: Token,
}

impl Preface {
    pub(crate) const SIZE: usize = 48;

    const MAGIC: [u8; 4] = *b"\xf0ffs";
    const VERSION: u8 = 1;
    const FLAG_GRACE: u8 = 1;

    pub(crate) fn encode(&self) -> [u8; Self::SIZE] {
        let (kind, handle) = match self.stdin {
            RealStdin::Null => (0, 0),
            RealStdin::Attached => (1, 0),
            RealStdin::Handle(handle) => (2, handle),
        };
        let mut bytes = [0; Self::SIZE];
        bytes[0..4].copy_from_slice(&Self::MAGIC);
        bytes[4] = Self::VERSION;
        bytes[5] = kind;
        if let Some(grace) = self.orphan_grace {
            bytes[6] = Self::FLAG_GRACE;
            let millis = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
            bytes[8..12].copy_from_slice(&millis.to_le_bytes());
        }
        bytes[16..24].copy_from_slice(&handle.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.parent_process.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.token.0);
        bytes
    }

    /// The `Err` is for [`AttachError::Invalid`].
    pub(crate) fn decode(bytes: &[u8; Self::SIZE], token: Token) -> Result<Self, &'static str> {
        let word = |at: usize| -> u64 {
            bytes[at..at + 8]
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        if bytes[0..4] != Self::MAGIC {
            return Err("it does not begin as the channel of a parent begins");
        }
        if bytes[4] != Self::VERSION {
            return Err("the parent uses another version of the hand-over");
        }
        if bytes[32..48] != token.0 {
            return Err("it is not the channel that the environment describes");
        }
        let stdin = match bytes[5] {
            0 => RealStdin::Null,
            1 => RealStdin::Attached,
            2 => RealStdin::Handle(word(16)),
            _ => return Err("the kind of the standard input is unknown"),
        };
        // The low half of the word at 8 is the grace; the high half is reserved.
        let grace = Duration::from_millis(word(8) & u64::from(u32::MAX));
        let orphan_grace = (bytes[6] & Self::FLAG_GRACE != 0).then_some(grace);
        Ok(Self {
            stdin,
            orphan_grace,
            parent_process: word(24),
            token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token =
        Token(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff");

    #[test]
    fn a_note_reads_as_it_was_written() {
        let note = Note {
            parent_pid: 4711,
            token: TOKEN,
            inode: u64::MAX,
        };
        let text = note.to_string();
        assert_eq!(
            text,
            "1:4711:000102030405060708090a0b0c0d0eff:18446744073709551615"
        );
        assert_eq!(Note::parse(OsStr::new(&text)), Some(note));
    }

    #[test]
    fn anything_else_is_not_a_note() {
        let token = "000102030405060708090a0b0c0d0eff";
        assert!(Note::parse(OsStr::new(&format!("1:2:{token}:3"))).is_some());
        for text in [
            String::new(),
            "1".into(),
            "1:::".into(),
            format!("2:2:{token}:3"),
            format!("1:2:{token}"),
            format!("1:2:{token}:3:4"),
            format!("1:+2:{token}:3"),
            format!("1:2:+{}:3", &token[1..]),
            format!("1:2:{}:3", &token[1..]),
            format!("1:2:{token}:"),
            format!("1:4294967296:{token}:3"),
            format!("1:2:{token}:18446744073709551616"),
            format!(" 1:2:{token}:3"),
            format!("1:2:{}é:3", &token[2..]),
        ] {
            assert_eq!(Note::parse(OsStr::new(&text)), None, "{text:?}");
        }
    }

    #[test]
    fn the_bytes_of_a_preface_are_these() {
        let preface = Preface {
            stdin: RealStdin::Handle(0x1122_3344_5566_7788),
            orphan_grace: Some(Duration::from_millis(2000)),
            parent_process: 0x1c4,
            token: TOKEN,
        };
        let bytes = preface.encode();
        #[rustfmt::skip]
        assert_eq!(bytes, [
            0xf0, b'f', b'f', b's', 1, // magic, version
            2, 1, 0,                   // stdin is a handle, flag for the grace, reserved
            0xd0, 0x07, 0, 0,          // grace: 2000 ms
            0, 0, 0, 0,                // reserved
            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, // the handle
            0xc4, 0x01, 0, 0, 0, 0, 0, 0,                   // the parent's process
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff, // token
        ]);
        assert_eq!(Preface::decode(&bytes, TOKEN), Ok(preface));
    }

    #[test]
    fn a_preface_reads_as_it_was_written() {
        let graces = [
            None,
            Some(Duration::ZERO),
            Some(Duration::from_millis(u32::MAX.into())),
        ];
        for stdin in [
            RealStdin::Null,
            RealStdin::Attached,
            RealStdin::Handle(u64::MAX),
        ] {
            for orphan_grace in graces {
                let preface = Preface {
                    stdin,
                    orphan_grace,
                    parent_process: 7,
                    token: TOKEN,
                };
                assert_eq!(Preface::decode(&preface.encode(), TOKEN), Ok(preface));
            }
        }
    }

    #[test]
    fn a_longer_grace_than_fits_is_the_longest_one() {
        let preface = Preface {
            stdin: RealStdin::Null,
            orphan_grace: Some(Duration::MAX),
            parent_process: 0,
            token: TOKEN,
        };
        let read = Preface::decode(&preface.encode(), TOKEN).unwrap();
        assert_eq!(
            read.orphan_grace,
            Some(Duration::from_millis(u32::MAX.into()))
        );
    }

    #[test]
    fn a_preface_of_another_spawn_version_or_program_is_refused() {
        let preface = Preface {
            stdin: RealStdin::Null,
            orphan_grace: None,
            parent_process: 0,
            token: TOKEN,
        };
        let good = preface.encode();
        // Every byte that has to be right, and none that may differ.
        for at in (0..5).chain(32..48) {
            let mut bad = good;
            bad[at] ^= 0x80;
            assert!(Preface::decode(&bad, TOKEN).is_err(), "byte {at}");
        }
        let mut bad = good;
        bad[5] = 3;
        assert!(Preface::decode(&bad, TOKEN).is_err());
        let mut newer = good;
        newer[6] |= 0x80; // a flag of a later release
        newer[7] = 1;
        newer[12] = 1;
        assert_eq!(Preface::decode(&newer, TOKEN), Ok(preface));
    }
}

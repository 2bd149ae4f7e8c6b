//! The opening: what each side says before anything else.

use std::ops::RangeInclusive;

use super::agreement::Agreement;
use super::control::{Fields, MAX_STR, Map};
use super::frame::Parsed;
use super::limits::{Limits, clamp_message};
use crate::{Error, ErrorKind, Result};

/// What one side says about itself before anything else.
///
/// Both sides send theirs at once, without waiting for the other, so that opening costs no round trip. What the two
/// have in common is an [`Agreement`].
///
/// # Examples
///
/// ```
/// use offspring::wire::Hello;
///
/// let old = Hello::new().with_protocol("com.example.indexer", 1..=2)?;
/// let new = Hello::new().with_protocol("com.example.indexer", 2..=5)?;
/// assert_eq!(old.agree(&new)?.protocol_version(), Some(2));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    wire: RangeInclusive<u8>,
    max_message: u32,
    protocol: Option<Protocol>,
    agent: String,
    refusal: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Protocol {
    name: String,
    versions: RangeInclusive<u32>,
}

impl Hello {
    /// The hello of this version of the crate, with no application protocol and the default limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert_eq!(Hello::new().wire_versions(), 1..=1);
    /// ```
    pub fn new() -> Self {
        Self {
            wire: 1..=1,
            max_message: DEFAULT_MAX_MESSAGE,
            protocol: None,
            agent: concat!("offspring ", env!("CARGO_PKG_VERSION")).to_owned(),
            refusal: None,
        }
    }

    /// Sets the size of the largest message that this side receives, in bytes.
    ///
    /// An [`Inbox`](super::Inbox) holds the peer to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert_eq!(Hello::new().with_max_message(4096).max_message(), 4096);
    /// ```
    #[must_use]
    pub fn with_max_message(mut self, bytes: u64) -> Self {
        self.max_message = clamp_message(bytes);
        self
    }

    /// Sets the application's own protocol: its name, and the versions of it that this side can speak.
    ///
    /// Two sides go on only if both name the same protocol and have a version in common, or neither names one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] if the name is empty or longer than 255 bytes, or if there is no version in the
    /// range.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// let hello = Hello::new().with_protocol("com.example.indexer", 1..=3)?;
    /// assert_eq!(hello.protocol(), Some(("com.example.indexer", 1..=3)));
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn with_protocol(mut self, name: &str, versions: RangeInclusive<u32>) -> Result<Self> {
        let protocol = Protocol {
            name: name.to_owned(),
            versions,
        };
        if let Some(reason) = protocol.fault() {
            return Err(Error::new(
                ErrorKind::InvalidName,
                format!("set protocol {name:?}: {reason}"),
            ));
        }
        self.protocol = Some(protocol);
        Ok(self)
    }

    /// Tells the peer that this side does not take it, and why: in a sentence for people, of which the first 255 bytes
    /// are sent. Nothing follows such a hello.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::Hello;
    ///
    /// let full = Hello::new().with_refusal("it has no room for one more");
    /// assert_eq!(Hello::new().agree(&full).unwrap_err().kind(), ErrorKind::Refused);
    /// ```
    #[must_use]
    pub fn with_refusal(mut self, reason: &str) -> Self {
        let end = (0..=reason.len().min(MAX_STR)).rfind(|end| reason.is_char_boundary(*end));
        self.refusal = Some(reason[..end.unwrap_or(0)].to_owned());
        self
    }

    /// Appends the bytes of this hello to `out`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// let mut bytes = Vec::new();
    /// Hello::new().encode(&mut bytes);
    /// assert!(bytes.starts_with(b"\x89OFS\r\n\x1a\n\x01\x01"));
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[*self.wire.start(), *self.wire.end(), 0, 0]);
        let start = out.len();
        let entries = 1
            + usize::from(self.protocol.is_some())
            + usize::from(!self.agent.is_empty())
            + usize::from(self.refusal.is_some());
        let mut map = Map::begin(out, entries);
        map.uint("max_message", self.max_message);
        if let Some(Protocol { name, versions }) = &self.protocol {
            let mut map = map.map("protocol", 3);
            map.str("name", name);
            map.uint("min", *versions.start());
            map.uint("max", *versions.end());
        }
        if !self.agent.is_empty() {
            map.str("agent", &self.agent);
        }
        if let Some(reason) = &self.refusal {
            map.str("refused", reason);
        }
        let len = u16::try_from(out.len() - start).expect("the strings in it are short");
        out[start - 2..start].copy_from_slice(&len.to_be_bytes());
    }

    /// Looks for a hello at the beginning of `bytes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] as soon as the bytes cannot become a hello: the text shows what came instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// let error = Hello::parse(b"GET / HTTP/1.1\r\n").unwrap_err();
    /// assert_eq!(error.to_string(), r#"read the hello: peer speaks something else: "GET / HTTP/1.1\r\n""#);
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Parsed<Self>> {
        let known = bytes.len().min(MAGIC.len());
        if bytes[..known] != MAGIC[..known] {
            let shown = bytes[..bytes.len().min(16)].escape_ascii();
            return Err(fault(format_args!(
                "peer speaks something else: \"{shown}\""
            )));
        }
        let Some(&[wire_min, wire_max, high, low]) = bytes[known..].first_chunk() else {
            return Ok(Parsed::Incomplete { need: HEAD });
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if wire_min == 0 || wire_min > wire_max {
            return Err(fault(format_args!(
                "its wire versions are {wire_min}..={wire_max}"
            )));
        }
        if len > MAX_MAP {
            return Err(fault(format_args!(
                "its map has {len} bytes, {MAX_MAP} are allowed"
            )));
        }
        let Some(map) = bytes.get(HEAD..HEAD + len) else {
            return Ok(Parsed::Incomplete { need: HEAD + len });
        };
        let value = Self::parse_map(wire_min..=wire_max, map)
            .map_err(|reason| fault(format_args!("{reason}")))?;
        Ok(Parsed::Complete {
            len: HEAD + len,
            value,
        })
    }

    /// Finds out what this side and its peer have in common. Both sides come to the same answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Incompatible`] if they have no wire version or no application protocol in common;
    /// [`ErrorKind::Refused`] if one of them does not take the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::ErrorKind;
    /// use offspring::wire::Hello;
    ///
    /// let indexer = Hello::new().with_protocol("com.example.indexer", 1..=2)?;
    /// let player = Hello::new().with_protocol("com.example.player", 1..=2)?;
    /// let error = indexer.agree(&player).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Incompatible);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn agree(&self, peer: &Self) -> Result<Agreement> {
        if let Some(reason) = peer.refusal.as_ref().or(self.refusal.as_ref()) {
            let text = format!("it refuses this connection: {reason:?}");
            return Err(Error::new(ErrorKind::Refused, text));
        }
        let incompatible = |what: &str, ours: String, theirs: String| {
            let text = format!(
                "agree on {what}: this side has {ours}, the peer ({:?}) has {theirs}",
                peer.agent
            );
            Err(Error::new(ErrorKind::Incompatible, text))
        };
        let Some(wire_version) = highest_common(&self.wire, &peer.wire) else {
            return incompatible(
                "a wire version",
                format!("{:?}", self.wire),
                format!("{:?}", peer.wire),
            );
        };
        let protocol_version = match (&self.protocol, &peer.protocol) {
            (None, None) => None,
            (Some(ours), Some(theirs)) if ours.name == theirs.name => {
                highest_common(&ours.versions, &theirs.versions)
            }
            _ => None,
        };
        if protocol_version.is_none() && (self.protocol.is_some() || peer.protocol.is_some()) {
            let show = |protocol: &Option<Protocol>| match protocol {
                Some(Protocol { name, versions }) => format!("{name:?} {versions:?}"),
                None => "none".to_owned(),
            };
            return incompatible(
                "an application protocol",
                show(&self.protocol),
                show(&peer.protocol),
            );
        }
        Ok(Agreement {
            wire_version,
            max_message: peer.max_message,
            protocol_version,
        })
    }

    /// The versions of the wire format that this side can speak.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert!(Hello::new().wire_versions().contains(&1));
    /// ```
    pub fn wire_versions(&self) -> RangeInclusive<u8> {
        self.wire.clone()
    }

    /// The size of the largest message that this side receives, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert_eq!(Hello::new().max_message(), 16 * 1024 * 1024);
    /// ```
    pub fn max_message(&self) -> u64 {
        u64::from(self.max_message)
    }

    /// The application's own protocol, and which versions of it this side can speak.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert_eq!(Hello::new().protocol(), None);
    /// ```
    pub fn protocol(&self) -> Option<(&str, RangeInclusive<u32>)> {
        self.protocol
            .as_ref()
            .map(|protocol| (protocol.name.as_str(), protocol.versions.clone()))
    }

    /// What the program says it is made with, for people. A peer can write anything there.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert!(Hello::new().agent().starts_with("offspring "));
    /// ```
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// Why the side that says this does not take the other, if it does not. A peer can write anything there.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert_eq!(Hello::new().refusal(), None);
    /// assert_eq!(Hello::new().with_refusal("not today").refusal(), Some("not today"));
    /// ```
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    fn parse_map(wire: RangeInclusive<u8>, bytes: &[u8]) -> Result<Self, String> {
        let mut hello = Self {
            wire,
            max_message: DEFAULT_MAX_MESSAGE,
            protocol: None,
            agent: String::new(),
            refusal: None,
        };
        for (key, value) in Fields::parse(bytes)? {
            match key {
                "max_message" => hello.max_message = clamp_message(value.uint(key)?),
                "protocol" => hello.protocol = Some(Protocol::parse(value.bytes())?),
                "agent" => hello.agent = value.str(key)?.to_owned(),
                "features" => value.strs(key)?,
                "refused" => hello.refusal = Some(value.str(key)?.to_owned()),
                _ => {}
            }
        }
        Ok(hello)
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self::new()
    }
}

impl Protocol {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (mut name, mut min, mut max) = (None, None, None);
        for (key, value) in Fields::parse(bytes)? {
            match key {
                "name" => name = Some(value.str(key)?.to_owned()),
                "min" => min = Some(value.uint(key)?),
                "max" => max = Some(value.uint(key)?),
                _ => {}
            }
        }
        let version =
            |version: Option<u64>| version.and_then(|version| u32::try_from(version).ok());
        let (Some(name), Some(min), Some(max)) = (name, version(min), version(max)) else {
            return Err("its protocol needs a name, a min and a max of 32 bits".to_owned());
        };
        let protocol = Self {
            name,
            versions: min..=max,
        };
        match protocol.fault() {
            Some(reason) => Err(format!("its protocol {:?}: {reason}", protocol.name)),
            None => Ok(protocol),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        if self.name.is_empty() || self.name.len() > MAX_STR {
            Some("the name needs 1 to 255 bytes")
        } else if self.versions.is_empty() {
            Some("there is no version in the range")
        } else {
            None
        }
    }
}

fn highest_common<T: Ord + Copy>(
    ours: &RangeInclusive<T>,
    theirs: &RangeInclusive<T>,
) -> Option<T> {
    let min = *ours.start().max(theirs.start());
    let max = *ours.end().min(theirs.end());
    (min <= max).then_some(max)
}

fn fault(reason: std::fmt::Arguments<'_>) -> Error {
    Error::new(ErrorKind::Protocol, format!("read the hello: {reason}"))
}

/// Not text, and not the beginning of any protocol we know. The line ends and the end-of-file mark in it catch
/// whatever changes bytes on the way, as in PNG.
const MAGIC: [u8; 8] = *b"\x89OFS\r\n\x1a\n";
const HEAD: usize = MAGIC.len() + 4;
/// Keeps a whole hello within 4 KiB.
const MAX_MAP: usize = 4096 - HEAD;
/// What a side receives that does not say.
const DEFAULT_MAX_MESSAGE: u32 = Limits::new().max_message() as u32;

//! What one side accepts, and how it writes structs.

/// What a message may cost: its size, its depth, and how many items it may have.
///
/// The receiver enforces all three before a message is decoded, so that hostile bytes cost little memory and
/// little stack. The sender enforces them too, where the mistake is made and the connection can go on.
///
/// # Examples
///
/// ```
/// use offspring::wire::Limits;
///
/// let limits = Limits::new().with_max_message(1024 * 1024).with_max_items(10_000);
/// assert_eq!(limits.max_message(), 1024 * 1024);
/// assert_eq!(limits.max_depth(), 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_message: u32,
    max_depth: u32,
    max_items: u32,
}

impl Limits {
    /// The largest depth that can be asked for, and the default.
    ///
    /// A debug build spends a few KiB of stack per level of a decoded value. 128 levels leave a fourfold margin on
    /// the 2 MiB that a thread has by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_depth(5000).max_depth(), Limits::MAX_DEPTH);
    /// ```
    pub const MAX_DEPTH: u32 = 128;

    /// The default limits: 16 MiB, 128 levels, 1,100,000 items.
    ///
    /// So many items are one MiB in a plain `Vec<u8>`, or a million of anything else, with some room for what is around
    /// them.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().max_message(), 16 * 1024 * 1024);
    /// ```
    pub const fn new() -> Self {
        Self {
            max_message: 16 * 1024 * 1024,
            max_depth: Self::MAX_DEPTH,
            max_items: 1_100_000,
        }
    }

    /// Sets the size of the largest message, in bytes.
    ///
    /// The wire has room for 64 bytes to 4 GiB less 2 bytes; what is outside counts as the nearer end.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_message(0).max_message(), 64);
    /// ```
    #[must_use]
    pub const fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = clamp_message(bytes as u64);
        self
    }

    /// Sets how deep arrays, maps and extensions may be nested, at most [`MAX_DEPTH`](Self::MAX_DEPTH).
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_depth(16).max_depth(), 16);
    /// ```
    #[must_use]
    pub const fn with_max_depth(mut self, levels: u32) -> Self {
        self.max_depth = if levels > Self::MAX_DEPTH {
            Self::MAX_DEPTH
        } else {
            levels
        };
        self
    }

    /// Sets how many items a message may have: the elements of all its arrays and the entries of all its maps.
    ///
    /// A field of a struct is an item, and so is a byte in a plain `Vec<u8>`; bytes in a `serde_bytes` type are none.
    ///
    /// One byte on the wire can become a large value in memory (a struct whose fields all have defaults). A hostile
    /// message costs at most about the size of your largest item times this number.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_items(500).max_items(), 500);
    /// ```
    #[must_use]
    pub const fn with_max_items(mut self, items: u32) -> Self {
        self.max_items = items;
        self
    }

    /// The size of the largest message, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().with_max_message(4096).max_message(), 4096);
    /// ```
    pub const fn max_message(&self) -> usize {
        self.max_message as usize
    }

    /// How deep containers may be nested.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().max_depth(), 128);
    /// ```
    pub const fn max_depth(&self) -> u32 {
        self.max_depth
    }

    /// How many items a message may have.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Limits;
    ///
    /// assert_eq!(Limits::new().max_items(), 1_100_000);
    /// ```
    pub const fn max_items(&self) -> u32 {
        self.max_items
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// How the fields of a struct are written. Every reader accepts both.
///
/// # Examples
///
/// ```
/// use offspring::wire::{Encoding, Limits, Outbox};
///
/// #[derive(serde::Serialize)]
/// struct Point {
///     x: u8,
///     y: u8,
/// }
///
/// let mut named = Outbox::new(Limits::new(), Encoding::Named);
/// named.push(&Point { x: 1, y: 2 })?;
/// let mut compact = Outbox::new(Limits::new(), Encoding::Compact);
/// compact.push(&Point { x: 1, y: 2 })?;
/// assert_eq!((named.len(), compact.len()), (12, 8));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// As maps with the names of the fields: fields may be added, left out and put in another order, and other
    /// languages can read them.
    #[default]
    Named,
    /// As arrays, without names: smaller and faster, for peers built from the same source. Fields that move are
    /// swapped silently, and `skip_serializing_if` must not be used. Adjacently tagged and untagged enums whose variants
    /// have named fields cannot be decoded.
    Compact,
}

/// The nearest size that the length field of a frame can express and that leaves room for control frames.
pub(super) const fn clamp_message(bytes: u64) -> u32 {
    const MAX: u32 = u32::MAX - 1;
    if bytes < 64 {
        64
    } else if bytes > MAX as u64 {
        MAX
    } else {
        bytes as u32
    }
}

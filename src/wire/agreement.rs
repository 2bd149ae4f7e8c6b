//! What two sides have in common.

/// What two sides have in common.
///
/// # Examples
///
/// ```
/// use offspring::wire::Hello;
///
/// let agreement = Hello::new().agree(&Hello::new().with_max_message(4096))?;
/// assert_eq!(agreement.wire_version(), 1);
/// assert_eq!(agreement.max_message(), 4096);
/// assert_eq!(agreement.protocol_version(), None);
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub(super) wire_version: u8,
    pub(super) max_message: u32,
    pub(super) protocol_version: Option<u32>,
}

impl Agreement {
    /// The version of the wire format: the highest one that both can speak.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// assert_eq!(Hello::new().agree(&Hello::new())?.wire_version(), 1);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn wire_version(&self) -> u8 {
        self.wire_version
    }

    /// The size of the largest message that the *peer* receives, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// let ours = Hello::new().with_max_message(1_000_000);
    /// let theirs = Hello::new().with_max_message(4096);
    /// assert_eq!(ours.agree(&theirs)?.max_message(), 4096);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn max_message(&self) -> u64 {
        u64::from(self.max_message)
    }

    /// The version of the application's protocol, the highest one that both can speak; `None` if neither named one.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::wire::Hello;
    ///
    /// let hello = Hello::new().with_protocol("com.example.indexer", 1..=3)?;
    /// assert_eq!(hello.agree(&hello)?.protocol_version(), Some(3));
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn protocol_version(&self) -> Option<u32> {
        self.protocol_version
    }
}

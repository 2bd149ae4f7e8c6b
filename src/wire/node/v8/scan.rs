//! Structural check of V8's bytes, before serde sees them.

use super::super::super::Limits;
use super::super::fault::Fault;
use super::reader::{Reader, Token};

/// Checks that `bytes` are exactly one value behind a header, within the limits, and finds what is referred to.
///
/// Without recursion, and without allocation unless there are references, so that it is safe on bytes from anybody. How
/// many elements a sparse array has is not checked: they are not there.
pub(super) fn scan(bytes: &[u8], limits: Limits) -> Result<Scan, Fault> {
    let [0xff, 13..=15, ..] = bytes else {
        return Err(Fault::Header);
    };
    let mut walk = Walk::new(Reader::new(bytes, 2), limits);
    walk.value()?;
    match walk.reader.left() {
        0 => {}
        extra => return Err(Fault::Trailing(extra)),
    }
    let items = walk.items;
    let mut ids = walk.references;
    if ids.is_empty() {
        let targets = Vec::new();
        return Ok(Scan { targets, items });
    }
    ids.sort_unstable();
    ids.dedup();
    let targets = ids.into_iter().map(Target::new).collect();
    let mut walk = Walk::new(Reader::new(bytes, 2), limits);
    walk.targets = targets;
    walk.value()?;
    let targets = walk.targets;
    Ok(Scan { targets, items })
}

/// Goes past one value of bytes that have been scanned.
pub(super) fn skip(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let mut first = *reader;
    let is_plain = !matches!(
        first.token()?,
        Token::Object
            | Token::Dense(_)
            | Token::Sparse(_)
            | Token::Map
            | Token::Set
            | Token::Error
            | Token::Host
    );
    if is_plain {
        *reader = first;
        return Ok(());
    }
    let mut walk = Walk::new(*reader, Limits::new().with_max_items(u32::MAX));
    // Here it cannot tell what comes before and what does not.
    walk.next_id = u64::MAX / 2;
    walk.value()?;
    *reader = walk.reader;
    Ok(())
}

/// What a scan finds.
#[derive(Debug)]
pub(super) struct Scan {
    /// The objects that are referred to, in order.
    pub(super) targets: Vec<Target>,
    /// How many elements, properties and entries there are.
    pub(super) items: u64,
}

/// An object that is referred to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Its number among all objects.
    pub(super) id: u32,
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many items are inside, at all levels.
    pub(super) items: u64,
    /// The `ArrayBuffer` of a view, which stands for nothing else.
    pub(super) is_hidden: bool,
}

impl Target {
    fn new(id: u32) -> Self {
        Self {
            id,
            start: 0,
            end: 0,
            items: 0,
            is_hidden: false,
        }
    }
}

/// A container that has been begun.
#[derive(Clone, Copy)]
struct Frame {
    kind: Kind,
    /// How many elements must still come.
    left: u32,
    /// How many elements or entries there have been, without those of `left`.
    count: u32,
    /// The length of the array.
    length: u32,
    target: Option<u32>,
    items_before: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    Object,
    Dense,
    Sparse,
    Map,
    Set,
    Error,
    Host,
}

struct Walk<'de> {
    reader: Reader<'de>,
    limits: Limits,
    next_id: u64,
    items: u64,
    stack: [Frame; Limits::MAX_DEPTH as usize],
    depth: usize,
    references: Vec<u32>,
    /// In the second walk: those to find.
    targets: Vec<Target>,
    next_target: usize,
}

impl<'de> Walk<'de> {
    fn new(reader: Reader<'de>, limits: Limits) -> Self {
        let frame = Frame {
            kind: Kind::Object,
            left: 0,
            count: 0,
            length: 0,
            target: None,
            items_before: 0,
        };
        Self {
            reader,
            limits,
            next_id: 0,
            items: 0,
            stack: [frame; Limits::MAX_DEPTH as usize],
            depth: 0,
            references: Vec::new(),
            targets: Vec::new(),
            next_target: 0,
        }
    }

    fn value(&mut self) -> Result<(), Fault> {
        loop {
            self.begin()?;
            loop {
                if self.depth == 0 {
                    return Ok(());
                }
                if self.go_on()? {
                    break;
                }
            }
        }
    }

    /// Takes a value, or the beginning of one.
    fn begin(&mut self) -> Result<(), Fault> {
        self.reader.peek()?;
        let start = self.reader.at();
        let token = self.reader.token()?;
        let kind = match token {
            Token::Object => Kind::Object,
            Token::Dense(length) => return self.enter(Kind::Dense, start, length),
            Token::Sparse(length) => return self.enter(Kind::Sparse, start, length),
            Token::Map => Kind::Map,
            Token::Set => Kind::Set,
            Token::Error => Kind::Error,
            Token::Host => Kind::Host,
            Token::Hole => return Err(self.reader.broken("a hole is not in an array")),
            Token::Reference(id) => {
                if u64::from(id) >= self.next_id {
                    return Err(self
                        .reader
                        .broken("a reference to an object that does not come before it"));
                }
                if self.targets.is_empty() {
                    self.references.push(id);
                }
                return Ok(());
            }
            Token::View(_, _, Some(buffer_end)) => {
                if let Some(buffer) = self.found(start) {
                    let buffer = &mut self.targets[buffer as usize];
                    (buffer.end, buffer.is_hidden) = (buffer_end, true);
                }
                return self.object(start);
            }
            Token::Date(_)
            | Token::RegExp(..)
            | Token::BoxedBool(_)
            | Token::BoxedNumber(_)
            | Token::BoxedBigInt(_)
            | Token::BoxedText(_)
            | Token::ArrayBuffer(_)
            | Token::View(_, _, None) => return self.object(start),
            Token::Undefined
            | Token::Null
            | Token::Bool(_)
            | Token::Int(_)
            | Token::Uint(_)
            | Token::Double(_)
            | Token::BigInt(_)
            | Token::Text(_) => return Ok(()),
        };
        self.enter(kind, start, 0)
    }

    /// Notes an object with nothing inside.
    fn object(&mut self, start: usize) -> Result<(), Fault> {
        if let Some(target) = self.found(start) {
            self.targets[target as usize].end = self.reader.at();
        }
        Ok(())
    }

    /// Numbers an object; the place in the list, if it is one that is looked for.
    fn found(&mut self, start: usize) -> Option<u32> {
        let id = self.next_id;
        self.next_id += 1;
        let target = self.targets.get_mut(self.next_target)?;
        if u64::from(target.id) != id {
            return None;
        }
        target.start = start;
        self.next_target += 1;
        Some(self.next_target as u32 - 1)
    }

    fn enter(&mut self, kind: Kind, start: usize, length: u32) -> Result<(), Fault> {
        if self.depth >= self.limits.max_depth() as usize {
            return Err(Fault::Deep(self.limits.max_depth()));
        }
        let target = self.found(start);
        let items_before = self.items;
        let left = if matches!(kind, Kind::Dense) {
            length
        } else {
            0
        };
        self.add(u64::from(left))?;
        self.stack[self.depth] = Frame {
            kind,
            left,
            count: 0,
            length,
            target,
            items_before,
        };
        self.depth += 1;
        Ok(())
    }

    fn add(&mut self, items: u64) -> Result<(), Fault> {
        self.items += items;
        if self.items > u64::from(self.limits.max_items()) {
            return Err(Fault::Many(self.limits.max_items()));
        }
        Ok(())
    }

    /// Goes on in the innermost container: whether a value must come next. If not, the container has ended.
    fn go_on(&mut self) -> Result<bool, Fault> {
        let frame = &mut self.stack[self.depth - 1];
        let is_entry = match frame.kind {
            Kind::Object => property(&mut self.reader, b'{', frame)?,
            Kind::Dense if frame.left > 0 => {
                frame.left -= 1;
                if self.reader.peek()? == b'-' {
                    self.reader.tag()?;
                    return self.go_on_behind_hole();
                }
                return Ok(true);
            }
            Kind::Dense => property(&mut self.reader, b'$', frame)?,
            Kind::Sparse => property(&mut self.reader, b'@', frame)?,
            Kind::Map => {
                let is_key = frame.count % 2 == 0;
                if is_key && self.reader.peek()? == b':' {
                    end(&mut self.reader, frame)?;
                    false
                } else {
                    frame.count = frame.count.checked_add(1).ok_or(Fault::Short)?;
                    if !is_key {
                        return Ok(true);
                    }
                    true
                }
            }
            Kind::Set => {
                if self.reader.peek()? == b',' {
                    end(&mut self.reader, frame)?;
                    false
                } else {
                    frame.count += 1;
                    true
                }
            }
            Kind::Error => return self.go_on_in_error(),
            Kind::Host => {
                let is_value = frame.count == 0;
                frame.count = 1;
                if !is_value {
                    self.leave();
                }
                return Ok(is_value);
            }
        };
        if is_entry {
            self.add(1)?;
        } else {
            self.leave();
        }
        Ok(is_entry)
    }

    /// A run of holes must not become a recursion.
    fn go_on_behind_hole(&mut self) -> Result<bool, Fault> {
        let frame = &mut self.stack[self.depth - 1];
        while frame.left > 0 && self.reader.peek()? == b'-' {
            self.reader.tag()?;
            frame.left -= 1;
        }
        if frame.left > 0 {
            frame.left -= 1;
            return Ok(true);
        }
        self.go_on()
    }

    fn go_on_in_error(&mut self) -> Result<bool, Fault> {
        loop {
            match self.reader.tag()? {
                b'E' | b'R' | b'F' | b'S' | b'T' | b'U' => {}
                b'm' | b's' => {
                    self.reader.text()?;
                }
                b'c' => {
                    self.add(1)?;
                    return Ok(true);
                }
                b'.' => {
                    self.leave();
                    return Ok(false);
                }
                tag => {
                    let at = self.reader.at() - 1;
                    return Err(Fault::Tag { at, tag });
                }
            }
        }
    }

    fn leave(&mut self) {
        self.depth -= 1;
        let frame = self.stack[self.depth];
        if let Some(target) = frame.target {
            let target = &mut self.targets[target as usize];
            target.end = self.reader.at();
            target.items = self.items - frame.items_before;
        }
    }
}

/// Takes the key of a property, or the end of all and what is said about them.
fn property(reader: &mut Reader<'_>, tag: u8, frame: &mut Frame) -> Result<bool, Fault> {
    if reader.peek()? != tag {
        reader.key(tag)?;
        frame.count += 1;
        return Ok(true);
    }
    end(reader, frame)?;
    let is_array = !matches!(frame.kind, Kind::Object);
    if is_array && reader.varint()? != frame.length {
        return Err(reader.broken("an array has two lengths"));
    }
    Ok(false)
}

/// Takes the end, and the count that follows it.
fn end(reader: &mut Reader<'_>, frame: &Frame) -> Result<(), Fault> {
    reader.tag()?;
    if reader.varint()? != frame.count {
        return Err(reader.broken("there are more or fewer entries than the end says"));
    }
    Ok(())
}

//! [`Value`]: all that Node.js can send.

mod bigint;
mod de;
mod object;
mod ser;
mod view;

use serde::{Deserialize, Serialize};

pub(super) use self::bigint::Digits;
pub use self::bigint::{BigInt, OutOfRange};
pub use self::object::Object;
pub(super) use self::ser::index;
pub(super) use self::view::Element;
pub use self::view::View;
use super::super::Limits;
use super::Serialization;
use crate::Result;

/// Any value that Node.js can send with its `advanced` serialisation: what JavaScript's structured clone can copy.
///
/// Use it where a type of your own would not do: for what has no counterpart in serde (`undefined`, `Map`, `Date`, errors),
/// for objects that contain themselves, or when you do not know what will come. It can stand alone or be a field of your
/// own type.
///
/// It is a tree. An object that is in it more than once, or contains itself, stands in one place as
/// [`Shared`](Self::Shared) with a number, and as [`Reference`](Self::Reference) with that number in all others, behind
/// or inside of the first.
///
/// Two values are equal if they look alike: properties and entries in the same order, shared objects with the same
/// numbers. NaN differs from itself, as always.
///
/// # In JSON
///
/// What `JSON.parse` gives is what comes in. Going out, it is what `JSON.stringify` writes: no property that is
/// `undefined`, `null` for holes, NaN and infinities, dates as text in ISO 8601, a `Buffer` as
/// `{"type":"Buffer","data":[…]}`, other typed arrays as objects. Where that would lose something or cannot be done,
/// sending fails with [`ErrorKind::Encode`](crate::ErrorKind::Encode): `Map`, `Set`, `RegExp`, errors, `BigInt`,
/// `ArrayBuffer`, `DataView`, references. Integers that come in are rounded to a double, as
/// `JSON.parse` does.
///
/// # Examples
///
/// ```
/// use offspring::node::{Object, Serialization, Value};
/// use offspring::wire::Limits;
///
/// // let user = { name: 'ada', born: new Date(0) }; user.self = user;
/// let mut user = Object::new();
/// user.insert("name", "ada");
/// user.insert("born", Value::Date(0.0));
/// user.insert("self", Value::Reference(7));
/// let user = Value::Shared(7, Box::new(user.into()));
///
/// let mut bytes = Vec::new();
/// Serialization::Advanced.encode(&user, Limits::new(), &mut bytes)?;
/// let back: Value = Serialization::Advanced.decode(&bytes, Limits::new())?;
/// assert_eq!(back.get("name").and_then(Value::as_str), Some("ada"));
/// # Ok::<(), offspring::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `undefined`
    #[default]
    Undefined,
    /// `null`
    Null,
    /// A place in an array that was never set. Elsewhere it cannot be sent.
    Hole,
    /// `true` or `false`
    Bool(bool),
    /// A number. All of JavaScript's are doubles.
    Number(f64),
    /// A `bigint`
    BigInt(BigInt),
    /// A string. Halves of surrogate pairs have become U+FFFD.
    String(String),
    /// An array with nothing but elements.
    Array(Vec<Self>),
    /// An array with large gaps, or with properties that are not elements. The keys of elements are their indices in
    /// decimal.
    SparseArray {
        /// The length of the array, which may be larger than the number of elements.
        length: u32,
        /// Elements and properties.
        properties: Object,
    },
    /// A plain object, or an instance of a class, which arrives as one.
    Object(Object),
    /// A `Map`: keys and values.
    Map(Vec<(Self, Self)>),
    /// A `Set`
    Set(Vec<Self>),
    /// A `Date`: milliseconds since 1970 in UTC; NaN is an invalid date.
    Date(f64),
    /// A `RegExp`
    RegExp {
        /// What stands between the slashes.
        source: String,
        /// What stands behind them, of the letters `dgimsuvy`.
        flags: String,
    },
    /// An `Error`. Of its own properties only these are sent by Node.
    Error {
        /// Which of JavaScript's own errors it is, or is derived from.
        class: ErrorClass,
        /// Its `message`
        message: Option<String>,
        /// Its `stack`
        stack: Option<String>,
        /// Its `cause`
        cause: Option<Box<Self>>,
    },
    /// A boolean, number, bigint or string as an object: `new Number(1)`. Others cannot be sent in it.
    Boxed(Box<Self>),
    /// An `ArrayBuffer`
    ArrayBuffer(Vec<u8>),
    /// A typed array, `DataView` or `Buffer`, by its bytes; numbers in them are little-endian.
    View(View, Vec<u8>),
    /// An object that other places refer to by this number. Should the number be there more than once, the last one in
    /// front of a reference counts.
    Shared(u32, Box<Self>),
    /// The same object as the [`Shared`](Self::Shared) with this number, which is in front of it or around it.
    Reference(u32),
}

/// Which of JavaScript's own errors an [`Value::Error`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// `Error`
    #[default]
    Error,
    /// `EvalError`
    EvalError,
    /// `RangeError`
    RangeError,
    /// `ReferenceError`
    ReferenceError,
    /// `SyntaxError`
    SyntaxError,
    /// `TypeError`
    TypeError,
    /// `URIError`
    UriError,
}

impl ErrorClass {
    /// Its name in JavaScript.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::ErrorClass;
    ///
    /// assert_eq!(ErrorClass::TypeError.name(), "TypeError");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::EvalError => "EvalError",
            Self::RangeError => "RangeError",
            Self::ReferenceError => "ReferenceError",
            Self::SyntaxError => "SyntaxError",
            Self::TypeError => "TypeError",
            Self::UriError => "URIError",
        }
    }

    /// V8's letter for it. A plain error has none.
    pub(super) const fn tag(self) -> Option<u8> {
        match self {
            Self::Error => None,
            Self::EvalError => Some(b'E'),
            Self::RangeError => Some(b'R'),
            Self::ReferenceError => Some(b'F'),
            Self::SyntaxError => Some(b'S'),
            Self::TypeError => Some(b'T'),
            Self::UriError => Some(b'U'),
        }
    }

    pub(super) const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            b'E' => Self::EvalError,
            b'R' => Self::RangeError,
            b'F' => Self::ReferenceError,
            b'S' => Self::SyntaxError,
            b'T' => Self::TypeError,
            b'U' => Self::UriError,
            _ => return None,
        })
    }
}

impl Value {
    /// Creates a `Buffer`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Value, View};
    ///
    /// assert_eq!(Value::buffer(*b"ab"), Value::View(View::Buffer, vec![97, 98]));
    /// ```
    pub fn buffer(bytes: impl Into<Vec<u8>>) -> Self {
        Self::View(View::Buffer, bytes.into())
    }

    /// Makes one of any value that serde can serialise.
    ///
    /// # Errors
    ///
    /// As [`Serialization::encode`], with the largest limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// let value = Value::from_serialize(&("ada", [1815, 1852]))?;
    /// assert_eq!(value, Value::Array(vec!["ada".into(), Value::Array(vec![1815.into(), 1852.into()])]));
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let mut bytes = Vec::new();
        Serialization::Advanced.encode(value, LARGEST, &mut bytes)?;
        Serialization::Advanced.decode(&bytes, LARGEST)
    }

    /// Makes a value of a type of yours from it, as if that had been received at once.
    ///
    /// # Errors
    ///
    /// As [`Serialization::decode`], with the largest limits; and [`ErrorKind::Encode`](crate::ErrorKind::Encode) if it is a
    /// value that cannot be sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// let value = Value::Set(vec![1.into(), 2.into()]);
    /// assert_eq!(value.to::<Vec<u8>>()?, [1, 2]);
    /// # Ok::<(), offspring::Error>(())
    /// ```
    pub fn to<T: for<'de> Deserialize<'de>>(&self) -> Result<T> {
        let mut bytes = Vec::new();
        Serialization::Advanced.encode(self, LARGEST, &mut bytes)?;
        Serialization::Advanced.decode(&bytes, LARGEST)
    }

    /// A property, if it is an object that has it, shared or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Object, Value};
    ///
    /// let value = Value::from(Object::from_iter([("x", 1)]));
    /// assert_eq!(value.get("x"), Some(&Value::Number(1.0)));
    /// assert_eq!(value.get("y"), None);
    /// ```
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The object, if it is one, shared or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Object, Value};
    ///
    /// assert_eq!(Value::from(Object::new()).as_object(), Some(&Object::new()));
    /// assert_eq!(Value::Null.as_object(), None);
    /// ```
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Shared(_, value) => value.as_object(),
            _ => None,
        }
    }

    /// The elements, if it is an array with nothing else, shared or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// assert_eq!(Value::Array(vec![Value::Null]).as_array(), Some(&[Value::Null][..]));
    /// ```
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            Self::Shared(_, value) => value.as_array(),
            _ => None,
        }
    }

    /// The text, if it is a string.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// assert_eq!(Value::from("ada").as_str(), Some("ada"));
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// assert_eq!(Value::from(7).as_f64(), Some(7.0));
    /// ```
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The truth, if it is a boolean.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// assert_eq!(Value::from(true).as_bool(), Some(true));
    /// ```
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes, if it is a `Buffer`, another view or an `ArrayBuffer`, shared or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// assert_eq!(Value::buffer(*b"ab").as_bytes(), Some(&b"ab"[..]));
    /// ```
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::View(_, bytes) | Self::ArrayBuffer(bytes) => Some(bytes),
            Self::Shared(_, value) => value.as_bytes(),
            _ => None,
        }
    }

    /// Whether it is `null` or `undefined`.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Value;
    ///
    /// assert!(Value::Undefined.is_nullish());
    /// ```
    pub fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null | Self::Hole)
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        }
    )*};
}

from! {
    bool, value => Self::Bool(value);
    i32, value => Self::Number(f64::from(value));
    u32, value => Self::Number(f64::from(value));
    f64, value => Self::Number(value);
    BigInt, value => Self::BigInt(value);
    &str, value => Self::String(value.to_owned());
    String, value => Self::String(value);
    Vec<Self>, value => Self::Array(value);
    Object, value => Self::Object(value);
}

/// `None` becomes `null`.
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// V8's letters of flags, in the order in which `RegExp.prototype.flags` gives them, each with its bit.
const FLAGS: [(char, u32); 9] = [
    ('d', 1 << 7),
    ('g', 1),
    ('i', 1 << 1),
    ('l', 1 << 6),
    ('m', 1 << 2),
    ('s', 1 << 5),
    ('u', 1 << 4),
    ('v', 1 << 8),
    ('y', 1 << 3),
];

pub(super) fn flags_to_str(bits: u32) -> String {
    let set = FLAGS.iter().filter(|(_, bit)| bits & bit != 0);
    set.map(|&(letter, _)| letter).collect()
}

/// The bits, or the letter that is none of a flag or is there twice.
pub(super) fn flags_from_str(letters: &str) -> Result<u32, char> {
    letters.chars().try_fold(0, |bits, letter| {
        let found = FLAGS.iter().find(|&&(known, _)| known == letter);
        match found {
            Some(&(_, bit)) if bits & bit == 0 => Ok(bits | bit),
            _ => Err(letter),
        }
    })
}

/// The limits for what never leaves the program.
const LARGEST: Limits = Limits::new()
    .with_max_message(usize::MAX)
    .with_max_items(u32::MAX);

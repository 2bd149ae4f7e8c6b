//! [`Object`]: a plain object.

use std::slice;
use std::vec;

use super::Value;

/// A plain object: properties in order.
///
/// # Examples
///
/// ```
/// use offspring::node::{Object, Value};
///
/// let mut object = Object::new();
/// object.insert("x", 1);
/// object.insert("name", "ada");
/// assert_eq!(object.get("x"), Some(&Value::from(1)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    properties: Vec<(String, Value)>,
}

impl Object {
    /// Creates one without properties.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Object;
    ///
    /// assert!(Object::new().is_empty());
    /// ```
    pub const fn new() -> Self {
        Self {
            properties: Vec::new(),
        }
    }

    /// Sets a property, and gives back what it was before. Takes time that grows with the number of properties; to make a
    /// large object, collect it from an iterator.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Object, Value};
    ///
    /// let mut object = Object::new();
    /// assert_eq!(object.insert("x", 1), None);
    /// assert_eq!(object.insert("x", 2), Some(Value::from(1)));
    /// ```
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        if let Some(place) = self.get_mut(&key) {
            return Some(std::mem::replace(place, value));
        }
        self.properties.push((key, value));
        None
    }

    /// A property. If a peer has sent it more than once, the last one counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Object;
    ///
    /// assert_eq!(Object::new().get("x"), None);
    /// ```
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut properties = self.properties.iter().rev();
        properties
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// A property, to be changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Object, Value};
    ///
    /// let mut object = Object::from_iter([("x", 1)]);
    /// if let Some(x) = object.get_mut("x") {
    ///     *x = Value::Null;
    /// }
    /// assert_eq!(object.get("x"), Some(&Value::Null));
    /// ```
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let mut properties = self.properties.iter_mut().rev();
        properties
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Takes a property out.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::{Object, Value};
    ///
    /// let mut object = Object::from_iter([("x", 1)]);
    /// assert_eq!(object.remove("x"), Some(Value::from(1)));
    /// assert!(object.is_empty());
    /// ```
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.properties.iter().rposition(|(name, _)| name == key)?;
        Some(self.properties.remove(at).1)
    }

    /// How many properties there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Object;
    ///
    /// assert_eq!(Object::from_iter([("x", 1), ("y", 2)]).len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.properties.len()
    }

    /// Whether there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Object;
    ///
    /// assert!(!Object::from_iter([("x", 1)]).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// The properties, in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use offspring::node::Object;
    ///
    /// let object = Object::from_iter([("x", 1), ("y", 2)]);
    /// let keys: Vec<_> = object.iter().map(|(key, _)| &key[..]).collect();
    /// assert_eq!(keys, ["x", "y"]);
    /// ```
    pub fn iter(&self) -> slice::Iter<'_, (String, Value)> {
        self.properties.iter()
    }

    pub(super) fn push(&mut self, key: String, value: Value) {
        self.properties.push((key, value));
    }
}

/// The keys must differ from each other.
impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(properties: I) -> Self {
        let properties = properties.into_iter();
        Self {
            properties: properties
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.properties.into_iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = &'a (String, Value);
    type IntoIter = slice::Iter<'a, (String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

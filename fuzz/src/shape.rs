//! What serde makes of any MessagePack value, measured.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

/// How deep a value is nested and how many elements and entries it has, as seen by serde.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) depth: u32,
    pub(super) items: u64,
}

impl Shape {
    /// Adds an element or an entry of a container.
    fn add(&mut self, inside: &[Self]) {
        self.items += 1;
        for value in inside {
            self.depth = self.depth.max(value.depth);
            self.items += value.items;
        }
    }

    fn container(mut self) -> Self {
        self.depth += 1;
        self
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut shape = Shape::default();
        while let Some(element) = seq.next_element()? {
            shape.add(&[element]);
        }
        Ok(shape.container())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shape = Shape::default();
        while let Some((key, value)) = map.next_entry()? {
            shape.add(&[key, value]);
        }
        Ok(shape.container())
    }

    /// An extension: inside is a sequence of its kind and its bytes, which are no items on the wire.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Shape, D::Error> {
        let shape = Shape::deserialize(inside)?;
        assert_eq!(shape, Shape { depth: 1, items: 2 });
        Ok(Shape { depth: 1, items: 0 })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Shape, A::Error> {
        panic!("MessagePack has no enums of its own")
    }
}

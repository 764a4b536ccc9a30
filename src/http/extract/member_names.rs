//! The shape of a type on the wire, from its `Deserialize` implementation: the members of an object in declaration order,
//! or the maximum length of an array. Nothing else lists them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

#[must_use]
pub fn member_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(ShapeProbe) {
        Err(ShapeFound(Shape::Object(names))) => names,
        _ => &[],
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// An object with these members and no others.
    Object(&'static [&'static str]),
    /// An array of at most this many items.
    List(usize),
    Other,
}

/// A deserializer that fails at the first request of a type, with the shape that the type requested.
pub(super) struct ShapeProbe;

/// The error of [`ShapeProbe`].
#[derive(Debug)]
pub(super) struct ShapeFound(Shape);

impl ShapeFound {
    pub(super) fn shape(&self) -> Shape {
        self.0
    }
}

impl fmt::Display for ShapeFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names of the members")
    }
}

impl std::error::Error for ShapeFound {}

impl Error for ShapeFound {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Shape::Other)
    }
}

impl<'de> Deserializer<'de> for ShapeProbe {
    type Error = ShapeFound;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(Shape::Object(fields)))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(Shape::Other))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, ShapeFound> {
        Err(ShapeFound(Shape::List(length)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeFound> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct newtype_struct seq tuple map enum identifier ignored_any
    }
}

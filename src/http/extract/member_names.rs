//! What a type takes on the wire: the members of an object, in the order in which it declares them, or the
//! most items of a list.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

/// Asks a type's own `Deserialize` for its members, so that they are written down nowhere else.
pub(super) fn member_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(Asking) {
        Err(Answer(Shape::Object(names))) => names,
        _ => &[],
    }
}

/// What a type takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// An object with these members and no others.
    Object(&'static [&'static str]),
    /// A list of at most so many items.
    List(usize),
    /// Whatever else.
    Other,
}

/// Takes a type's first question for the answer.
pub(super) struct Asking;

/// The answer, in the place of an error.
#[derive(Debug)]
pub(super) struct Answer(Shape);

impl Answer {
    pub(super) fn shape(&self) -> Shape {
        self.0
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names of the members")
    }
}

impl std::error::Error for Answer {}

impl Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Shape::Other)
    }
}

impl<'de> Deserializer<'de> for Asking {
    type Error = Answer;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Answer> {
        Err(Answer(Shape::Object(fields)))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(Shape::Other))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, Answer> {
        Err(Answer(Shape::List(length)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Answer> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct newtype_struct seq tuple map enum identifier ignored_any
    }
}

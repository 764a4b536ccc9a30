//! Finds all violations of a body that serde rejected, each with its path. (serde stops at its first error and reports no
//! path.)
//!
//! A value is deserialised in place: as the type of the whole body, from a document that contains nothing but the value at
//! its path. If that fails, the same is done for each member or item of the value, until the path ends at the invalid
//! value. Time is linear in the size of the body.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::member_names::{Shape, ShapeProbe};
use super::violations::{Violations, truncated};
use crate::domain::json::number;
use crate::domain::json::unique_keys::DUPLICATE_KEY;
use crate::domain::{Error, ErrorCode, Violation};

/// Deserialises each member on its own. Records the violations of invalid members and builds the value from the others.
pub(super) fn members<T: DeserializeOwned>(
    bytes: &[u8],
    may_be_inexact: bool,
    violations: &mut Violations,
) -> Result<T, Error> {
    // The message of a syntax error does not repeat values.
    let malformed =
        |error| Error::with_message(ErrorCode::Malformed, format!("The body is not valid JSON: {error}"));
    let body: &RawValue = serde_json::from_slice(bytes).map_err(malformed)?;
    let inexact = may_be_inexact && number::has_inexact(bytes);
    if !inexact {
        // `RawValue` skips values and thus overlooks lone surrogates in strings. (Not done for inexact numbers: a number
        // beyond the range of a double is an error here, but not a syntax error.)
        serde_json::from_slice::<Wellformed>(bytes).map_err(malformed)?;
    }
    let Some(Parts::Object(members)) = Parts::of(body) else {
        return Err(ErrorCode::Malformed.into());
    };
    let mut diagnosis = Diagnosis { path: Vec::new(), violations, inexact, body: PhantomData::<T> };
    let shape = diagnosis.shape();
    let mut seen = HashSet::new();
    let mut valid: Vec<String> = Vec::new();
    for (name, value) in members {
        if diagnosis.member(&name, value, shape, &mut seen) {
            valid.push(format!("{}:{}", serde_json::Value::String(name), value.get()));
        }
        if diagnosis.violations.has_more() {
            break;
        }
    }
    // Cannot fail: each of these members was deserialised before.
    serde_json::from_str(&format!("{{{}}}", valid.join(","))).map_err(|_| ErrorCode::Malformed.into())
}

/// A segment of the path to a value.
enum Step {
    Member(String),
    Item(usize),
}

/// The traversal of a body of type `T`.
struct Diagnosis<'f, T> {
    path: Vec<Step>,
    violations: &'f mut Violations,
    /// Whether the body has a number that would lose digits; serde does not reject it.
    inexact: bool,
    body: PhantomData<T>,
}

impl<T: DeserializeOwned> Diagnosis<'_, T> {
    /// Checks a member of the object at the path; true if it is valid.
    fn member(&mut self, name: &str, value: &RawValue, shape: Shape, seen: &mut HashSet<String>) -> bool {
        self.path.push(Step::Member(name.to_owned()));
        let is_valid = match shape {
            _ if !seen.insert(name.to_owned()) => self.add(Violation::Duplicate),
            Shape::Object(names) if !names.contains(&name) => {
                self.add(Violation::unknown_member(name, names))
            }
            _ => self.value(value),
        };
        self.path.pop();
        is_valid
    }

    /// Checks the value at the path; true if it is valid.
    fn value(&mut self, value: &RawValue) -> bool {
        let result = self.deserialise_in_place(value.get());
        let inexact = self.inexact && number::has_inexact(value.get().as_bytes());
        if result.is_ok() && !inexact {
            return true;
        }
        let mut is_valid = true;
        match Parts::of(value) {
            Some(Parts::Object(members)) if self.deserialise_in_place("{}").is_ok() => {
                let (shape, mut seen) = (self.shape(), HashSet::new());
                for (name, value) in members {
                    is_valid &= self.member(&name, value, shape, &mut seen);
                    if self.violations.has_more() {
                        break;
                    }
                }
            }
            Some(Parts::Array(items)) if self.deserialise_in_place("[]").is_ok() => {
                if let Shape::List(max) = self.shape()
                    && items.len() > max
                {
                    return self.add(Violation::TooManyItems { max });
                }
                for (index, item) in items.into_iter().enumerate() {
                    self.path.push(Step::Item(index));
                    is_valid &= self.value(item);
                    self.path.pop();
                    if self.violations.has_more() {
                        break;
                    }
                }
            }
            None if inexact => return self.add(Violation::InexactNumber),
            _ => {}
        }
        match result {
            Err(error) if is_valid => self.add(type_violation(&error)),
            _ => is_valid,
        }
    }

    /// Deserialises a body that has this value at the path and nothing else.
    fn deserialise_in_place(&self, json: &str) -> serde_json::Result<()> {
        let mut leaf = serde_json::Deserializer::from_str(json);
        T::deserialize(AtPath { path: &self.path, leaf: &mut leaf }).map(drop)
    }

    /// The shape that the type expects at the path.
    fn shape(&self) -> Shape {
        match T::deserialize(AtPath { path: &self.path, leaf: ShapeProbe }) {
            Err(found) => found.shape(),
            Ok(_) => Shape::Other,
        }
    }

    /// Records a violation at the path; false, for the caller to return.
    fn add(&mut self, violation: Violation) -> bool {
        let names = self.path.iter().map(|step| match step {
            Step::Member(name) => truncated(name),
            Step::Item(index) => index.to_string(),
        });
        self.violations.add(names.collect::<Vec<_>>().join("."), violation);
        false
    }
}

/// The violation of a deserialisation error, from the part of the message that does not repeat the value.
fn type_violation(error: &serde_json::Error) -> Violation {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    if message == DUPLICATE_KEY {
        return Violation::Duplicate;
    }
    // The names of JSON types: the visitors of `Object`, `Entries` and `Items` provide them.
    let expected = message.rsplit_once(", expected ").map_or("of another type", |(_, expected)| expected);
    Violation::WrongType { expected: expected.to_owned().into() }
}

/// The members of an object or the items of an array, not deserialised.
enum Parts<'a> {
    Object(Vec<(String, &'a RawValue)>),
    Array(Vec<&'a RawValue>),
}

impl<'a> Parts<'a> {
    /// `None` if the value is neither.
    fn of(value: &'a RawValue) -> Option<Self> {
        match value.get().as_bytes().first() {
            Some(b'{' | b'[') => serde_json::from_str(value.get()).ok(),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Parts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartsVisitor;
        impl<'de> Visitor<'de> for PartsVisitor {
            type Value = Parts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parts<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Parts::Array(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Parts<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(member) = members.next_entry()? {
                    list.push(member);
                }
                Ok(Parts::Object(list))
            }
        }
        deserializer.deserialize_any(PartsVisitor)
    }
}

/// Any well-formed JSON value; checks it without building it.
struct Wellformed;

impl<'de> Deserialize<'de> for Wellformed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WellformedVisitor;
        impl<'de> Visitor<'de> for WellformedVisitor {
            type Value = Wellformed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Wellformed, E> {
                Ok(Wellformed)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Wellformed, E> {
                Ok(Wellformed)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Wellformed, E> {
                Ok(Wellformed)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Wellformed, E> {
                Ok(Wellformed)
            }

            fn visit_str<E>(self, _: &str) -> Result<Wellformed, E> {
                Ok(Wellformed)
            }

            fn visit_unit<E>(self) -> Result<Wellformed, E> {
                Ok(Wellformed)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Wellformed, A::Error> {
                while items.next_element::<Wellformed>()?.is_some() {}
                Ok(Wellformed)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Wellformed, A::Error> {
                while members.next_entry::<Wellformed, Wellformed>()?.is_some() {}
                Ok(Wellformed)
            }
        }
        deserializer.deserialize_any(WellformedVisitor)
    }
}

/// A deserializer of a body that has one value at a path and nothing else. At the end of the path it delegates to the
/// deserializer of the value.
struct AtPath<'p, L> {
    path: &'p [Step],
    leaf: L,
}

impl<'p, 'de, L: Deserializer<'de>> Deserializer<'de> for AtPath<'p, L> {
    type Error = L::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, L::Error> {
        match self.path.split_first() {
            None => self.leaf.deserialize_any(visitor),
            Some((Step::Member(name), path)) => {
                let value = Some(AtPath { path, leaf: self.leaf });
                visitor.visit_map(OneMember { name: Some(name), value })
            }
            Some((Step::Item(_), path)) => visitor.visit_seq(OneItem(Some(AtPath { path, leaf: self.leaf }))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, L::Error> {
        if self.path.is_empty() { self.leaf.deserialize_option(visitor) } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, L::Error> {
        if self.path.is_empty() {
            self.leaf.deserialize_struct(name, fields, visitor)
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, L::Error> {
        if self.path.is_empty() {
            self.leaf.deserialize_tuple_struct(name, length, visitor)
        } else {
            self.deserialize_any(visitor)
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple map enum identifier ignored_any
    }
}

struct OneMember<'p, L> {
    name: Option<&'p str>,
    value: Option<AtPath<'p, L>>,
}

impl<'p, 'de, L: Deserializer<'de>> MapAccess<'de> for OneMember<'p, L> {
    type Error = L::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, L::Error> {
        self.name.take().map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, L::Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(serde::de::Error::custom("no further member")),
        }
    }
}

struct OneItem<'p, L>(Option<AtPath<'p, L>>);

impl<'p, 'de, L: Deserializer<'de>> SeqAccess<'de> for OneItem<'p, L> {
    type Error = L::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, L::Error> {
        self.0.take().map(|item| seed.deserialize(item)).transpose()
    }
}

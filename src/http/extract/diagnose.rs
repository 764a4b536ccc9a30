//! What is wrong with a body that serde refused. serde stops at its first error and names no path; this names
//! every member at fault by its path, in time linear in the body.
//!
//! A value is tried in its place: inside objects and lists that hold nothing else, so that the type of the
//! whole body, which alone knows what belongs there, can read it. Where that fails, the same is done with
//! each member or item of the value, until the path ends at what is at fault.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::member_names::{Asking, Shape};
use super::meta::DUPLICATE_KEY;
use super::number;
use super::violations::{Violations, shortened};
use crate::domain::{Error, ErrorCode, Violation};

/// Reads each member by itself. Notes the faults of those that cannot be read, and gives what the
/// others make.
pub(super) fn members<T: DeserializeOwned>(bytes: &[u8], violations: &mut Violations) -> Result<T, Error> {
    // A syntax error's words are about the JSON alone, not about the values in it.
    let malformed =
        |error| Error::with_message(ErrorCode::Malformed, format!("The body is not valid JSON: {error}"));
    let body: &RawValue = serde_json::from_slice(bytes).map_err(malformed)?;
    let inexact = number::some_inexact(bytes);
    if !inexact {
        // To skip a value, as `RawValue` does, is to overlook lone surrogates in its strings. (A number past
        // the range of a double is an error here, and is no error of syntax.)
        serde_json::from_slice::<Wellformed>(bytes).map_err(malformed)?;
    }
    let Some(Parts::Object(members)) = Parts::of(body) else {
        return Err(ErrorCode::Malformed.into());
    };
    let mut diagnosis = Diagnosis { path: Vec::new(), violations, inexact, of: PhantomData::<T> };
    let shape = diagnosis.shape();
    let mut seen = HashSet::new();
    let mut sound: Vec<String> = Vec::new();
    for (name, value) in members {
        if diagnosis.member(&name, value, shape, &mut seen) {
            sound.push(format!("{}:{}", serde_json::Value::String(name), value.get()));
        }
        if diagnosis.violations.has_more() {
            break;
        }
    }
    // Every member of it was read once already.
    serde_json::from_str(&format!("{{{}}}", sound.join(","))).map_err(|_| ErrorCode::Malformed.into())
}

/// One step from the body to a value in it.
enum Step {
    Member(String),
    Item(usize),
}

/// The way through a body of type `T`.
struct Diagnosis<'f, T> {
    path: Vec<Step>,
    violations: &'f mut Violations,
    /// Whether the body has a number that would lose digits; reading it would not fail.
    inexact: bool,
    of: PhantomData<T>,
}

impl<T: DeserializeOwned> Diagnosis<'_, T> {
    /// Checks a member of the object at the path; whether nothing is at fault in it.
    fn member(&mut self, name: &str, value: &RawValue, shape: Shape, seen: &mut HashSet<String>) -> bool {
        self.path.push(Step::Member(name.to_owned()));
        let sound = match shape {
            _ if !seen.insert(name.to_owned()) => self.add(Violation::Duplicate),
            Shape::Object(names) if !names.contains(&name) => {
                self.add(Violation::unknown_member(name, names))
            }
            _ => self.value(value),
        };
        self.path.pop();
        sound
    }

    /// Checks the value at the path.
    fn value(&mut self, value: &RawValue) -> bool {
        let tried = self.try_value(value.get());
        let inexact = self.inexact && number::some_inexact(value.get().as_bytes());
        if tried.is_ok() && !inexact {
            return true;
        }
        let mut sound = true;
        match Parts::of(value) {
            Some(Parts::Object(members)) if self.try_value("{}").is_ok() => {
                let (shape, mut seen) = (self.shape(), HashSet::new());
                for (name, value) in members {
                    sound &= self.member(&name, value, shape, &mut seen);
                    if self.violations.has_more() {
                        break;
                    }
                }
            }
            Some(Parts::Array(items)) if self.try_value("[]").is_ok() => {
                if let Shape::List(max) = self.shape()
                    && items.len() > max
                {
                    return self.add(Violation::TooManyItems { max });
                }
                for (index, item) in items.into_iter().enumerate() {
                    self.path.push(Step::Item(index));
                    sound &= self.value(item);
                    self.path.pop();
                    if self.violations.has_more() {
                        break;
                    }
                }
            }
            None if inexact => return self.add(Violation::InexactNumber),
            _ => {}
        }
        match tried {
            Err(error) if sound => self.add(fault_of(&error)),
            _ => sound,
        }
    }

    /// Reads a body that has this value at the path and nothing else.
    fn try_value(&self, json: &str) -> serde_json::Result<()> {
        let mut leaf = serde_json::Deserializer::from_str(json);
        T::deserialize(Place { path: &self.path, leaf: &mut leaf }).map(drop)
    }

    /// What belongs at the path.
    fn shape(&self) -> Shape {
        match T::deserialize(Place { path: &self.path, leaf: Asking }) {
            Err(answer) => answer.shape(),
            Ok(_) => Shape::Other,
        }
    }

    /// Notes a fault at the path; false, because something is at fault.
    fn add(&mut self, violation: Violation) -> bool {
        let names = self.path.iter().map(|step| match step {
            Step::Member(name) => shortened(name),
            Step::Item(index) => index.to_string(),
        });
        self.violations.add(names.collect::<Vec<_>>().join("."), violation);
        false
    }
}

/// What a type did not like about a value, from its message: the part behind the value, which is not repeated.
fn fault_of(error: &serde_json::Error) -> Violation {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    if message == DUPLICATE_KEY {
        return Violation::Duplicate;
    }
    // In JSON's words, since objects and arrays are `Object`, `Entries` and `Items`.
    let expected = message.rsplit_once(", expected ").map_or("of another type", |(_, expected)| expected);
    Violation::WrongType { expected: expected.to_owned().into() }
}

/// The members of an object or the items of a list, not yet read.
enum Parts<'a> {
    Object(Vec<(String, &'a RawValue)>),
    Array(Vec<&'a RawValue>),
}

impl<'a> Parts<'a> {
    /// `None` where the value is neither.
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

/// Any JSON, of which all is looked at and nothing is kept.
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

/// A body that has one value at a path and nothing else. What is asked of it beyond the path, the value answers.
struct Place<'p, L> {
    path: &'p [Step],
    leaf: L,
}

impl<'p, 'de, L: Deserializer<'de>> Deserializer<'de> for Place<'p, L> {
    type Error = L::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, L::Error> {
        match self.path.split_first() {
            None => self.leaf.deserialize_any(visitor),
            Some((Step::Member(name), path)) => {
                let value = Some(Place { path, leaf: self.leaf });
                visitor.visit_map(OneMember { name: Some(name), value })
            }
            Some((Step::Item(_), path)) => visitor.visit_seq(OneItem(Some(Place { path, leaf: self.leaf }))),
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
    value: Option<Place<'p, L>>,
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

struct OneItem<'p, L>(Option<Place<'p, L>>);

impl<'p, 'de, L: Deserializer<'de>> SeqAccess<'de> for OneItem<'p, L> {
    type Error = L::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, L::Error> {
        self.0.take().map(|item| seed.deserialize(item)).transpose()
    }
}

//! What is wrong with a body that serde refused: serde names the first fault, we name them all.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::faults::Faults;
use super::member_names::member_names;
use crate::domain::{Code, Error, Fault};

/// Reads each member by itself. Notes the faults of those that cannot be read, and gives what the
/// others make.
pub(super) fn members<T: DeserializeOwned>(bytes: &[u8], faults: &mut Faults) -> Result<T, Error> {
    let tree: Tree = serde_json::from_slice(bytes).map_err(|error| {
        // A syntax error's words are about the JSON alone, not about the values in it.
        Error::with_message(Code::Malformed, format!("The body is not valid JSON: {error}"))
    })?;
    let Tree::Object(members) = tree else {
        return Err(Code::Malformed.into());
    };
    let names = member_names::<T>();
    let mut sound = Map::new();
    for (name, value) in members {
        if !names.contains(&name.as_str()) {
            faults.add(name, Fault::Unknown);
            continue;
        }
        if sound.contains_key(&name) || faults.at(&name) {
            sound.shift_remove(&name);
            faults.add(name, Fault::Duplicate);
            continue;
        }
        if let Some(path) = value.duplicate() {
            faults.add(format!("{name}.{path}"), Fault::Duplicate);
            continue;
        }
        let value = Value::from(value);
        match readable::<T>(&name, value.clone()) {
            Ok(()) => drop(sound.insert(name, value)),
            Err(error) => {
                let (place, error) = in_list::<T>(&name, &value).unwrap_or((name, error));
                faults.add(place, Fault::WrongType { expected: expected(&error).into() });
            }
        }
    }
    // Every member of it was read once already.
    serde_json::from_value(Value::Object(sound)).map_err(|_| Code::Malformed.into())
}

/// Whether a body of this member alone can be read.
fn readable<T: DeserializeOwned>(name: &str, value: Value) -> serde_json::Result<()> {
    serde_json::from_value::<T>(Value::Object(Map::from_iter([(name.to_owned(), value)]))).map(drop)
}

/// The item of a list that cannot be read, by its number from 0: `contacts.3`.
fn in_list<T: DeserializeOwned>(name: &str, value: &Value) -> Option<(String, serde_json::Error)> {
    let items = value.as_array()?;
    // Else no list is wanted, and the list itself is at fault.
    readable::<T>(name, Value::Array(Vec::new())).ok()?;
    items.iter().enumerate().find_map(|(index, item)| {
        let error = readable::<T>(name, Value::Array(vec![item.clone()])).err()?;
        Some((format!("{name}.{index}"), error))
    })
}

/// What serde would have liked: the part of its message behind the value, which is not repeated.
fn expected(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message
        .rsplit_once(", expected ")
        .map_or_else(|| "of another type".to_owned(), |(_, tail)| tail.to_owned())
}

/// JSON with every member of every object, those included that stand twice.
enum Tree {
    Scalar(Value),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The path of the first key that stands twice in one object.
    fn duplicate(&self) -> Option<String> {
        match self {
            Self::Scalar(_) => None,
            Self::Array(items) => items.iter().find_map(Self::duplicate),
            Self::Object(members) => members.iter().enumerate().find_map(|(index, (name, value))| {
                if members[..index].iter().any(|(earlier, _)| earlier == name) {
                    return Some(name.clone());
                }
                value.duplicate().map(|path| format!("{name}.{path}"))
            }),
        }
    }
}

impl From<Tree> for Value {
    fn from(tree: Tree) -> Self {
        match tree {
            Tree::Scalar(value) => value,
            Tree::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Tree::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = members.next_entry()? {
            list.push(member);
        }
        Ok(Tree::Object(list))
    }
}

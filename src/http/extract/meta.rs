//! The `meta` member of a request: a JSON object without duplicate keys.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};

use super::violations::Violations;
use crate::domain::contact::fields::{Meta, MetaPatch};
use crate::http::field::Patch;

/// The message of a deserialisation error; [`super::diagnose`] turns it into a violation with a path.
pub(super) const DUPLICATE_KEY: &str = "duplicate key";

/// A JSON object without duplicate keys at any depth. (serde_json keeps the last of two.)
#[derive(Clone, Debug, Serialize)]
pub struct MetaObject(pub Map<String, Value>);

/// The `meta` of a create request; `{}` if absent.
pub fn new_meta(meta: Option<MetaObject>, violations: &mut Violations) -> Option<Meta> {
    match meta {
        None => Some(Meta::default()),
        Some(MetaObject(map)) => violations.check("meta", Meta::parse(&map)),
    }
}

/// The `meta` of an update request.
pub fn changed_meta(meta: Patch<MetaObject>, violations: &mut Violations) -> Option<MetaPatch> {
    match meta {
        Patch::Absent => None,
        Patch::Null => Some(MetaPatch::Clear),
        Patch::Value(MetaObject(map)) => violations.check("meta", MetaPatch::parse(map)),
    }
}

impl<'de> Deserialize<'de> for MetaObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = MetaObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<MetaObject, A::Error> {
                object(members).map(MetaObject)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

fn object<'de, A: MapAccess<'de>>(mut members: A) -> Result<Map<String, Value>, A::Error> {
    let mut map = Map::new();
    while let Some(key) = members.next_key::<String>()? {
        let value = members.next_value_seed(UniqueKeys)?;
        if map.insert(key, value).is_some() {
            return Err(A::Error::custom(DUPLICATE_KEY));
        }
    }
    Ok(map)
}

/// Deserialises a JSON value without duplicate keys.
struct UniqueKeys;

impl<'de> DeserializeSeed<'de> for UniqueKeys {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        object(members).map(Value::Object)
    }
}

//! The `meta` member of a request: a JSON object without duplicate keys.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::violations::Violations;
use crate::domain::contact::fields::{Meta, MetaPatch};
use crate::domain::json::unique_keys::object;
use crate::http::field::Patch;

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

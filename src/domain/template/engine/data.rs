//! The data that a template can read for one recipient: the contact's `meta`, the request's `fields`, and `contact`.
//!
//! Only the members that the template names are deserialised: a `meta` of 16 KiB costs little if the template reads
//! one member of it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, Serde, Value, ValueKind};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Map;

use super::meter;
use super::variable::Variable;
use crate::domain::Contact;
use crate::domain::contact::fields::Phone;

/// The members of `contact`, under the names of both dialects.
pub(super) const CONTACT: &[&str] =
    &["id", "alias", "username", "msisdn", "phone_number", "display_name", "avatar_url"];

/// The recipient of one rendering.
#[derive(Clone, Copy, Debug)]
pub struct RenderInput<'a> {
    pub phone: &'a Phone,
    pub contact: Option<&'a Contact>,
    /// Values from the request; they override the contact's `meta`.
    pub fields: Option<&'a Map<String, serde_json::Value>>,
}

/// The top-level names that a template reads, sorted and distinct. A value is stored at the index of its name.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadNames(Arc<[String]>);

impl ReadNames {
    pub(super) fn of(variables: &[Variable]) -> Self {
        let first = |variable: &Variable| variable.name.split('.').next().map(str::to_owned);
        let names: BTreeSet<String> = variables.iter().filter_map(first).collect();
        Self(names.into_iter().collect())
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// No name has a value yet.
    fn no_values(&self) -> Values {
        vec![None; self.0.len()]
    }
}

type Values = Vec<Option<Value>>;

impl<'de> DeserializeSeed<'de> for &ReadNames {
    type Value = Values;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Values, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &ReadNames {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Values, A::Error> {
        let mut values = self.no_values();
        while let Some(index) = members.next_key_seed(NameIndex(self))? {
            match index.and_then(|index| values.get_mut(index)) {
                Some(value) => *value = Some(members.next_value()?),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// Deserialises a member's name to its index, without allocating the name.
struct NameIndex<'n>(&'n ReadNames);

impl<'de> DeserializeSeed<'de> for NameIndex<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIndex<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.index_of(name))
    }
}

/// A recipient's data as an object of the engine; reads of its members are metered.
#[derive(Debug)]
pub(super) struct Data {
    names: ReadNames,
    values: Values,
}

impl Data {
    /// The size in bytes of everything that the template can read.
    pub(super) fn weight(&self) -> usize {
        self.values.iter().flatten().map(meter::weight).sum()
    }

    fn set(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if let Some(slot) = self.names.index_of(name).and_then(|index| self.values.get_mut(index)) {
            *slot = Some(value());
        }
    }
}

impl Object for Data {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let value = self.values.get(self.names.index_of(key)?)?.clone()?;
        Some(meter::fetch(&value).map_or_else(Value::from, |()| value))
    }
}

impl RenderInput<'_> {
    /// The data for the engine. Null and blank values count as missing: they would leave a gap in the text.
    pub(super) fn data(self, names: &ReadNames, reads_contact: bool) -> Data {
        let meta = self.contact.and_then(|contact| {
            names.deserialize(&mut serde_json::Deserializer::from_str(contact.meta.as_json())).ok()
        });
        let mut data = Data { names: names.clone(), values: meta.unwrap_or_else(|| names.no_values()) };
        for (name, value) in self.fields.into_iter().flatten() {
            data.set(name, || Value::from(Serde(value)));
        }
        for value in &mut data.values {
            value.take_if(|value| is_missing(value));
        }
        if reads_contact {
            data.set("contact", || self.contact_data());
        }
        data
    }

    fn contact_data(self) -> Value {
        let mut data = vec![("msisdn", self.phone.msisdn()), ("phone_number", self.phone.as_str())];
        let id = self.contact.map(|contact| contact.id.to_string());
        data.extend(id.as_deref().map(|id| ("id", id)));
        if let Some(contact) = self.contact {
            let handle = contact.handle.as_str();
            let shown = contact.display_name.as_ref().map_or(handle, |name| name.as_str());
            data.extend([("alias", handle), ("username", handle), ("display_name", shown)]);
            data.extend(contact.avatar_url.as_ref().map(|url| ("avatar_url", url.as_str())));
        }
        Value::from_pairs(data)
    }

    /// An existing top-level name that differs from that of the missing variable by case alone.
    pub(super) fn similar(self, name: &str) -> Option<String> {
        let meta = self.contact.map(|contact| contact.meta.to_map()).unwrap_or_default();
        let fields = self.fields.into_iter().flat_map(Map::keys);
        let first = name.split(['.', '[']).next().unwrap_or(name);
        let is_similar = |known: &&String| *known != first && known.to_lowercase() == first.to_lowercase();
        meta.keys().chain(fields).find(is_similar).cloned()
    }
}

pub(super) fn is_missing(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => true,
        ValueKind::String => value.as_str().is_some_and(|text| text.trim().is_empty()),
        _ => false,
    }
}

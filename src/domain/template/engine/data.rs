//! What a template can read of a recipient.

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

/// The fields of `contact`, by the names of both dialects.
pub(super) const CONTACT: &[&str] =
    &["id", "alias", "username", "msisdn", "phone_number", "display_name", "avatar_url"];

/// A recipient, as far as templates are concerned.
#[derive(Clone, Copy, Debug)]
pub struct RenderInput<'a> {
    /// The number that a message goes to.
    pub phone: &'a Phone,
    /// The contact, if it is one.
    pub contact: Option<&'a Contact>,
    /// What the request says of this recipient alone. It goes over the contact's own data.
    pub fields: Option<&'a Map<String, serde_json::Value>>,
}

/// What a template reads of a recipient's own data: the first names of its variables, in order, each once.
/// The rest is not even taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Arc<[String]>);

impl Wanted {
    pub(super) fn of(variables: &[Variable]) -> Self {
        let first = |variable: &Variable| variable.name.split('.').next().map(str::to_owned);
        let names: BTreeSet<String> = variables.iter().filter_map(first).collect();
        Self(names.into_iter().collect())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|wanted| wanted.as_str().cmp(name)).ok()
    }

    /// Room for what it names.
    fn places(&self) -> Values {
        vec![None; self.0.len()]
    }
}

/// What stands behind each name.
type Values = Vec<Option<Value>>;

impl<'de> DeserializeSeed<'de> for &Wanted {
    type Value = Values;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Values, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &Wanted {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Values, A::Error> {
        let mut values = self.places();
        while let Some(place) = members.next_key_seed(Name(self))? {
            match place.and_then(|place| values.get_mut(place)) {
                Some(value) => *value = Some(members.next_value()?),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// The name of a member, read as its place among those that are wanted.
struct Name<'w>(&'w Wanted);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.place(name))
    }
}

/// A recipient's data, as the engine reads it.
#[derive(Debug)]
pub(super) struct Data {
    names: Wanted,
    values: Values,
}

impl Data {
    /// The bytes of all that can be read.
    pub(super) fn weight(&self) -> usize {
        self.values.iter().flatten().map(meter::weight).sum()
    }

    fn set(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if let Some(place) = self.names.place(name).and_then(|place| self.values.get_mut(place)) {
            *place = Some(value());
        }
    }
}

impl Object for Data {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let value = self.values.get(self.names.place(key)?)?.clone()?;
        Some(meter::fetch(&value).map_or_else(Value::from, |()| value))
    }
}

impl RenderInput<'_> {
    /// Its data for the engine. What is null or blank counts as missing: it would leave a gap.
    pub(super) fn data(self, wanted: &Wanted, reads_contact: bool) -> Data {
        let own = self.contact.and_then(|contact| {
            wanted.deserialize(&mut serde_json::Deserializer::from_str(contact.meta.as_json())).ok()
        });
        let mut data = Data { names: wanted.clone(), values: own.unwrap_or_else(|| wanted.places()) };
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

    /// A member of the recipient's data whose name differs by case alone.
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

//! The member `limits` of an account, in responses and in requests: its members are those of [`AccountLimit`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use utoipa::__dev::ComposeSchema;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema};

use crate::domain::account::limits::{AccountLimit, LimitChanges, LimitOverrides};
use crate::domain::json::unique_keys::DUPLICATE_KEY;
use crate::http::extract::Integer;
use crate::http::openapi::fields;
use crate::http::prelude::*;

/// Every limit, null where that of the server applies.
#[derive(Debug)]
pub struct OwnLimits(pub(super) LimitOverrides);

impl Serialize for OwnLimits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(AccountLimit::ALL.len()))?;
        for limit in AccountLimit::ALL {
            members.serialize_entry(limit.as_str(), &self.0.get(limit))?;
        }
        members.end()
    }
}

/// The limits to be changed; null for that of the server.
#[derive(Debug)]
pub struct ChangedLimits(BTreeMap<AccountLimit, Option<Integer>>);

impl ChangedLimits {
    pub(super) fn into_changes(self, path: &str, violations: &mut Violations) -> LimitChanges {
        let mut changes = LimitChanges::default();
        for (limit, value) in self.0 {
            match value.map(|Integer(value)| limit.check(value)).transpose() {
                Ok(value) => {
                    changes.0.insert(limit, value);
                }
                Err(violation) => violations.add(format!("{path}.{}", limit.as_str()), violation),
            }
        }
        changes
    }
}

impl<'de> Deserialize<'de> for ChangedLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LimitsVisitor;
        impl<'de> Visitor<'de> for LimitsVisitor {
            type Value = ChangedLimits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ChangedLimits, A::Error> {
                let mut limits = BTreeMap::new();
                while let Some(name) = members.next_key::<String>()? {
                    let unknown = || A::Error::unknown_field(&name, AccountLimit::LIST);
                    let limit = AccountLimit::parse(&name).ok_or_else(unknown)?;
                    if limits.insert(limit, members.next_value()?).is_some() {
                        return Err(A::Error::custom(DUPLICATE_KEY));
                    }
                }
                Ok(ChangedLimits(limits))
            }
        }
        deserializer.deserialize_struct("ChangedLimits", AccountLimit::LIST, LimitsVisitor)
    }
}

/// An object with a member for each limit.
fn members(about: &str, are_required: bool) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new().description(Some(about));
    for limit in AccountLimit::ALL {
        object = object.property(limit.as_str(), fields::account::limit(limit));
        if are_required {
            object = object.required(limit.as_str());
        }
    }
    object.into()
}

impl ComposeSchema for OwnLimits {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        members(
            "The limits that operators have set for the account; null where that of the server applies.",
            true,
        )
    }
}

impl ToSchema for OwnLimits {
    fn name() -> Cow<'static, str> {
        "AccountLimits".into()
    }
}

impl ComposeSchema for ChangedLimits {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        members("The limits to be changed. A number sets one, null makes it that of the server again.", false)
    }
}

impl ToSchema for ChangedLimits {
    fn name() -> Cow<'static, str> {
        "AccountLimitChanges".into()
    }
}

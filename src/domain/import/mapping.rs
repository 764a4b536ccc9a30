//! Which column of a file is for which field of a contact.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::contact::fields::Meta;
use crate::domain::violation::Violation;
use crate::domain::wire_names::wire_names;

wire_names! {
    /// What a value in the file does to the value that the contact has already.
    Rule {
        Overwrite => "overwrite", "replaces it";
        Fill => "fill", "is used only if the contact has none";
        Never => "never", "is used only when the contact is created";
    }
}

/// The field that a column is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Id,
    Handle,
    Phone,
    DisplayName,
    AvatarUrl,
    /// A key of `meta`, as text.
    Meta(String),
    /// Several keys of `meta`, as a JSON object.
    MetaObject,
    /// Names of groups.
    Groups,
}

/// Before the key, in the name of a column and of a field.
pub(super) const META_PREFIX: &str = "meta.";

impl Target {
    pub const NAMES: &'static str =
        "id, username, phone_number, display_name, avatar_url, meta, meta.KEY, groups";

    pub fn parse(text: &str) -> Result<Self, Violation> {
        Ok(match text {
            "id" => Self::Id,
            "username" => Self::Handle,
            "phone_number" => Self::Phone,
            "display_name" => Self::DisplayName,
            "avatar_url" => Self::AvatarUrl,
            "meta" => Self::MetaObject,
            "groups" => Self::Groups,
            _ => match text.strip_prefix(META_PREFIX) {
                Some(key) if Meta::is_key(key) => Self::Meta(key.to_owned()),
                _ => return Err(Violation::NotOneOf { allowed: Self::NAMES }),
            },
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id => f.write_str("id"),
            Self::Handle => f.write_str("username"),
            Self::Phone => f.write_str("phone_number"),
            Self::DisplayName => f.write_str("display_name"),
            Self::AvatarUrl => f.write_str("avatar_url"),
            Self::MetaObject => f.write_str("meta"),
            Self::Groups => f.write_str("groups"),
            Self::Meta(key) => write!(f, "{META_PREFIX}{key}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("no field of a contact"))
    }
}

/// Several columns may be for the same field: the first that has a value counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnMapping {
    pub column: String,
    pub to: Target,
    pub rule: Rule,
}

//! A member for which absent, null and a value mean different things. (In other optional members, `Option`s, null is
//! treated as absent: clients in several languages send it for members that are not set.)

use serde::{Deserialize, Deserializer};

/// Requires `#[serde(default)]`, which makes an absent member [`Patch::Absent`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Keeps the stored value.
    #[default]
    Absent,
    /// Clears it.
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

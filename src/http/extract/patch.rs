//! A member that can be absent, null or a value, and the three mean different things. (Of any other optional
//! member, an `Option`, null is as good as absent: several languages' clients send it for what is not set.)

use serde::{Deserialize, Deserializer};

/// A member of a request. With `#[serde(default)]` an absent one is [`Patch::Absent`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not there: keep what is stored.
    #[default]
    Absent,
    /// `null`: clear it.
    Null,
    /// Set it.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

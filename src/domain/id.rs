//! Resource ids: version 7 UUIDs, which begin with their creation time.
//!
//! Invariant: `created_at` is the timestamp in the id. Order by id is order by creation, so that one index serves
//! both.

use std::fmt;

use uuid::Uuid;

use super::timestamp::Timestamp;

/// What the id types of all resources have in common, for generic code (cursors, path parameters).
pub trait Id: Copy + fmt::Display + Send + Sync + 'static {
    /// Accepts the hyphenated form alone, in either case.
    fn parse(text: &str) -> Option<Self>;

    fn from_uuid(id: Uuid) -> Self;

    fn as_uuid(self) -> Uuid;
}

/// A new id and the timestamp in it. Ids of one process ascend even within a millisecond.
pub(super) fn generate() -> (Uuid, Timestamp) {
    let id = Uuid::now_v7();
    let created_at = id.get_timestamp().map_or_else(Timestamp::now, |timestamp| {
        let (seconds, nanos) = timestamp.to_unix();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 1_000);
        Timestamp::from_millis(seconds * 1_000 + i64::from(nanos / 1_000_000))
    });
    (id, created_at)
}

/// The least id that can be made at a time: ids begin with it.
#[must_use]
pub fn first_at(time: Timestamp) -> Uuid {
    const RANDOM_BITS: u32 = 80;
    let millis = Ord::min(u64::try_from(time.millis()).unwrap_or(0), (1 << 48) - 1);
    Uuid::from_u128(u128::from(millis) << RANDOM_BITS)
}

/// The least id that can be made after a time.
#[must_use]
pub fn first_after(time: Timestamp) -> Uuid {
    first_at(Timestamp::from_millis(time.millis().saturating_add(1)))
}

pub(super) fn parse(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH)
}

/// Declares the id type of a resource, so that ids of different resources cannot be confused.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id, and the timestamp in it for `created_at`.
            #[must_use]
            pub fn generate() -> (Self, $crate::domain::Timestamp) {
                let (id, created_at) = $crate::domain::id::generate();
                (Self(id), created_at)
            }

            /// Accepts the hyphenated form alone, in either case.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                $crate::domain::id::parse(text).map(Self)
            }

            #[must_use]
            pub fn from_uuid(id: uuid::Uuid) -> Self {
                Self(id)
            }

            #[must_use]
            pub fn as_uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl $crate::domain::id::Id for $name {
            fn parse(text: &str) -> Option<Self> {
                Self::parse(text)
            }

            fn from_uuid(id: uuid::Uuid) -> Self {
                Self(id)
            }

            fn as_uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
pub(super) use id_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_contain_their_creation_time() {
        let ids: Vec<_> = (0..10_000).map(|_| generate()).collect();
        assert!(ids.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        let difference = Timestamp::now().millis() - ids[9_999].1.millis();
        assert!(difference.abs() < 10_000, "{difference}");
    }

    #[test]
    fn only_hyphenated_uuids_are_accepted() {
        let text = "3392287d-7a79-4789-9ef8-7dc174836688";
        assert_eq!(parse(text).map(|id| id.to_string()), Some(text.to_owned()));
        assert!(parse(&text.to_uppercase()).is_some());
        assert!(parse(&text.replace('-', "")).is_none());
        assert!(parse(&format!("{{{text}}}")).is_none());
    }
}

//! Ids: UUIDs of version 7, which begin with the moment at which they were made.
//!
//! So ids in descending order are things from the newest on, and one index serves both orders.

use std::fmt;

use uuid::Uuid;

use super::timestamp::Timestamp;

/// An id of some kind of thing, for whatever works with ids of every kind.
pub trait Id: Copy + fmt::Display + Send + Sync + 'static {
    /// Reads the hyphenated form, in either case. Other spellings of a UUID are not ours.
    fn parse(text: &str) -> Option<Self>;

    /// As stored.
    fn as_uuid(self) -> Uuid;
}

/// A new id and the moment that stands in it.
///
/// Ids of one process ascend even within a millisecond. The moment becomes `created_at`: so the order
/// by id and the order by creation are the same.
pub(super) fn generate() -> (Uuid, Timestamp) {
    let id = Uuid::now_v7();
    let made_at = id.get_timestamp().map_or_else(Timestamp::now, |moment| {
        let (seconds, nanos) = moment.to_unix();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 1_000);
        Timestamp::from_millis(seconds * 1_000 + i64::from(nanos / 1_000_000))
    });
    (id, made_at)
}

/// Reads the hyphenated form.
pub(super) fn parse(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH)
}

/// A type of its own for the ids of a kind of thing: one cannot be taken for another's.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id and the moment that stands in it, which becomes `created_at`.
            #[must_use]
            pub fn generate() -> (Self, $crate::domain::Timestamp) {
                let (id, made_at) = $crate::domain::id::generate();
                (Self(id), made_at)
            }

            /// Reads the hyphenated form, in either case. Other spellings of a UUID are not ours.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                $crate::domain::id::parse(text).map(Self)
            }

            /// As stored.
            #[must_use]
            pub fn from_uuid(id: uuid::Uuid) -> Self {
                Self(id)
            }

            /// As stored.
            #[must_use]
            pub fn as_uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl $crate::domain::id::Id for $name {
            fn parse(text: &str) -> Option<Self> {
                Self::parse(text)
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
    fn ids_ascend_and_hold_their_moment() {
        let made: Vec<_> = (0..10_000).map(|_| generate()).collect();
        assert!(made.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        let apart = Timestamp::now().millis() - made[9_999].1.millis();
        assert!(apart.abs() < 10_000, "{apart}");
    }

    #[test]
    fn ids_are_read_in_one_spelling() {
        let text = "3392287d-7a79-4789-9ef8-7dc174836688";
        assert_eq!(parse(text).map(|id| id.to_string()), Some(text.to_owned()));
        assert!(parse(&text.to_uppercase()).is_some());
        assert!(parse(&text.replace('-', "")).is_none());
        assert!(parse(&format!("{{{text}}}")).is_none());
    }
}

//! The order of a list: by a property or a declared field, as a text.

use std::fmt;

use super::expression::{Property, Subject};
use super::names::PropertyNames;
use super::syntax_error::SyntaxError;
use super::{display, grammar};
use crate::domain::field::FieldKey;
use crate::domain::pagination::SortDirection;
use crate::domain::violation::Violation;

/// What contacts are ordered by. Those with equal values follow each other by their creation, in the same direction; those
/// without a value come last in both directions, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContactOrder {
    key: OrderKey,
    direction: SortDirection,
}

/// What an index has in its order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderKey {
    Handle,
    Phone,
    /// The handle where a contact has no display name.
    DisplayName,
    CreatedAt,
    UpdatedAt,
    /// A declared field; whether it is declared is found out when contacts are read.
    Meta(FieldKey),
}

impl ContactOrder {
    /// The properties that contacts can be ordered by.
    pub const PROPERTIES: [Property; 5] =
        [Property::Handle, Property::Phone, Property::DisplayName, Property::CreatedAt, Property::UpdatedAt];

    #[must_use]
    pub fn new(key: OrderKey, direction: SortDirection) -> Self {
        Self { key, direction }
    }

    /// A property or a key of `meta` in the words of a dialect, and after it `asc` (the default) or `desc` (AIP-132).
    ///
    /// # Errors
    /// [`Violation::Blank`] and [`Violation::FilterSyntax`].
    pub fn parse(text: &str, names: &PropertyNames) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::Blank);
        }
        let (position, subject, direction) = grammar::order(text, names)?;
        let key = match subject {
            Subject::Property(Property::Handle) => OrderKey::Handle,
            Subject::Property(Property::Phone) => OrderKey::Phone,
            Subject::Property(Property::DisplayName) => OrderKey::DisplayName,
            Subject::Property(Property::CreatedAt) => OrderKey::CreatedAt,
            Subject::Property(Property::UpdatedAt) => OrderKey::UpdatedAt,
            Subject::Meta(key) => OrderKey::Meta(key),
            Subject::Property(Property::Group | Property::Segment | Property::OptedOut)
            | Subject::Anniversary(_) => {
                let [handle, phone, display_name, created_at, updated_at] =
                    Self::PROPERTIES.map(|property| names.name(property));
                let message = format!(
                    "contacts are ordered by {handle}, {phone}, {display_name}, {created_at}, {updated_at} or a declared \
                     field such as meta.CITY"
                );
                return Err(SyntaxError::new(position, message).into());
            }
        };
        Ok(Self { key, direction })
    }

    #[must_use]
    pub fn key(&self) -> &OrderKey {
        &self.key
    }

    #[must_use]
    pub fn direction(&self) -> SortDirection {
        self.direction
    }

    /// The canonical text in the words of a dialect, which is parsed to an equal order.
    #[must_use]
    pub fn in_dialect(&self, names: &'static PropertyNames) -> impl fmt::Display {
        let subject = match &self.key {
            OrderKey::Handle => Subject::Property(Property::Handle),
            OrderKey::Phone => Subject::Property(Property::Phone),
            OrderKey::DisplayName => Subject::Property(Property::DisplayName),
            OrderKey::CreatedAt => Subject::Property(Property::CreatedAt),
            OrderKey::UpdatedAt => Subject::Property(Property::UpdatedAt),
            OrderKey::Meta(key) => Subject::Meta(key.clone()),
        };
        let direction = self.direction;
        fmt::from_fn(move |f| {
            display::write_subject(&subject, names, f)?;
            match direction {
                SortDirection::Ascending => Ok(()),
                SortDirection::Descending => write!(f, " {}", grammar::DESCENDING),
            }
        })
    }
}

/// Where a contact stands in an order, before its id decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderPlace {
    /// A text of the index.
    Text(String),
    Millis(i64),
    /// Without a value: after all that have one. Or the order is that of ids.
    NoValue,
}

const NO_VALUE: &str = "none";

impl OrderPlace {
    pub const MAX_CHARS: usize = 256;

    /// What links have.
    pub const PATTERN: &str = r"^(none|=[\s\S]*)$";

    /// As links have it, of the order with this key; `None`: of whichever order.
    ///
    /// # Errors
    /// [`Violation::NotPosition`]: it is none that was written of this key.
    pub fn parse(text: &str, key: Option<&OrderKey>) -> Result<Self, Violation> {
        if text == NO_VALUE {
            let may_lack_value = matches!(key, None | Some(OrderKey::CreatedAt | OrderKey::Meta(_)));
            return if may_lack_value { Ok(Self::NoValue) } else { Err(Violation::NotPosition) };
        }
        let value = text.strip_prefix('=').filter(|value| !value.contains('\0'));
        let value = value.filter(|_| text.chars().nth(Self::MAX_CHARS).is_none());
        let place = value.and_then(|value| match key {
            Some(OrderKey::UpdatedAt) => value.parse().ok().map(Self::Millis),
            Some(OrderKey::CreatedAt) => None,
            Some(OrderKey::Handle | OrderKey::Phone | OrderKey::DisplayName | OrderKey::Meta(_)) | None => {
                Some(Self::Text(value.to_owned()))
            }
        });
        place.ok_or(Violation::NotPosition)
    }
}

impl fmt::Display for OrderPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "={text}"),
            Self::Millis(millis) => write!(f, "={millis}"),
            Self::NoValue => f.write_str(NO_VALUE),
        }
    }
}

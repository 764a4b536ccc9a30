//! The filter: parsed at the edge, resolved where it is used.

use std::fmt;

use super::expression::{Condition, Expression, Property, Subject};
use super::limits::MAX_CHARS;
use super::names::PropertyNames;
use super::predicate::{self, Predicate};
use super::syntax_error::SyntaxError;
use super::{display, grammar};
use crate::domain::error::Result;
use crate::domain::field::{Field, FieldKey};
use crate::domain::permission::Permission;
use crate::domain::timestamp::Timestamp;
use crate::domain::violation::{FieldViolation, Violation};

/// A parsed filter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    pub(super) expression: Expression,
}

impl Filter {
    /// Parses a text in the words of a dialect.
    ///
    /// # Errors
    /// [`Violation::Blank`], [`Violation::TooLong`] and [`Violation::FilterSyntax`].
    pub fn parse(text: &str, names: &PropertyNames) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::Blank);
        }
        if text.chars().nth(MAX_CHARS).is_some() {
            return Err(Violation::TooLong { max: MAX_CHARS });
        }
        let expression = grammar::parse(text, names)?;
        predicate::check(&expression)?;
        Ok(Self { expression })
    }

    /// The canonical text in the words of a dialect, which is parsed to an equal filter.
    #[must_use]
    pub fn in_dialect(&self, names: &'static PropertyNames) -> impl fmt::Display {
        display::InDialect { expression: &self.expression, names }
    }

    /// Each of its conditions as a filter, from left to right.
    #[must_use]
    pub fn conditions(&self) -> Vec<Self> {
        let alone = |condition: &Condition| Self { expression: Expression::Condition(condition.clone()) };
        self.expression.conditions().map(alone).collect()
    }

    /// Whether it has a condition on a key of `meta`.
    #[must_use]
    pub fn has_fields(&self) -> bool {
        self.expression.conditions().any(|condition| !matches!(condition.subject, Subject::Property(_)))
    }

    /// Whether it has a condition on this key of `meta`.
    #[must_use]
    pub fn names_field(&self, key: &FieldKey) -> bool {
        let is_named = |subject: &Subject| match subject {
            Subject::Meta(named) | Subject::Anniversary(named) => named == key,
            Subject::Property(_) => false,
        };
        self.expression.conditions().any(|condition| is_named(&condition.subject))
    }

    /// Whether it has a condition on this property.
    #[must_use]
    pub fn mentions(&self, property: Property) -> bool {
        self.expression.conditions().any(|condition| condition.subject == Subject::Property(property))
    }

    /// The filter, if it has no condition on this property.
    ///
    /// # Errors
    /// [`Violation::FilterSyntax`] with this message.
    pub fn without(self, property: Property, message: &'static str) -> Result<Self, Violation> {
        let subject = Subject::Property(property);
        let found = self.expression.conditions().find(|condition| condition.subject == subject);
        match found.map(|condition| SyntaxError::new(condition.position, message)) {
            Some(error) => Err(error.into()),
            None => Ok(self),
        }
    }

    /// What whoever learns which contacts match must be permitted to read besides contacts. What the filters of its segments
    /// are about is not known until it is resolved: it can be anything.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        let has_segments = self.mentions(Property::Segment);
        let needed = [
            (has_segments || self.mentions(Property::Group), Permission::ReadGroups),
            (has_segments || self.mentions(Property::OptedOut), Permission::ReadOptOuts),
            (has_segments, Permission::ReadSegments),
        ];
        needed.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, permission)| permission).collect()
    }

    /// What it asks at a time, in an account with these fields.
    ///
    /// # Errors
    /// [`ErrorCode::FieldNotDeclared`](crate::domain::ErrorCode::FieldNotDeclared),
    /// [`ErrorCode::FieldNotReady`](crate::domain::ErrorCode::FieldNotReady), and a violation of the parameter `filter`: a value
    /// that does not fit the type of its field.
    pub fn resolve(&self, fields: &[Field], now: Timestamp) -> Result<Predicate> {
        predicate::resolve(&self.expression, fields, now, |error| {
            FieldViolation::at("filter", error.into()).into()
        })
    }
}

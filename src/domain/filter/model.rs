//! The filter: parsed at the edge, resolved where it is used.

use std::fmt;

use super::expression::{Expression, Property, Subject};
use super::limits::MAX_CHARS;
use super::names::PropertyNames;
use super::predicate::{self, Predicate};
use super::{display, grammar};
use crate::domain::error::Result;
use crate::domain::field::Field;
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

    /// Whether it has a condition on a key of `meta`.
    #[must_use]
    pub fn has_fields(&self) -> bool {
        self.expression.conditions().any(|condition| !matches!(condition.subject, Subject::Property(_)))
    }

    /// Whether it has a condition on this property.
    #[must_use]
    pub fn mentions(&self, property: Property) -> bool {
        self.expression.conditions().any(|condition| condition.subject == Subject::Property(property))
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

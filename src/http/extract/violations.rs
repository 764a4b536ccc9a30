//! Collects violations while a request is parsed.

use crate::domain::text::Text;
use crate::domain::violation::{MAX_REPORTED_VIOLATIONS, Place};
use crate::domain::{Error, FieldViolation, Violation};
use crate::http::field::{Clearable, Patch, TextMember};

/// At most so many as are reported, which bounds the response and each search in the list.
#[derive(Clone, Debug)]
pub struct Violations {
    list: Vec<FieldViolation>,
    max: usize,
    more: bool,
}

impl Default for Violations {
    fn default() -> Self {
        Self::at_most(MAX_REPORTED_VIOLATIONS)
    }
}

pub type Parser<T> = fn(&str) -> Result<T, Violation>;

impl Violations {
    #[must_use]
    pub fn at_most(max: usize) -> Self {
        Self { list: Vec::new(), max, more: false }
    }

    /// Adds a violation unless the path has one already. Beyond the limit, it only sets [`Self::has_more`].
    pub fn add(&mut self, name: impl Into<std::borrow::Cow<'static, str>>, violation: Violation) {
        let name = name.into();
        if self.any_at(&name) {
            return;
        }
        if self.list.len() < self.max {
            self.list.push(FieldViolation::at(name, violation));
        } else {
            self.more = true;
        }
    }

    /// Whether there are more violations than are reported; parsing can stop.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Whether there is a violation of a member or of a value inside it.
    #[must_use]
    pub fn any_within(&self, name: &str) -> bool {
        self.list.iter().any(|violation| match &violation.place {
            Place::Wire(place) => place.split('.').next() == Some(name),
            Place::Field(_) | Place::Item { .. } => false,
        })
    }

    /// Whether there is a violation with this path.
    #[must_use]
    pub fn any_at(&self, name: &str) -> bool {
        self.list.iter().any(|violation| matches!(&violation.place, Place::Wire(place) if place == name))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The value, or `None` after recording the violation.
    pub fn check<T>(&mut self, name: &'static str, result: Result<T, Violation>) -> Option<T> {
        result.map_err(|violation| self.add(name, violation)).ok()
    }

    /// Parses an optional value. (`validator` checks `required`.)
    pub fn parse<T>(&mut self, name: &'static str, value: Option<String>, parse: Parser<T>) -> Option<T> {
        value.and_then(|text| self.check(name, parse(&text)))
    }

    /// Parses a member. (`validator` checks whether a required one is missing.)
    pub fn read<T: Text>(&mut self, name: &'static str, member: impl TextMember<T>) -> Option<T> {
        self.parse(name, member.into_text(), T::parse)
    }

    /// Parses a member that null clears.
    pub fn read_patch<T: Text>(&mut self, name: &'static str, member: Clearable<T>) -> Option<Option<T>> {
        match member.into_patch() {
            Patch::Absent => None,
            Patch::Null => Some(None),
            Patch::Value(text) => self.check(name, T::parse(&text)).map(Some),
        }
    }

    /// Sorts by the documented order of the members; others come last.
    pub fn sort(&mut self, names: &[&str]) {
        self.list.sort_by_key(|violation| match &violation.place {
            Place::Wire(place) => {
                let member = place.split('.').next().unwrap_or(place);
                names.iter().position(|name| *name == member).unwrap_or(names.len())
            }
            Place::Field(_) | Place::Item { .. } => names.len(),
        });
    }

    /// The error that reports them.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::invalid(self.list).with_more_violations(self.more)
    }

    /// # Errors
    /// There are violations.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(self.into_error()),
        }
    }
}

/// Truncates a name that comes from a request, for a path: it can be as long as the body.
#[must_use]
pub fn truncated(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    match name.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

//! Gathers faults while a request is read.

use super::patch::Patch;
use crate::domain::violation::{MAX_REPORTED_VIOLATIONS, Place};
use crate::domain::{Error, FieldViolation, Violation};

/// Faults so far, of which no more are told than [`MAX_REPORTED_VIOLATIONS`]. That bounds each look through
/// the list, and the answer.
#[derive(Debug, Default)]
pub struct Violations {
    list: Vec<FieldViolation>,
    more: bool,
}

/// Reads a value out of a text.
pub type Parser<T> = fn(&str) -> Result<T, Violation>;

impl Violations {
    /// Notes a fault, unless there is one at that name already. Of those past the limit it notes that they are.
    pub fn add(&mut self, name: impl Into<std::borrow::Cow<'static, str>>, violation: Violation) {
        let name = name.into();
        if self.at(&name) {
            return;
        }
        if self.list.len() < MAX_REPORTED_VIOLATIONS {
            self.list.push(FieldViolation::at(name, violation));
        } else {
            self.more = true;
        }
    }

    /// Whether there are more than are told: whoever looks for further ones can stop.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Whether there is a fault at a name or inside of what it names.
    #[must_use]
    pub fn within(&self, name: &str) -> bool {
        self.list.iter().any(|violation| match &violation.place {
            Place::Wire(place) => place.split('.').next() == Some(name),
            Place::Field(_) => false,
        })
    }

    /// Whether there is a fault at a name.
    #[must_use]
    pub fn at(&self, name: &str) -> bool {
        self.list.iter().any(|violation| matches!(&violation.place, Place::Wire(place) if place == name))
    }

    /// Whether there is none.
    #[must_use]
    pub fn none(&self) -> bool {
        self.list.is_empty()
    }

    /// Keeps a value or notes why there is none.
    pub fn keep<T>(&mut self, name: &'static str, read: Result<T, Violation>) -> Option<T> {
        read.map_err(|violation| self.add(name, violation)).ok()
    }

    /// Reads a value that may be absent (`required` is `validator`'s to check).
    pub fn read<T>(&mut self, name: &'static str, value: Option<String>, parse: Parser<T>) -> Option<T> {
        value.and_then(|text| self.keep(name, parse(&text)))
    }

    /// Reads a value that may be absent, and that null clears.
    pub fn read_patch<T>(
        &mut self,
        name: &'static str,
        value: Patch<String>,
        parse: Parser<T>,
    ) -> Option<Option<T>> {
        match value {
            Patch::Absent => None,
            Patch::Null => Some(None),
            Patch::Value(text) => self.keep(name, parse(&text)).map(Some),
        }
    }

    /// Puts the faults into the order in which the members are documented; others come last.
    pub fn sort(&mut self, names: &[&str]) {
        self.list.sort_by_key(|violation| match &violation.place {
            Place::Wire(place) => {
                let member = place.split('.').next().unwrap_or(place);
                names.iter().position(|name| *name == member).unwrap_or(names.len())
            }
            Place::Field(_) => names.len(),
        });
    }

    /// What was read, if nothing is at fault.
    ///
    /// # Errors
    /// All faults.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(Error::invalid(self.list).with_more_violations(self.more)),
        }
    }
}

/// A name that a request made up, as far as a path repeats it: names can be as long as the body.
#[must_use]
pub fn shortened(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    match name.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

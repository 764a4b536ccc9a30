//! Gathers faults while a request is read.

use super::patch::Patch;
use crate::domain::{Error, Fault, FieldFault, fault::Place};

/// Faults so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldFault>);

/// Reads a value out of a text.
pub type Parser<T> = fn(&str) -> Result<T, Fault>;

impl Faults {
    /// Notes a fault, unless there is one at that name already.
    pub fn add(&mut self, name: impl Into<std::borrow::Cow<'static, str>>, fault: Fault) {
        let name = name.into();
        if !self.at(&name) {
            self.0.push(FieldFault::at(name, fault));
        }
    }

    /// Whether there is a fault at a name.
    #[must_use]
    pub fn at(&self, name: &str) -> bool {
        self.0.iter().any(|fault| matches!(&fault.place, Place::Wire(place) if place == name))
    }

    /// Whether there is none.
    #[must_use]
    pub fn none(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps a value or notes why there is none.
    pub fn keep<T>(&mut self, name: &'static str, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.add(name, fault)).ok()
    }

    /// Reads a value that may be absent (`required` is `validator`'s to check).
    pub fn read<T>(&mut self, name: &'static str, value: Option<String>, parse: Parser<T>) -> Option<T> {
        value.and_then(|text| self.keep(name, parse(&text)))
    }

    /// Reads a value that may be absent, but not null.
    pub fn read_set<T>(&mut self, name: &'static str, value: Patch<String>, parse: Parser<T>) -> Option<T> {
        match value {
            Patch::Absent => None,
            Patch::Null => self.keep(name, Err(Fault::WrongType { expected: "a string".into() })),
            Patch::Value(text) => self.keep(name, parse(&text)),
        }
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
        self.0.sort_by_key(|fault| match &fault.place {
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
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Error::invalid(self.0)),
        }
    }
}

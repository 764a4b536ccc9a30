//! A template that was read and checked.

use std::sync::OnceLock;

use minijinja::Environment;

use super::check::{Checked, check, syntax_violation};
use super::data::Wanted;
use super::environment::environment;
use super::variable::Variable;
use crate::domain::violation::Violation;

/// A template that was read.
#[derive(Debug)]
pub struct Template {
    text: String,
    variables: Vec<Variable>,
    pub(super) wanted: Wanted,
    pub(super) reads_contact: bool,
    pub(super) has_loops: bool,
    pub(super) environment: Environment<'static>,
    /// The same, in which what is missing is nothing; made when it is first asked for, as the other one.
    pub(super) lenient: OnceLock<Environment<'static>>,
    /// The same, with an eye on where values come from.
    pub(super) watchful: OnceLock<Environment<'static>>,
}

impl Template {
    /// Longest text, in characters.
    pub const MAX_CHARS: usize = 4_000;
    /// How many variables fit into the longest text: a name of one character, and what separates it from
    /// the next.
    pub const MAX_VARIABLES: usize = Self::MAX_CHARS / 2;

    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Violation::TooLong { max: Self::MAX_CHARS });
        }
        if text.contains('\0') {
            return Err(Violation::NulCharacter);
        }
        let Checked { variables, has_loops } = check(text)?;
        let environment = environment(text).map_err(|error| syntax_violation(text, &error))?;
        let wanted = Wanted::of(&variables);
        let reads_contact = variables.iter().any(|variable| variable.name.starts_with("contact."));
        Ok(Self {
            text: text.to_owned(),
            variables,
            wanted,
            reads_contact,
            has_loops,
            environment,
            lenient: OnceLock::new(),
            watchful: OnceLock::new(),
        })
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables of the template, in the order of the text.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

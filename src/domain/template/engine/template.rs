//! A parsed and checked template, ready to render.

use std::sync::OnceLock;

use minijinja::Environment;

use super::check::{Checked, check, syntax_violation};
use super::data::ReadNames;
use super::environment::environment;
use super::variable::Variable;
use crate::domain::violation::Violation;

#[derive(Debug)]
pub struct Template {
    text: String,
    variables: Vec<Variable>,
    pub(super) names: ReadNames,
    pub(super) reads_contact: bool,
    pub(super) has_loops: bool,
    pub(super) environment: Environment<'static>,
    /// Renders missing variables as empty text. Built on first use.
    pub(super) lenient: OnceLock<Environment<'static>>,
    /// In the engine's debug mode, whose errors name the variable. Built on first use.
    pub(super) debug: OnceLock<Environment<'static>>,
}

impl Template {
    pub const MAX_CHARS: usize = 4_000;
    /// Upper bound: each variable takes at least a one-character name and a separator.
    pub const MAX_VARIABLES: usize = Self::MAX_CHARS / 2;

    ///
    /// # Errors
    /// [`Violation::Blank`], [`Violation::TooLong`], [`Violation::NulCharacter`] or [`Violation::TemplateSyntax`].
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
        let names = ReadNames::of(&variables);
        let reads_contact = variables.iter().any(|variable| variable.name.starts_with("contact."));
        Ok(Self {
            text: text.to_owned(),
            variables,
            names,
            reads_contact,
            has_loops,
            environment,
            lenient: OnceLock::new(),
            debug: OnceLock::new(),
        })
    }

    /// The source text, verbatim.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In order of first occurrence.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

//! Templates: texts that are filled in for each recipient, by minijinja.
//!
//! What a template may do is little. It reads the recipient's own data and nothing else; it has no
//! functions, no assignments, and no other templates; a filter cannot make a text grow. It ends where it takes too
//! many steps (fuel), goes through too much data (`meter`), or makes more than the longest message. All of that is
//! checked when a template is read, except for what depends on the recipient.

mod check;
mod data;
mod meter;
mod render;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::OnceLock;

use minijinja::value::{StringInput, Value};
use minijinja::{Environment, Error, UndefinedBehavior, filters, tests as checks};

use crate::domain::violation::Violation;

pub use check::Variable;
use data::Wanted;

pub use data::RenderInput;
pub use render::{Message, MissingVariables, RenderError, TooCostly};

/// The name of the one template of an environment.
const NAME: &str = "text";

/// Steps that filling in may take. A message of ten parts with a place to fill in at every tenth
/// character takes a tenth of it.
const FUEL: u64 = 2_000;

/// The filters there are. None makes a text longer than what it is given.
const FILTERS: &[&str] = &[
    "default",
    "d",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "first",
    "last",
    "length",
    "round",
    "int",
    "float",
];

/// The tests there are.
const TESTS: &[&str] = &["defined", "undefined", "string", "number"];

/// A template that was read.
#[derive(Debug)]
pub struct Template {
    text: String,
    variables: Vec<Variable>,
    wanted: Wanted,
    reads_contact: bool,
    has_loops: bool,
    environment: Environment<'static>,
    /// The same, in which what is missing is nothing; made when it is first asked for, as the other one.
    lenient: OnceLock<Environment<'static>>,
    /// The same, with an eye on where values come from.
    watchful: OnceLock<Environment<'static>>,
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
        let check::Checked { variables, has_loops } = check::check(text)?;
        let environment = environment(text).map_err(|error| check::syntax_violation(text, &error))?;
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

/// An environment with this template and no other.
fn environment(text: &str) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(render::print);
    environment.add_filter("default", filters::default);
    environment.add_filter("d", filters::default);
    environment.add_filter("upper", upper);
    environment.add_filter("lower", lower);
    environment.add_filter("title", title);
    environment.add_filter("capitalize", capitalize);
    environment.add_filter("trim", trim);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("round", filters::round);
    environment.add_filter("int", filters::int);
    environment.add_filter("float", filters::float);
    environment.add_test("defined", checks::is_defined);
    environment.add_test("undefined", checks::is_undefined);
    environment.add_test("string", checks::is_string);
    environment.add_test("number", checks::is_number);
    environment.add_template_owned(NAME, text.to_owned())?;
    Ok(environment)
}

fn upper(text: StringInput<'_>) -> Result<Value, Error> {
    meter::filter(text.as_str(), 1)?;
    Ok(filters::upper(text))
}

fn lower(text: StringInput<'_>) -> Result<Value, Error> {
    meter::filter(text.as_str(), 1)?;
    Ok(filters::lower(text))
}

fn capitalize(text: StringInput<'_>) -> Result<Value, Error> {
    meter::filter(text.as_str(), 1)?;
    Ok(filters::capitalize(text))
}

fn title(text: Cow<'_, str>) -> Result<String, Error> {
    meter::filter(&text, 1)?;
    Ok(filters::title(text))
}

fn trim(text: StringInput<'_>, characters: Option<Cow<'_, str>>) -> Result<Value, Error> {
    meter::filter(text.as_str(), characters.as_ref().map_or(1, |characters| characters.len()))?;
    Ok(filters::trim(text, characters))
}

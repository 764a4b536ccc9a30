//! The engine's environment: available filters and tests, output formatting, and fuel.

use std::borrow::Cow;

use minijinja::value::{StringInput, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, filters, tests as checks};

use super::data::is_missing;
use super::meter;

/// The name of the only template in an environment.
pub(super) const NAME: &str = "text";

/// Maximum number of engine instructions per rendering. A message of ten parts with a variable at every tenth
/// character uses a tenth of it.
const FUEL: u64 = 2_000;

/// Invariant: none lengthens its input, so that chained filters cannot amplify.
pub(super) const FILTERS: &[&str] = &[
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

pub(super) const TESTS: &[&str] = &["defined", "undefined", "string", "number"];

/// An environment whose only template has this text.
pub(super) fn environment(text: &str) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(format_value);
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

/// Formats a value for human readers. A list or an object has no such form and is an error.
fn format_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let lenient = state.undefined_behavior() == UndefinedBehavior::Chainable;
    match value.kind() {
        _ if is_missing(value) && lenient => Ok(()),
        ValueKind::Undefined if value.is_undefined() => Ok(()),
        ValueKind::None => Err(Error::new(ErrorKind::InvalidOperation, "a value is null")),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }).map_err(Error::from),
        ValueKind::String | ValueKind::Number => minijinja::escape_formatter(out, state, value),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "a list or an object cannot be inserted as text")),
    }
}

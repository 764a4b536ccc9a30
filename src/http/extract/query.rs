//! Query strings.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev};
use percent_encoding::percent_decode;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::conditional_permission::ConditionalPermission;
use super::violations::Violations;
use crate::config::Limits;
use crate::domain::{Error, Violation};
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;
use crate::http::field::WireText;

/// The query parameters of an operation, read into a command.
pub trait Parameters: Sized + 'static {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[];

    /// Reads each parameter, in the order of the documentation. The same function reads a query, enumerates the names of
    /// the parameters and documents them; a parameter that it does not reach is unknown to clients, so it must read all of
    /// them before it returns. `None` only if there is a violation, or no query.
    fn read(query: &mut QueryReader<'_>) -> Option<Self>;
}

/// The command of a query without violations. Unknown parameters are violations: a mistyped filter must not return
/// everything.
pub struct Query<P> {
    pub command: P,
    /// The parameters other than cursor and limit, normalised, for links to other pages.
    pub filters: Vec<(&'static str, String)>,
}

impl<P: Parameters> FromRequest for Query<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(AppState::of(request).and_then(|state| Ok(parse::<P>(request.query_string(), &state.limits)?)))
    }
}

/// The parameters for the OpenAPI document.
#[must_use]
pub fn document<P: Parameters>() -> Vec<Parameter> {
    let mut reader = QueryReader(Pass::Document(Vec::new()));
    P::read(&mut reader);
    if let Pass::Document(parameters) = reader.0 { parameters } else { Vec::new() }
}

fn names<P: Parameters>() -> Vec<&'static str> {
    let mut reader = QueryReader(Pass::Names(Vec::with_capacity(8)));
    P::read(&mut reader);
    if let Pass::Names(names) = reader.0 { names } else { Vec::new() }
}

fn parse<P: Parameters>(query: &str, limits: &Limits) -> Result<Query<P>, Error> {
    let names = names::<P>();
    let mut violations = Violations::default();
    let mut values: Vec<(&'static str, Option<String>)> = Vec::with_capacity(names.len());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decode(name) else {
            violations.add("query", Violation::ForbiddenCharacter);
            continue;
        };
        let Some(known) = names.iter().copied().find(|known| *known == name) else {
            let unknown = Violation::unknown_parameter(&name, &names);
            violations.add(name, unknown);
            continue;
        };
        if values.iter().any(|(name, _)| *name == known) {
            violations.add(known, Violation::Duplicate);
        } else if let Some(value) = decode(value) {
            values.push((known, Some(value)));
        } else {
            violations.add(known, Violation::ForbiddenCharacter);
        }
    }
    let mut reader =
        QueryReader(Pass::Parse { values, limits, violations: &mut violations, filters: Vec::new() });
    let command = P::read(&mut reader);
    let filters = if let Pass::Parse { filters, .. } = reader.0 { filters } else { Vec::new() };
    violations.sort(&names);
    violations.finish(command.map(|command| Query { command, filters }))
}

/// Decodes a form-encoded name or value. `None` if it is not UTF-8.
fn decode(part: &str) -> Option<String> {
    let part = part.replace('+', " ");
    percent_decode(part.as_bytes()).decode_utf8().ok().map(Cow::into_owned)
}

/// Reads parameters one after the other; see [`Parameters::read`].
pub struct QueryReader<'a>(Pass<'a>);

enum Pass<'a> {
    Names(Vec<&'static str>),
    Document(Vec<Parameter>),
    Parse {
        values: Vec<(&'static str, Option<String>)>,
        limits: &'a Limits,
        violations: &'a mut Violations,
        filters: Vec<(&'static str, String)>,
    },
}

impl QueryReader<'_> {
    /// A parameter with a schema and a parser. The parser is called if there is a query, with the text if it has the
    /// parameter; `None` means a violation.
    pub fn parameter<T, S: Into<RefOr<Schema>>>(
        &mut self,
        name: &'static str,
        schema: impl FnOnce() -> S,
        parse: impl FnOnce(Option<String>, &Limits, &mut Violations) -> Option<T>,
    ) -> Option<T> {
        match &mut self.0 {
            Pass::Names(names) => {
                names.push(name);
                None
            }
            Pass::Document(parameters) => {
                let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
                parameters.push(parameter.required(Required::False).schema(Some(schema())).build());
                None
            }
            Pass::Parse { values, limits, violations, .. } => {
                let value = values.iter_mut().find(|(known, _)| *known == name);
                parse(value.and_then(|(_, value)| value.take()), limits, violations)
            }
        }
    }

    /// A parameter that need not be there.
    pub fn optional<T, S: Into<RefOr<Schema>>>(
        &mut self,
        name: &'static str,
        schema: impl FnOnce() -> S,
        parse: impl FnOnce(&str) -> Result<T, Violation>,
    ) -> Option<T> {
        self.parameter(name, schema, |text, _, violations| {
            text.and_then(|text| violations.check(name, parse(&text)))
        })
    }

    /// A filter, which the links to other pages repeat; `write` is the inverse of `parse`.
    pub fn filter<T, S: Into<RefOr<Schema>>>(
        &mut self,
        name: &'static str,
        schema: impl FnOnce() -> S,
        parse: impl FnOnce(&str) -> Result<T, Violation>,
        write: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let value = self.optional(name, schema, parse)?;
        if let Pass::Parse { filters, .. } = &mut self.0 {
            filters.push((name, write(&value)));
        }
        Some(value)
    }

    /// A filter by a text that a resource has.
    pub fn text_filter<T: WireText>(&mut self, name: &'static str, about: &str) -> Option<T> {
        let schema = || {
            let mut schema = T::doc().accepted();
            schema.description = Some(about.to_owned());
            schema
        };
        self.filter(name, schema, T::parse, |value| value.as_str().to_owned())
    }

    /// The `limit` of a list. The document adds the limits of the settings.
    pub fn limit(&mut self) -> Option<u64> {
        let schema = || integer("The maximum number of items on the page.").minimum(Some(1));
        self.parameter("limit", schema, |text, limits, violations| match text {
            None => Some(limits.page_default.min(limits.page_max)),
            Some(text) => violations.check("limit", number(&text, 1, limits.page_max)),
        })
    }
}

/// The schema of an integer; more can be added to it.
#[must_use]
pub fn integer(about: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .description(Some(about))
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
}

/// An integer from `min` to `max`.
///
/// # Errors
/// It is none.
pub fn number(text: &str, min: u64, max: u64) -> Result<u64, Violation> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (min..=max).contains(number));
    number.ok_or(Violation::OutOfRange { min, max })
}

//! Query strings.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev};
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::conditional_permission::ConditionalPermission;
use super::member_names::member_names;
use super::violations::Violations;
use crate::config::Limits;
use crate::domain::{Error, Violation};
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;

/// The query parameters of an operation, each an `Option<String>`, converted into a command.
pub trait Parameters: DeserializeOwned + 'static {
    type Command: 'static;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self::Command>] = &[];

    /// Parses each parameter and records its violations. `None` only if there is a violation.
    fn into_command(self, limits: &Limits, violations: &mut Violations) -> Option<Self::Command>;
}

/// The command of a query without violations. Unknown parameters are violations: a mistyped filter must not return
/// everything.
pub struct Query<P: Parameters>(pub P::Command);

impl<P: Parameters> FromRequest for Query<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(
            AppState::of(request)
                .and_then(|state| Ok(Self(parse::<P>(request.query_string(), &state.limits)?))),
        )
    }
}

fn parse<P: Parameters>(query: &str, limits: &Limits) -> Result<P::Command, Error> {
    let names = member_names::<P>();
    let mut violations = Violations::default();
    let mut known = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decode(name) else {
            violations.add("query", Violation::ForbiddenCharacter);
            continue;
        };
        if !names.contains(&name.as_str()) {
            let unknown = Violation::unknown_parameter(&name, names);
            violations.add(name, unknown);
        } else if known.contains_key(&name) {
            violations.add(name, Violation::Duplicate);
        } else if let Some(value) = decode(value) {
            known.insert(name, Value::String(value));
        } else {
            violations.add(name, Violation::ForbiddenCharacter);
        }
    }
    let parameters = serde_json::from_value::<P>(Value::Object(known))
        .map_err(|error| Error::caused_by(crate::domain::ErrorCode::Internal, error))?;
    let command = parameters.into_command(limits, &mut violations);
    violations.sort(names);
    violations.finish(command)
}

/// Decodes a form-encoded name or value. `None` if it is not UTF-8.
fn decode(part: &str) -> Option<String> {
    let part = part.replace('+', " ");
    percent_decode(part.as_bytes()).decode_utf8().ok().map(Cow::into_owned)
}

/// An integer from `min` to `max`.
pub fn number(
    name: &'static str,
    text: &str,
    min: u64,
    max: u64,
    violations: &mut Violations,
) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (min..=max).contains(number));
    violations.check(name, number.ok_or(Violation::OutOfRange { min, max }))
}

/// The `limit` of a list.
pub fn limit(
    name: &'static str,
    text: Option<String>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<u64> {
    match text {
        None => Some(limits.page_default.min(limits.page_max)),
        Some(text) => number(name, &text, 1, limits.page_max, violations),
    }
}

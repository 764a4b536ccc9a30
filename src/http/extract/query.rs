//! Query strings.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev};
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::member_names::member_names;
use super::violations::Faults;
use crate::config::Limits;
use crate::domain::{Error, Fault};
use crate::http::app_state::State;
use crate::http::auth::access::Need;
use crate::http::error::api_error::Problem;

/// The parameters of an operation, each an `Option<String>`, and what they ask of the domain.
pub trait Parameters: DeserializeOwned + 'static {
    /// What the parameters stand for.
    type Command: 'static;

    /// The permissions that a request needs for what its command touches beside what the operation always does.
    const NEEDS: &'static [Need<Self::Command>] = &[];

    /// Reads each parameter; notes what is wrong with it. `None` only where a fault was noted.
    fn into_command(self, limits: &Limits, faults: &mut Faults) -> Option<Self::Command>;
}

/// What a query without a fault asks for. Parameters that the operation does not have are faults: a
/// mistyped filter must not answer with everything.
pub struct Query<P: Parameters>(pub P::Command);

impl<P: Parameters> FromRequest for Query<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(
            State::of(request).and_then(|state| Ok(Self(read::<P>(request.query_string(), &state.limits)?))),
        )
    }
}

fn read<P: Parameters>(query: &str, limits: &Limits) -> Result<P::Command, Error> {
    let names = member_names::<P>();
    let mut faults = Faults::default();
    let mut sound = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = decode(name) else {
            faults.add("query", Fault::ForbiddenCharacter);
            continue;
        };
        if !names.contains(&name.as_str()) {
            let unknown = Fault::unknown_parameter(&name, names);
            faults.add(name, unknown);
        } else if sound.contains_key(&name) {
            faults.add(name, Fault::Duplicate);
        } else if let Some(value) = decode(value) {
            sound.insert(name, Value::String(value));
        } else {
            faults.add(name, Fault::ForbiddenCharacter);
        }
    }
    let parameters = serde_json::from_value::<P>(Value::Object(sound))
        .map_err(|error| Error::caused_by(crate::domain::Code::Internal, error))?;
    let command = parameters.into_command(limits, &mut faults);
    faults.sort(names);
    faults.finish(command)
}

/// A part of a query, as forms write it: `+` is a blank. `None` where it is not UTF-8.
fn decode(part: &str) -> Option<String> {
    let part = part.replace('+', " ");
    percent_decode(part.as_bytes()).decode_utf8().ok().map(Cow::into_owned)
}

/// A whole number within bounds.
pub fn number(name: &'static str, text: &str, min: u64, max: u64, faults: &mut Faults) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (min..=max).contains(number));
    faults.keep(name, number.ok_or(Fault::OutOfRange { min, max }))
}

/// How many contacts a page may have.
pub fn limit(name: &'static str, text: Option<String>, limits: &Limits, faults: &mut Faults) -> Option<u64> {
    match text {
        None => Some(limits.page_default.min(limits.page_max)),
        Some(text) => number(name, &text, 1, limits.page_max, faults),
    }
}

//! JSON bodies.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{BodyStream, SizedStream, to_bytes_limited};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, dev, web};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use validator::{Validate, ValidationErrors};

use super::conditional_permission::ConditionalPermission;
use super::diagnose;
use super::member_names::member_names;
use super::violations::Violations;
use crate::config::Limits;
use crate::domain::idempotency::{IdempotencyKey, IdempotentRequest};
use crate::domain::json::number;
use crate::domain::{Error, ErrorCode, FieldViolation, Violation};
use crate::http::app_state::AppState;
use crate::http::connection::RequestInProgress;
use crate::http::error::api_error::ApiError;
use crate::http::headers::IDEMPOTENCY_KEY;

/// A request body: deserialised by serde, checked for required members by `validator`, converted into a command.
///
/// Every member is optional to serde; a required one is `#[validate(required)]`, so that one response reports all missing
/// members.
pub trait Payload: DeserializeOwned + Validate + ToSchema + 'static {
    type Command: 'static;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self::Command>] = &[];

    /// Counts the items of a list for which the operation is carried out, each of which costs: the rate limits count them.
    const ITEMS: Option<fn(&Self::Command) -> usize> = None;

    /// Whether it has items that [`Self::into_command`] parses, each on its own: an invalid one is no violation of the body.
    const HAS_RAW_ITEMS: bool = false;

    /// In bytes.
    fn body_limit(limits: &Limits) -> usize {
        limits.body_limit
    }

    /// Parses each member and records its violations. `None` only if there is a violation, or if `validator` found a
    /// required member missing.
    fn into_command(self, violations: &mut Violations) -> Option<Self::Command>;
}

/// The command of a body that was received within the timeout and has no violation.
pub struct Body<P: Payload> {
    pub command: P::Command,
    /// The `Idempotency-Key`, and the fingerprint of the body.
    idempotency: Option<(IdempotencyKey, [u8; 32])>,
}

/// The body of an operation that accepts an `Idempotency-Key`.
pub struct IdempotentBody<P: Payload>(Body<P>);

impl<P: Payload> IdempotentBody<P> {
    /// The command, which the access check inspects.
    #[must_use]
    pub fn command(&self) -> &P::Command {
        &self.0.command
    }

    /// The command, and the idempotent request if the client sent an `Idempotency-Key`.
    #[must_use]
    pub fn into_parts(self, operation: &'static str) -> (P::Command, Option<IdempotentRequest>) {
        let Body { command, idempotency } = self.0;
        (command, idempotency.map(|(key, fingerprint)| IdempotentRequest { operation, key, fingerprint }))
    }
}

impl<P: Payload> FromRequest for IdempotentBody<P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let body = Body::from_request(request, payload);
        Box::pin(async { Ok(Self(body.await?)) })
    }
}

impl<P: Payload> FromRequest for Body<P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        let payload = web::Payload::from_request(&request, payload);
        Box::pin(async move {
            let limits = &AppState::of(&request)?.limits;
            check_headers(&request)?;
            let key = idempotency_key(&request)?;
            let payload = payload.await.map_err(|_| ErrorCode::Malformed)?;
            let length = content_length(&request);
            let bytes = receive(payload, length, limits.body_timeout, P::body_limit(limits)).await?;
            if let Some(in_progress) = request.conn_data::<Rc<RequestInProgress>>() {
                in_progress.begin();
            }
            let idempotency = key.map(|key| (key, Sha256::digest(&bytes).into()));
            Ok(Self { command: parse::<P>(&bytes, limits.json_depth)?, idempotency })
        })
    }
}

fn check_headers(request: &HttpRequest) -> Result<(), ApiError> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let media_type = text(CONTENT_TYPE).and_then(|value| value.split(';').next()).map(str::trim);
    let json = media_type.is_some_and(|media_type| {
        ["application/json", "application/merge-patch+json"]
            .iter()
            .any(|accepted| media_type.eq_ignore_ascii_case(accepted))
    });
    let encoded = text(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if json && !encoded { Ok(()) } else { Err(ErrorCode::UnsupportedMediaType.into()) }
}

/// The declared length of the body. (The HTTP implementation rejects a body of another length.)
fn content_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let violation = |violation| FieldViolation::at(IDEMPOTENCY_KEY, violation);
    if values.next().is_some() {
        return Err(violation(Violation::Duplicate).into());
    }
    let text = value.to_str().map_err(|_| violation(Violation::ForbiddenCharacter))?;
    Ok(Some(IdempotencyKey::parse(text).map_err(violation)?))
}

/// Receives the body into a buffer of the declared length. (By default, actix allocates 32 KiB per body: `Payload` does not
/// report the length.)
async fn receive(
    payload: web::Payload,
    length: Option<u64>,
    timeout: Duration,
    limit: usize,
) -> Result<web::Bytes, ApiError> {
    let too_large =
        || Error::with_message(ErrorCode::PayloadTooLarge, format!("The body is larger than {limit} bytes"));
    let body = async {
        match length {
            Some(length) => to_bytes_limited(SizedStream::new(length, payload), limit).await,
            None => to_bytes_limited(BodyStream::new(payload), limit).await,
        }
    };
    match tokio::time::timeout(timeout, body).await {
        Err(_) => Err(ErrorCode::RequestTimeout.into()),
        Ok(Err(_)) => Err(too_large().into()),
        Ok(Ok(Err(error))) => Err(Error::caused_by(ErrorCode::Malformed, error.to_string()).into()),
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
}

/// Parses a body into a command.
fn parse<P: Payload>(bytes: &[u8], max_depth: usize) -> Result<P::Command, Error> {
    let (depth, may_be_inexact) = number::scan(bytes);
    if depth > max_depth {
        let message = format!("The body must not be nested deeper than {max_depth} levels");
        return Err(Error::with_message(ErrorCode::Malformed, message));
    }
    let mut violations = Violations::default();
    let payload = deserialise::<P>(bytes, may_be_inexact && !P::HAS_RAW_ITEMS, &mut violations)?;
    if let Err(errors) = payload.validate() {
        add_missing(&errors, &mut violations);
    }
    let command = payload.into_command(&mut violations);
    violations.sort(member_names::<P>());
    violations.finish(command)
}

/// Parses an item of a list on its own, as if it were the body.
pub fn parse_item<T: DeserializeOwned>(item: &RawValue, violations: &mut Violations) -> Result<T, Error> {
    let bytes = item.get().as_bytes();
    if !bytes.starts_with(b"{") {
        return Err(Error::with_message(ErrorCode::Malformed, "The item must be a JSON object"));
    }
    let (_, may_be_inexact) = number::scan(bytes);
    deserialise(bytes, may_be_inexact, violations)
}

/// Fast path: one pass of serde. An object that fails is parsed again by [`diagnose`], which finds all violations.
fn deserialise<T: DeserializeOwned>(
    bytes: &[u8],
    may_be_inexact: bool,
    violations: &mut Violations,
) -> Result<T, Error> {
    // serde also deserialises a struct from an array of its members in declaration order.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice::<T>(bytes) {
        Ok(value) if is_object && !(may_be_inexact && number::has_inexact(bytes)) => Ok(value),
        _ => diagnose::members(bytes, may_be_inexact, violations),
    }
}

/// Adds the violations that `validator` found. The members use `required` only: the domain checks lengths and formats, once
/// and after normalisation. (Errors of other validators would also contain the value.)
fn add_missing(errors: &ValidationErrors, violations: &mut Violations) {
    for name in errors.errors().keys() {
        // `validator` names members as Rust does.
        let name = name.strip_prefix("r#").unwrap_or(name);
        // A member that could not be parsed has a violation already and is not missing.
        if !violations.any_within(name) {
            violations.add(name.to_owned(), Violation::Required);
        }
    }
}

//! JSON bodies.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{BodyStream, SizedStream, to_bytes_limited};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, dev, web};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use validator::{Validate, ValidationErrors};

use super::conditional_permission::ConditionalPermission;
use super::diagnose;
use super::member_names::member_names;
use super::number;
use super::violations::Violations;
use crate::config::Limits;
use crate::domain::idempotency::{IdempotencyKey, IdempotentRequest};
use crate::domain::{Error, ErrorCode, FieldViolation, Violation};
use crate::http::app_state::AppState;
use crate::http::connection::Answering;
use crate::http::error::api_error::ApiError;
use crate::http::headers::IDEMPOTENCY_KEY;

/// A request body: what serde reads, what `validator` requires, and the command it stands for.
///
/// Every member is optional to serde. One that is required is `#[validate(required)]`, so that all
/// that are missing are told at once.
pub trait Payload: DeserializeOwned + Validate + 'static {
    /// What the body asks of the domain.
    type Command: 'static;

    /// The permissions that a request needs for what its command touches beside what the operation always does.
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self::Command>] = &[];

    /// The largest body, in bytes.
    fn body_limit(limits: &Limits) -> usize {
        limits.body_limit
    }

    /// Reads each member; notes what is wrong with it. `None` only where a fault was noted, or where
    /// `validator` found a required member missing.
    fn into_command(self, violations: &mut Violations) -> Option<Self::Command>;
}

/// The command of a body that arrived whole, in time, and without a fault.
pub struct Body<P: Payload> {
    /// What the body asks of the domain.
    pub command: P::Command,
    attempt: Option<(IdempotencyKey, [u8; 32])>,
}

impl<P: Payload> Body<P> {
    /// The command, and the attempt that the client named with `Idempotency-Key`.
    #[must_use]
    pub fn attempt(self, operation: &'static str) -> (P::Command, Option<IdempotentRequest>) {
        let attempt =
            self.attempt.map(|(key, fingerprint)| IdempotentRequest { operation, key, fingerprint });
        (self.command, attempt)
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
            if let Some(answering) = request.conn_data::<Rc<Answering>>() {
                answering.begin();
            }
            let attempt = key.map(|key| (key, Sha256::digest(&bytes).into()));
            Ok(Self { command: read::<P>(&bytes, limits.json_depth)?, attempt })
        })
    }
}

fn check_headers(request: &HttpRequest) -> Result<(), ApiError> {
    let plain = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let media_type = plain(CONTENT_TYPE).and_then(|value| value.split(';').next()).map(str::trim);
    let json = media_type.is_some_and(|media_type| {
        ["application/json", "application/merge-patch+json"]
            .iter()
            .any(|accepted| media_type.eq_ignore_ascii_case(accepted))
    });
    let encoded = plain(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if json && !encoded { Ok(()) } else { Err(ErrorCode::UnsupportedMediaType.into()) }
}

/// How long the body is, where the request says so. (A server that got another length would have ended the
/// request.)
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

/// The bytes of a body. One whose length is known gets a buffer of that length; to actix's `Payload` none is,
/// and each body would get 32 KiB.
async fn receive(
    payload: web::Payload,
    length: Option<u64>,
    patience: Duration,
    limit: usize,
) -> Result<web::Bytes, ApiError> {
    let too_large =
        || Error::with_message(ErrorCode::PayloadTooLarge, format!("The body is larger than {limit} bytes"));
    let whole = async {
        match length {
            Some(length) => to_bytes_limited(SizedStream::new(length, payload), limit).await,
            None => to_bytes_limited(BodyStream::new(payload), limit).await,
        }
    };
    match tokio::time::timeout(patience, whole).await {
        Err(_) => Err(ErrorCode::RequestTimeout.into()),
        Ok(Err(_)) => Err(too_large().into()),
        Ok(Ok(Err(error))) => Err(Error::caused_by(ErrorCode::Malformed, error.to_string()).into()),
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
}

/// A body as a command. The straight way first; a body that fails it is looked at again with the
/// patience that a good answer needs.
fn read<P: Payload>(bytes: &[u8], max_depth: usize) -> Result<P::Command, Error> {
    let (depth, suspect_number) = number::survey(bytes);
    if depth > max_depth {
        let message = format!("The body must not be nested deeper than {max_depth} levels");
        return Err(Error::with_message(ErrorCode::Malformed, message));
    }
    let mut violations = Violations::default();
    // serde reads a struct from an array, too: the members in the order in which they are declared.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let payload = match serde_json::from_slice::<P>(bytes) {
        Ok(payload) if is_object && !(suspect_number && number::some_inexact(bytes)) => payload,
        _ => diagnose::members(bytes, &mut violations)?,
    };
    if let Err(errors) = payload.validate() {
        note(&errors, &mut violations);
    }
    let command = payload.into_command(&mut violations);
    violations.sort(member_names::<P>());
    violations.finish(command)
}

/// What `validator` found: only `required` stands at the members. Lengths and forms are the domain's
/// to check, once and after normalising. (Errors of other validators would hold the value, too.)
fn note(errors: &ValidationErrors, violations: &mut Violations) {
    for name in errors.errors().keys() {
        // One that could not be read is told already, and is not missing.
        if !violations.within(name) {
            violations.add(name.clone(), Violation::Required);
        }
    }
}

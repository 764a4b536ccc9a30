//! The error type of handlers and extractors. The outermost middleware
//! ([`request_scope`](crate::http::middleware::request_scope)) renders it in the envelope of the request's dialect.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::table::{self, wire_code};
use crate::domain::violation::Place;
use crate::domain::{Error, ErrorCode, FieldViolation, Permission, Violation};
use crate::http::dialect::{Dialect, FieldNames};

/// The `Retry-After` of errors that pass by themselves, after an unknown time.
const RETRY_AFTER_SECONDS: &str = "1";

/// A domain error and the response headers that belong to it.
#[derive(Debug)]
pub struct ApiError {
    error: Error,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// `allow` lists the methods that the path supports.
    #[must_use]
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self { headers: vec![(ALLOW, allow)], ..ErrorCode::MethodNotAllowed.into() }
    }

    /// The key is missing (RFC 6750, section 3) or invalid (section 3.1).
    #[must_use]
    pub fn unauthorized(message: &'static str, challenge: &'static str) -> Self {
        Self {
            error: Error::with_message(ErrorCode::Unauthorized, message),
            headers: vec![(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))],
        }
    }

    /// The key lacks permissions (RFC 6750, section 3.1).
    #[must_use]
    pub fn forbidden(missing: &[Permission]) -> Self {
        let scope: Vec<_> = missing.iter().map(|permission| permission.as_str()).collect();
        let scope = scope.join(" ");
        let challenge = format!(r#"Bearer realm="addressbook", error="insufficient_scope", scope="{scope}""#);
        let challenge = HeaderValue::from_str(&challenge);
        Self {
            headers: challenge.map(|value| (WWW_AUTHENTICATE, value)).into_iter().collect(),
            ..Error::forbidden(missing).into()
        }
    }

    /// A rate limit refuses the request.
    #[must_use]
    pub fn rate_limited(
        subject: &'static str,
        wait_seconds: u32,
        mut headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Self {
        let wait = Ord::max(wait_seconds, 1);
        let seconds = if wait == 1 { "second" } else { "seconds" };
        let message = format!("Too many requests with this {subject}; try again in {wait} {seconds}");
        headers.push((RETRY_AFTER, wait.into()));
        Self { error: Error::with_message(ErrorCode::RateLimited, message), headers }
    }

    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The response in the envelope of a dialect.
    #[must_use]
    pub fn respond(&self, dialect: &Dialect) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        let passes = [ErrorCode::Unavailable, ErrorCode::TooManyStreams, ErrorCode::TooManyImports];
        if passes.contains(&self.error.code()) {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        response.json((dialect.envelope)(&self.error))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { error, headers: Vec::new() }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Error::from(code).into()
    }
}

impl From<FieldViolation> for ApiError {
    fn from(violation: FieldViolation) -> Self {
        Error::from(violation).into()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        wire_code(self.error.code()).status
    }

    /// Without a body: the outermost middleware knows the dialect and renders it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// The cause of a failure that is not an [`ApiError`], for the log: an extension of the response.
#[derive(Debug)]
pub struct Cause(pub String);

/// A field that caused the error.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// The member, parameter or path segment.
    #[schema(example = "meta")]
    pub field: String,
    /// The problem, as a code for programs.
    #[schema(example = "too_many_keys")]
    pub code: String,
    /// The problem, for people: one plain sentence.
    #[schema(example = "meta must have at most 50 keys")]
    pub message: String,
}

/// The violations of an error, with a dialect's field names.
#[must_use]
pub fn field_errors(error: &Error, names: &FieldNames) -> Vec<FieldError> {
    error
        .violations()
        .iter()
        .map(|FieldViolation { place, violation }| field_error(place, violation, names))
        .collect()
}

fn field_error(place: &Place, violation: &Violation, names: &FieldNames) -> FieldError {
    let field = path(place, names);
    FieldError {
        code: violation.code().to_owned(),
        message: violation.sentence(&(names.label)(&field)),
        field: field.into_owned(),
    }
}

fn path<'p>(place: &'p Place, names: &FieldNames) -> Cow<'p, str> {
    match place {
        Place::Field(field) => (names.name)(*field).into(),
        Place::Wire(name) => Cow::Borrowed(name),
        Place::Item { list, index, place } => format!("{list}.{index}.{}", path(place, names)).into(),
    }
}

/// The sentence of the first violation, if there is one, else that of the error.
#[must_use]
pub fn message(error: &Error, details: &[FieldError]) -> String {
    details.first().map_or_else(|| table::message(error).into_owned(), |first| first.message.clone())
}

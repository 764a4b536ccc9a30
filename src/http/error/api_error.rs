//! A domain error on its way out: whichever way a request fails, it ends up as one of these, and
//! [`crate::http::middleware::edge`] writes it in the envelope of the dialect that was spoken.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::violation::Place;
use crate::domain::{Error, ErrorCode, FieldViolation, Permission, Violation};
use crate::http::dialect::Dialect;

/// What a client that was answered with 503 is told to wait, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// An error and the headers that go with it.
#[derive(Debug)]
pub struct ApiError {
    error: Error,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// A method that an address does not have, and those that it has.
    #[must_use]
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self { headers: vec![(ALLOW, allow)], ..ErrorCode::MethodNotAllowed.into() }
    }

    /// A request whose key is missing (RFC 6750, section 3) or not in force (section 3.1).
    #[must_use]
    pub fn unauthorized(message: &'static str, challenge: &'static str) -> Self {
        Self {
            error: Error::with_message(ErrorCode::Unauthorized, message),
            headers: vec![(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))],
        }
    }

    /// A key that lacks permissions (RFC 6750, section 3.1).
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

    /// The error.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The response, in the envelope of a dialect.
    #[must_use]
    pub fn respond(&self, dialect: &Dialect) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if self.error.code() == ErrorCode::Unavailable {
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
        StatusCode::from_u16(self.error.code().row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Without a body: the edge of the server knows the dialect and writes one.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// Why a response that is no [`ApiError`] has the status of one, for the log: an extension of the response.
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

/// The faults of an error, in a dialect's names and words.
#[must_use]
pub fn field_errors(error: &Error, dialect: &Dialect) -> Vec<FieldError> {
    error
        .violations()
        .iter()
        .map(|FieldViolation { place, violation }| field_error(place, violation, dialect))
        .collect()
}

fn field_error(place: &Place, violation: &Violation, dialect: &Dialect) -> FieldError {
    let field = match place {
        Place::Field(field) => (dialect.field)(*field),
        Place::Wire(name) => name,
    };
    FieldError {
        field: field.to_owned(),
        code: violation.code().to_owned(),
        message: violation.sentence(&(dialect.label)(field)),
    }
}

/// The message of an error: the sentence of the first field at fault, if there is one.
#[must_use]
pub fn message(error: &Error, details: &[FieldError]) -> String {
    details.first().map_or_else(|| error.message().to_owned(), |first| first.message.clone())
}

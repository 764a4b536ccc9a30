//! Domain error codes on the wire: the one place that maps an [`ErrorCode`] to an HTTP status, to the code of each
//! dialect, and to a message where that names headers or formats.

use std::borrow::Cow;

use actix_web::http::StatusCode;

use crate::domain::{Error, ErrorCode};
use crate::http::media_type::NDJSON;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct WireCode {
    pub status: StatusCode,
    /// `error.code` under `/v1`, and the code in logs and in the names of examples.
    pub v1: &'static str,
    /// `error.name` under `/addressbook`.
    pub address_book: &'static str,
}

const fn row(status: StatusCode, v1: &'static str, address_book: &'static str) -> WireCode {
    WireCode { status, v1, address_book }
}

#[must_use]
pub const fn wire_code(code: ErrorCode) -> WireCode {
    use ErrorCode as E;
    use StatusCode as S;
    match code {
        E::Invalid => row(S::BAD_REQUEST, "validation_failed", "ValidationError"),
        E::Malformed => row(S::BAD_REQUEST, "malformed_json", "ValidationError"),
        E::MalformedRequest => row(S::BAD_REQUEST, "malformed_request", "ValidationError"),
        E::Unauthorized => row(S::UNAUTHORIZED, "unauthorized", "UnauthorizedError"),
        E::Forbidden => row(S::FORBIDDEN, "forbidden", "ForbiddenError"),
        E::AccountSuspended => row(S::FORBIDDEN, "account_suspended", "ForbiddenError"),
        E::NotFound => row(S::NOT_FOUND, "not_found", "NotFoundError"),
        E::RouteNotFound => row(S::NOT_FOUND, "route_not_found", "NotFoundError"),
        E::MethodNotAllowed => row(S::METHOD_NOT_ALLOWED, "method_not_allowed", "MethodNotAllowedError"),
        E::RequestTimeout => row(S::REQUEST_TIMEOUT, "request_timeout", "RequestTimeoutError"),
        E::HandleTaken => row(S::CONFLICT, "username_taken", "ConflictError"),
        E::NameTaken => row(S::CONFLICT, "name_taken", "ConflictError"),
        E::AccountPurging => row(S::CONFLICT, "account_purging", "ConflictError"),
        E::KeyNotLive => row(S::CONFLICT, "key_not_live", "ConflictError"),
        E::FieldDeclared => row(S::CONFLICT, "field_declared", "ConflictError"),
        E::FieldInUse => row(S::CONFLICT, "field_in_use", "ConflictError"),
        E::FieldNotDeclared => row(S::BAD_REQUEST, "field_not_declared", "ValidationError"),
        E::FieldNotReady => row(S::CONFLICT, "field_not_ready", "ConflictError"),
        E::DuplicateItem => row(S::CONFLICT, "duplicate_item", "ConflictError"),
        E::PhoneAmbiguous => row(S::CONFLICT, "phone_number_ambiguous", "ConflictError"),
        E::IdempotencyKeyInUse => row(S::CONFLICT, "idempotency_key_in_use", "ConflictError"),
        E::Gone => row(S::GONE, "gone", "GoneError"),
        E::PositionExpired => row(S::GONE, "position_expired", "GoneError"),
        E::AudienceInProgress => row(S::CONFLICT, "audience_in_progress", "ConflictError"),
        E::ImportState => row(S::CONFLICT, "import_state", "ConflictError"),
        E::PlanChanged => row(S::CONFLICT, "plan_changed", "ConflictError"),
        E::PreconditionFailed => {
            row(S::PRECONDITION_FAILED, "precondition_failed", "PreconditionFailedError")
        }
        E::PayloadTooLarge => row(S::PAYLOAD_TOO_LARGE, "payload_too_large", "PayloadTooLargeError"),
        E::UriTooLong => row(S::URI_TOO_LONG, "uri_too_long", "UriTooLongError"),
        E::AudienceTooLarge => row(S::UNPROCESSABLE_ENTITY, "audience_too_large", "UnprocessableEntityError"),
        E::ContactQuota => row(S::UNPROCESSABLE_ENTITY, "contact_quota", "UnprocessableEntityError"),
        E::AudienceQuota => row(S::UNPROCESSABLE_ENTITY, "audience_quota", "UnprocessableEntityError"),
        E::ImportQuota => row(S::UNPROCESSABLE_ENTITY, "import_quota", "UnprocessableEntityError"),
        E::FieldQuota => row(S::UNPROCESSABLE_ENTITY, "field_quota", "UnprocessableEntityError"),
        E::TemplateTooCostly => {
            row(S::UNPROCESSABLE_ENTITY, "template_too_costly", "UnprocessableEntityError")
        }
        E::HeadersTooLarge => {
            row(S::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "HeadersTooLargeError")
        }
        E::UnsupportedMediaType => {
            row(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "UnsupportedMediaTypeError")
        }
        E::IdempotencyKeyReused => {
            row(S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "UnprocessableEntityError")
        }
        E::RateLimited => row(S::TOO_MANY_REQUESTS, "rate_limited", "TooManyRequestsError"),
        E::TooManyStreams => row(S::TOO_MANY_REQUESTS, "too_many_streams", "TooManyRequestsError"),
        E::TooManyImports => row(S::TOO_MANY_REQUESTS, "too_many_imports", "TooManyRequestsError"),
        E::Internal => row(S::INTERNAL_SERVER_ERROR, "internal_error", "InternalServerError"),
        E::StorageFull => row(S::INSUFFICIENT_STORAGE, "storage_full", "InsufficientStorageError"),
        E::Unavailable => row(S::SERVICE_UNAVAILABLE, "unavailable", "ServiceUnavailableError"),
    }
}

/// The message of an error.
#[must_use]
pub fn message(error: &Error) -> Cow<'_, str> {
    if let Some(own) = error.own_message() {
        return own.into();
    }
    match error.code() {
        ErrorCode::AudienceTooLarge => with_alternatives(error).into(),
        ErrorCode::HeadersTooLarge => "The request headers are too large".into(),
        ErrorCode::UnsupportedMediaType => {
            "Content-Type must be application/json, without Content-Encoding".into()
        }
        _ => error.message().into(),
    }
}

/// The message for an audience that is too large for one response, with what to request instead.
#[must_use]
pub fn with_alternatives(error: &Error) -> String {
    format!("{}; stream it as {NDJSON}, or request a dry run", error.message())
}

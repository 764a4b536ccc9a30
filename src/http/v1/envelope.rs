//! The error envelope: `{"error": {"code", "message"}}`, with `details` for violations.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::names::NAMES;
use crate::domain::Error;
use crate::http::error::api_error::{FieldError, field_errors, message};
use crate::http::error::table::wire_code;

/// The body of every 4xx and 5xx response under `/v1`.
#[derive(Debug, Serialize, ToSchema)]
pub struct V1Error {
    /// The error.
    pub error: V1ErrorBody,
}

/// The error.
#[derive(Debug, Serialize, ToSchema)]
pub struct V1ErrorBody {
    /// The error code, for programs. Codes are added, but never changed or removed.
    #[schema(example = "validation_failed")]
    pub code: &'static str,
    /// The error message, for people: one plain sentence.
    #[schema(example = "username is required")]
    pub message: String,
    /// The fields that caused the error, if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub details: Vec<FieldError>,
    /// True if more fields caused the error than `details` contains.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = true)]
    pub more_details: bool,
}

pub(in crate::http) fn render(error: &Error) -> Value {
    serde_json::to_value(V1Error { error: body(error) }).unwrap_or_default()
}

pub(super) fn body(error: &Error) -> V1ErrorBody {
    let details = field_errors(error, &NAMES);
    V1ErrorBody {
        code: wire_code(error.code()).v1,
        message: message(error, &details),
        details,
        more_details: error.has_more_violations(),
    }
}

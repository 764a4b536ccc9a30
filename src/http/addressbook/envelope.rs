//! The error envelope: `{"success": false, "error": {"name", "statusCode", "message"}}`, with `details` for violations;
//! and the confirmation of a deletion.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::names::NAMES;
use crate::domain::Error;
use crate::http::error::api_error::{FieldError, field_errors, message};
use crate::http::error::table::wire_code;

/// The body of every 4xx and 5xx response under `/addressbook` and `/contacts`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressBookError {
    /// Always false.
    #[schema(example = false)]
    pub success: bool,
    /// The error.
    pub error: AddressBookErrorBody,
}

/// The error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressBookErrorBody {
    /// The error name, for programs. Names are added, but never changed or removed.
    #[schema(example = "ValidationError")]
    pub name: &'static str,
    /// The HTTP status code of the response.
    #[schema(example = 400)]
    pub status_code: u16,
    /// The error message, for people: one plain sentence.
    #[schema(example = "Alias is required")]
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

/// The confirmation of a deletion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookDeleted)]
pub struct Deleted {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
}

pub(super) fn render(error: &Error) -> Value {
    serde_json::to_value(AddressBookError { success: false, error: body(error) }).unwrap_or_default()
}

pub(super) fn body(error: &Error) -> AddressBookErrorBody {
    let code = wire_code(error.code());
    let details = field_errors(error, &NAMES);
    AddressBookErrorBody {
        name: code.address_book,
        status_code: code.status.as_u16(),
        message: message(error, &details),
        details,
        more_details: error.has_more_violations(),
    }
}

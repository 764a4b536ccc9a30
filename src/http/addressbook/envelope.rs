//! `{"success": false, "error": {"name", "statusCode", "message"}}`, with `details` where fields are
//! at fault; and the answer that says that something was deleted.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::DIALECT;
use crate::domain::Error;
use crate::http::error::api_error::{FieldError, field_errors, message};

/// Every 4xx and 5xx under `/addressbook` and `/contacts`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddressBookError {
    /// Always false.
    #[schema(example = false)]
    pub success: bool,
    /// What went wrong.
    pub error: AddressBookErrorBody,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressBookErrorBody {
    /// For programs; the list of names only grows.
    #[schema(example = "ValidationError")]
    pub name: &'static str,
    /// The HTTP status once more.
    #[schema(example = 400)]
    pub status_code: u16,
    /// For people: one plain sentence.
    #[schema(example = "Alias is required")]
    pub message: String,
    /// The fields at fault, where fields are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub details: Vec<FieldError>,
    /// True where more fields are at fault than `details` has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false, example = true)]
    pub more_details: bool,
}

/// What was to be deleted is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookDeleted)]
pub struct Deleted {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
}

/// An error in this envelope.
pub(super) fn write(error: &Error) -> Value {
    let row = error.code().row();
    let details = field_errors(error, &DIALECT);
    let body = AddressBookErrorBody {
        name: row.addressbook,
        status_code: row.status,
        message: message(error, &details),
        details,
        more_details: error.has_more_faults(),
    };
    serde_json::to_value(AddressBookError { success: false, error: body }).unwrap_or_default()
}

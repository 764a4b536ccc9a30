//! Bodies of `/v1/opt_outs`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::{NewOptOut, Note, Source};
use crate::domain::{self, OptOutId, Timestamp};
use crate::http::extract::{Payload, Violations};
use crate::http::openapi::examples::opt_out as example;
use crate::http::openapi::{examples, fields};

/// A number to opt out. `phone_number` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOptOut {
    #[validate(required)]
    #[schema(schema_with = fields::phone, required)]
    phone_number: Option<String>,
    #[schema(schema_with = fields::opt_out::source, required = false)]
    source: Option<String>,
    #[schema(schema_with = fields::opt_out::note, required = false)]
    note: Option<String>,
}

impl CreateOptOut {
    pub(super) fn minimal_example() -> Value {
        json!({"phone_number": examples::PHONE})
    }

    pub(super) fn full_example() -> Value {
        json!({"phone_number": examples::PHONE, "source": example::SOURCE, "note": example::NOTE})
    }
}

impl Payload for CreateOptOut {
    type Command = NewOptOut;

    fn into_command(self, violations: &mut Violations) -> Option<NewOptOut> {
        let Self { phone_number, source, note } = self;
        let phone = violations.parse("phone_number", phone_number, Phone::parse);
        let source = violations.parse("source", source, Source::parse);
        let note = violations.parse("note", note, Note::parse);
        Some(NewOptOut { phone: phone?, source, note })
    }
}

/// A number that has opted out.
#[derive(Debug, Serialize, ToSchema)]
pub struct OptOut {
    #[schema(schema_with = fields::opt_out::id)]
    id: OptOutId,
    #[schema(schema_with = fields::stored_phone)]
    phone_number: String,
    #[schema(schema_with = fields::opt_out::stored_source, required)]
    source: Option<String>,
    #[schema(schema_with = fields::opt_out::stored_note, required)]
    note: Option<String>,
    #[schema(schema_with = fields::opt_out::created)]
    created_at: Timestamp,
}

impl From<domain::OptOut> for OptOut {
    fn from(opt_out: domain::OptOut) -> Self {
        let domain::OptOut { id, phone, source, note, created_at } = opt_out;
        Self {
            id,
            phone_number: phone.into_string(),
            source: source.map(Source::into_string),
            note: note.map(Note::into_string),
            created_at,
        }
    }
}

/// A page of opt-outs.
#[derive(Debug, Serialize, ToSchema)]
pub struct OptOutList {
    /// Whether there are more opt-outs in the direction of the cursor.
    pub has_more: bool,
    /// The opt-outs, newest first.
    pub data: Vec<OptOut>,
}

//! Bodies of `/addressbook/optouts`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::{NewOptOut, Note, Source};
use crate::domain::{OptOut, OptOutId, Timestamp};
use crate::http::extract::{Payload, Violations};
use crate::http::openapi::examples::opt_out as example;
use crate::http::openapi::{examples, fields};

/// A number to opt out. `msisdn` is required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookOptOut)]
pub struct CreateRecord {
    #[validate(required)]
    #[schema(schema_with = fields::msisdn, required)]
    msisdn: Option<String>,
    #[schema(schema_with = fields::opt_out::source, required = false)]
    source: Option<String>,
    #[schema(schema_with = fields::opt_out::note, required = false)]
    note: Option<String>,
}

impl CreateRecord {
    pub(super) fn example() -> Value {
        json!({"msisdn": examples::MSISDN, "source": example::SOURCE, "note": example::NOTE})
    }
}

impl Payload for CreateRecord {
    type Command = NewOptOut;

    fn into_command(self, violations: &mut Violations) -> Option<NewOptOut> {
        let Self { msisdn, source, note } = self;
        let phone = violations.parse("msisdn", msisdn, Phone::parse);
        let source = violations.parse("source", source, Source::parse);
        let note = violations.parse("note", note, Note::parse);
        Some(NewOptOut { phone: phone?, source, note })
    }
}

/// A number that has opted out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookOptOut)]
pub struct Record {
    #[schema(schema_with = fields::opt_out::id)]
    id: OptOutId,
    #[schema(schema_with = fields::stored_msisdn)]
    msisdn: String,
    #[schema(schema_with = fields::opt_out::stored_source, required)]
    source: Option<String>,
    #[schema(schema_with = fields::opt_out::stored_note, required)]
    note: Option<String>,
    #[schema(schema_with = fields::opt_out::created)]
    created_on: Timestamp,
}

impl From<OptOut> for Record {
    fn from(opt_out: OptOut) -> Self {
        let OptOut { id, phone, source, note, created_at } = opt_out;
        Self {
            id,
            msisdn: phone.msisdn().to_owned(),
            source: source.map(Source::into_string),
            note: note.map(Note::into_string),
            created_on: created_at,
        }
    }
}

/// A response with one opt-out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookOptOutAnswer)]
pub struct RecordResponse {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// The opt-out.
    record: Record,
}

impl From<OptOut> for RecordResponse {
    fn from(opt_out: OptOut) -> Self {
        Self { success: true, record: opt_out.into() }
    }
}

/// A page of opt-outs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookOptOutList)]
pub struct RecordList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The opt-outs, sorted by time in the requested direction.
    pub records: Vec<Record>,
    /// The number of opt-outs that were skipped at the start.
    #[schema(format = Int32)]
    pub offset: u64,
    /// The maximum number of opt-outs on the page.
    #[schema(format = Int32)]
    pub limit: u64,
    /// The total number of opt-outs in the account.
    pub total: u64,
}

//! Bodies of `/addressbook/contacts`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::contact::fields::{Handle, Meta, Phone};
use crate::domain::{Contact, ContactId, ContactPatch, NewContact, Timestamp};
use crate::http::extract::meta::{MetaObject, changed_meta, new_meta};
use crate::http::extract::{Patch, Payload, Violations};
use crate::http::openapi::{examples, fields};

/// A new contact. `alias` and `msisdn` are required. Null in an optional member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAddressBookRecord)]
pub struct CreateRecord {
    #[validate(required)]
    #[schema(schema_with = fields::handle, required)]
    alias: Option<String>,
    #[validate(required)]
    #[schema(schema_with = fields::msisdn, required)]
    msisdn: Option<String>,
    #[schema(schema_with = fields::meta, required = false)]
    meta: Option<MetaObject>,
}

impl CreateRecord {
    pub(super) fn example() -> Value {
        json!({"alias": examples::HANDLE, "msisdn": examples::MSISDN, "meta": examples::meta()})
    }
}

impl Payload for CreateRecord {
    type Command = NewContact;

    fn into_command(self, violations: &mut Violations) -> Option<NewContact> {
        let Self { alias, msisdn, meta } = self;
        let handle = violations.parse("alias", alias, Handle::parse);
        let phone = violations.parse("msisdn", msisdn, Phone::parse);
        let meta = new_meta(meta, violations);
        Some(NewContact { handle: handle?, phone: phone?, display_name: None, avatar_url: None, meta: meta? })
    }
}

/// The changes to a contact. An absent member keeps its value, a value sets it. Null clears `meta`; `alias`
/// and `msisdn` cannot be cleared, and null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateAddressBookRecord)]
pub struct UpdateRecord {
    #[schema(schema_with = fields::handle, required = false)]
    alias: Option<String>,
    #[schema(schema_with = fields::msisdn, required = false)]
    msisdn: Option<String>,
    #[serde(default)]
    #[schema(schema_with = fields::meta_patch, required = false)]
    meta: Patch<MetaObject>,
}

impl UpdateRecord {
    pub(super) fn example() -> Value {
        json!({"alias": "johnny", "meta": {"CITY": "Paris"}})
    }
}

impl Payload for UpdateRecord {
    type Command = ContactPatch;

    fn into_command(self, violations: &mut Violations) -> Option<ContactPatch> {
        let Self { alias, msisdn, meta } = self;
        Some(ContactPatch {
            handle: violations.parse("alias", alias, Handle::parse),
            phone: violations.parse("msisdn", msisdn, Phone::parse),
            display_name: None,
            avatar_url: None,
            meta: changed_meta(meta, violations),
        })
    }
}

/// A contact in the address book dialect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookRecord)]
pub struct Record {
    #[schema(schema_with = fields::id)]
    id: ContactId,
    #[schema(schema_with = fields::stored_handle)]
    alias: String,
    #[schema(schema_with = fields::stored_msisdn)]
    msisdn: String,
    #[schema(schema_with = fields::meta)]
    meta: Meta,
    #[schema(schema_with = fields::created)]
    created_on: Timestamp,
    #[schema(schema_with = fields::updated)]
    updated_on: Timestamp,
}

impl From<Contact> for Record {
    fn from(contact: Contact) -> Self {
        let Contact {
            id,
            handle,
            phone,
            display_name: _, // of v1 alone
            avatar_url: _,   // of v1 alone
            meta,
            created_at,
            updated_at,
            version: _, // of v1 alone
        } = contact;
        Self {
            id,
            alias: handle.into_string(),
            msisdn: phone.msisdn().to_owned(),
            meta,
            created_on: created_at,
            updated_on: updated_at,
        }
    }
}

/// A response with one contact.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookRecordAnswer)]
pub struct RecordResponse {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// The contact.
    record: Record,
}

impl From<Contact> for RecordResponse {
    fn from(contact: Contact) -> Self {
        Self { success: true, record: contact.into() }
    }
}

/// A response with the updated contact.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookRecordUpdated)]
pub struct RecordUpdated {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The contact; absent if the key may not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub record: Option<Record>,
}

/// A page of contacts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookRecordList)]
pub struct RecordList {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The contacts, in the requested order.
    pub records: Vec<Record>,
    /// The number of contacts that were skipped at the start.
    #[schema(format = Int32)]
    pub offset: u64,
    /// The maximum number of contacts on the page.
    #[schema(format = Int32)]
    pub limit: u64,
    /// The total number of contacts, on all pages of the list.
    pub total: u64,
}

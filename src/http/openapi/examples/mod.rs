//! One example of each kind of resource. All examples in the document derive from them, through the same mappings as real
//! responses.

pub mod account;
pub mod audience;
pub mod audit;
pub mod change;
pub mod erasure;
pub mod field;
pub mod group;
pub mod import;
pub mod me;
pub mod opt_out;
pub mod segment;
pub mod template;

use actix_web::http::header::{ETag, TryIntoHeaderValue};
use serde_json::{Value, json};

use crate::domain::change::Timeline;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::{ChangePosition, Contact, ContactId, Timestamp};
use crate::http::extract;

pub const ID: &str = "019a6f5b-0f80-7a79-9ef8-7dc174836688";
pub const HANDLE: &str = "john";
/// From contract 003; not assigned by any operator.
pub const PHONE: &str = "+4479000000001";
pub const MSISDN: &str = "4479000000001";
pub const DISPLAY_NAME: &str = "John from London";
pub const AVATAR_URL: &str = "https://example.com/avatars/john.png";
pub const CREATED_AT: &str = "2025-11-10T20:15:12.000Z";

#[must_use]
pub fn meta() -> Value {
    json!({"NAME": "John", "CITY": "London"})
}

/// A position in the change log.
#[must_use]
pub fn change_position() -> ChangePosition {
    ChangePosition { timeline: Timeline::from_stored(0x5eed_0000_c0ff_ee00), sequence: 42 }
}

/// The value of the `ETag` header.
///
/// # Panics
/// The tag is not ASCII: every test that builds the document fails.
#[must_use]
pub fn entity_tag() -> String {
    let tag = ETag(extract::entity_tag(contact().version)).try_into_value().expect("a header");
    tag.to_str().expect("text").to_owned()
}

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn contact() -> Contact {
    let created_at = Timestamp::parse(CREATED_AT).expect("a timestamp");
    Contact {
        id: ContactId::parse(ID).expect("an id"),
        handle: Handle::parse(HANDLE).expect("a handle"),
        phone: Phone::parse(PHONE).expect("a phone number"),
        display_name: Some(DisplayName::parse(DISPLAY_NAME).expect("a display name")),
        avatar_url: Some(AvatarUrl::parse(AVATAR_URL).expect("an address")),
        meta: Meta::parse(meta().as_object().expect("an object")).expect("a meta"),
        created_at,
        updated_at: created_at,
        version: 1,
    }
}

//! The one example contact, and beside it one of each other kind. Every example in the document is made of it, through the same mappings
//! as real answers.

pub mod audience;
pub mod group;
pub mod opt_out;
pub mod template;

use actix_web::http::header::{ETag, TryIntoHeaderValue};
use serde_json::{Value, json};

use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::{Contact, ContactId, Timestamp};
use crate::http::extract;

/// Its id.
pub const ID: &str = "019a6f5b-0f80-7a79-9ef8-7dc174836688";
/// Its handle.
pub const HANDLE: &str = "john";
/// Its phone number. (Contract 003's: no operator has issued it.)
pub const PHONE: &str = "+4479000000001";
/// Its phone number without the `+`.
pub const MSISDN: &str = "4479000000001";
/// Its display name.
pub const DISPLAY_NAME: &str = "John from London";
/// Its picture.
pub const AVATAR_URL: &str = "https://example.com/avatars/john.png";
/// When it was made.
pub const CREATED_AT: &str = "2025-11-10T20:15:12.000Z";

/// Its own data.
#[must_use]
pub fn meta() -> Value {
    json!({"NAME": "John", "CITY": "London"})
}

/// Its entity tag, as the header `ETag` has it.
///
/// # Panics
/// The tag is not text: seen by every test that makes the document.
#[must_use]
pub fn entity_tag() -> String {
    let tag = ETag(extract::entity_tag(contact().version)).try_into_value().expect("a header");
    tag.to_str().expect("text").to_owned()
}

/// The contact.
///
/// # Panics
/// The constants above are not what the domain takes: seen by every test that makes the document.
#[must_use]
pub fn contact() -> Contact {
    let made = Timestamp::parse(CREATED_AT).expect("a moment");
    Contact {
        id: ContactId::parse(ID).expect("an id"),
        handle: Handle::parse(HANDLE).expect("a handle"),
        phone: Phone::parse(PHONE).expect("a phone number"),
        display_name: Some(DisplayName::parse(DISPLAY_NAME).expect("a display name")),
        avatar_url: Some(AvatarUrl::parse(AVATAR_URL).expect("an address")),
        meta: Meta::parse(meta().as_object().expect("an object")).expect("a meta"),
        created_at: made,
        updated_at: made,
        version: 1,
    }
}

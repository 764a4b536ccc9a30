//! Bodies of `/v1/contacts`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use validator::Validate;

use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::group::{GroupId, GroupRef};
use crate::domain::{self, ContactId, ContactPatch, NewContact, Timestamp};
use crate::http::extract::meta::{MetaObject, changed_meta, new_meta};
use crate::http::extract::{Patch, Payload, Violations};
use crate::http::openapi::{examples, fields};
use crate::http::v1::updated::Updated;

/// A new contact. `username` and `phone_number` are required. Null in an optional member is treated as
/// absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateContact {
    #[validate(required)]
    #[schema(schema_with = fields::handle, required)]
    username: Option<String>,
    #[validate(required)]
    #[schema(schema_with = fields::phone, required)]
    phone_number: Option<String>,
    #[schema(schema_with = fields::display_name, required = false)]
    display_name: Option<String>,
    #[schema(schema_with = fields::avatar_url, required = false)]
    avatar_url: Option<String>,
    #[schema(schema_with = fields::meta, required = false)]
    meta: Option<MetaObject>,
}

impl CreateContact {
    pub(super) fn minimal_example() -> Value {
        json!({"username": examples::HANDLE, "phone_number": examples::PHONE})
    }

    pub(super) fn full_example() -> Value {
        json!({
            "username": examples::HANDLE,
            "phone_number": examples::PHONE,
            "display_name": examples::DISPLAY_NAME,
            "avatar_url": examples::AVATAR_URL,
            "meta": examples::meta(),
        })
    }
}

impl Payload for CreateContact {
    type Command = NewContact;

    fn into_command(self, violations: &mut Violations) -> Option<NewContact> {
        let Self { username, phone_number, display_name, avatar_url, meta } = self;
        let handle = violations.parse("username", username, Handle::parse);
        let phone = violations.parse("phone_number", phone_number, Phone::parse);
        let display_name = violations.parse("display_name", display_name, DisplayName::parse);
        let avatar_url = violations.parse("avatar_url", avatar_url, AvatarUrl::parse);
        let meta = new_meta(meta, violations);
        Some(NewContact { handle: handle?, phone: phone?, display_name, avatar_url, meta: meta? })
    }
}

/// The changes to a contact. An absent member keeps its value, a value sets it. Null clears `display_name`,
/// `avatar_url` and `meta`; `username` and `phone_number` cannot be cleared, and null is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateContact {
    #[schema(schema_with = fields::handle, required = false)]
    username: Option<String>,
    #[schema(schema_with = fields::phone, required = false)]
    phone_number: Option<String>,
    #[serde(default)]
    #[schema(schema_with = fields::display_name_or_null, required = false)]
    display_name: Patch<String>,
    #[serde(default)]
    #[schema(schema_with = fields::avatar_url_or_null, required = false)]
    avatar_url: Patch<String>,
    #[serde(default)]
    #[schema(schema_with = fields::meta_patch, required = false)]
    meta: Patch<MetaObject>,
}

impl UpdateContact {
    pub(super) fn example() -> Value {
        json!({"display_name": "Johnny", "avatar_url": null, "meta": {"CITY": "Paris"}})
    }
}

impl Payload for UpdateContact {
    type Command = ContactPatch;

    fn into_command(self, violations: &mut Violations) -> Option<ContactPatch> {
        let Self { username, phone_number, display_name, avatar_url, meta } = self;
        Some(ContactPatch {
            handle: violations.parse("username", username, Handle::parse),
            phone: violations.parse("phone_number", phone_number, Phone::parse),
            display_name: violations.parse_patch("display_name", display_name, DisplayName::parse),
            avatar_url: violations.parse_patch("avatar_url", avatar_url, AvatarUrl::parse),
            meta: changed_meta(meta, violations),
        })
    }
}

/// A contact.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contact {
    #[schema(schema_with = fields::id)]
    id: ContactId,
    #[schema(schema_with = fields::stored_handle)]
    username: String,
    #[schema(schema_with = fields::stored_phone)]
    phone_number: String,
    #[schema(schema_with = fields::stored_display_name)]
    display_name: String,
    #[schema(schema_with = fields::stored_avatar_url, required)]
    avatar_url: Option<String>,
    #[schema(schema_with = fields::meta)]
    meta: Meta,
    #[schema(schema_with = fields::created)]
    created_at: Timestamp,
    #[schema(schema_with = fields::updated)]
    updated_at: Timestamp,
    /// The groups that the contact is in, newest first, at most 100. Present only if the request has
    /// `expand=groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    groups: Option<Vec<ContactGroup>>,
}

/// A contact after an update.
pub type UpdatedContact = Updated<Contact>;

/// A group that a contact is in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactGroup {
    #[schema(schema_with = fields::group::id)]
    id: GroupId,
    #[schema(schema_with = fields::group::stored_name)]
    name: String,
}

impl From<GroupRef> for ContactGroup {
    fn from(GroupRef { id, name }: GroupRef) -> Self {
        Self { id, name: name.into_string() }
    }
}

impl Contact {
    /// The contact and the groups that it is in.
    #[must_use]
    pub fn with_groups(contact: domain::Contact, groups: Vec<GroupRef>) -> Self {
        Self { groups: Some(groups.into_iter().map(ContactGroup::from).collect()), ..contact.into() }
    }
}

impl From<domain::Contact> for Contact {
    fn from(contact: domain::Contact) -> Self {
        let domain::Contact {
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at,
            version: _, // the entity tag
        } = contact;
        let username = handle.into_string();
        Self {
            id,
            display_name: display_name.map_or_else(|| username.clone(), DisplayName::into_string),
            username,
            phone_number: phone.into_string(),
            avatar_url: avatar_url.map(AvatarUrl::into_string),
            meta,
            created_at,
            updated_at,
            groups: None,
        }
    }
}

/// A page of contacts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactList {
    /// Whether there are more contacts in the direction of the cursor.
    pub has_more: bool,
    /// The contacts, newest first.
    pub data: Vec<Contact>,
}

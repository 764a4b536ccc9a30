//! NDJSON: a contact per line, with the members of v1's contacts.

use serde::Serialize;

use super::exported::ExportedContact;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::group::GroupName;
use crate::domain::{Contact, ContactId, Timestamp};
use crate::formats::fields::POSITION_MEMBER;

#[derive(Serialize)]
struct Line<'a> {
    id: ContactId,
    username: &'a Handle,
    phone_number: &'a Phone,
    /// `null` where v1 falls back to the username: an import must not store that.
    display_name: Option<&'a DisplayName>,
    avatar_url: Option<&'a AvatarUrl>,
    meta: &'a Meta,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [GroupName]>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

pub(super) fn write(exported: ExportedContact<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let ExportedContact { contact, groups } = exported;
    let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version: _ } =
        contact;
    let line = Line {
        id: *id,
        username: handle,
        phone_number: phone,
        display_name: display_name.as_ref(),
        avatar_url: avatar_url.as_ref(),
        meta,
        groups,
        created_at: *created_at,
        updated_at: *updated_at,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    Ok(())
}

pub(super) fn write_position(position: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let line = serde_json::json!({ POSITION_MEMBER: position });
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    Ok(())
}

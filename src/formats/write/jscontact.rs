//! JSContact (RFC 9553), a Card per line.

use std::collections::BTreeMap;

use serde::Serialize;

use super::exported::ExportedContact;
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta};
use crate::domain::{Contact, Timestamp};
use crate::formats::fields::UUID_URN;

#[derive(Serialize)]
struct Card<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    version: &'static str,
    uid: String,
    created: String,
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Name<'a>>,
    phones: Only<Phone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Only<Media<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<BTreeMap<&'a str, bool>>,
    /// See [`JSCONTACT_USERNAME`](crate::formats::fields::JSCONTACT_USERNAME).
    #[serde(rename = "addressbook.internal:username")]
    username: &'a Handle,
    /// See [`JSCONTACT_META`](crate::formats::fields::JSCONTACT_META).
    #[serde(rename = "addressbook.internal:meta")]
    meta: &'a Meta,
}

#[derive(Serialize)]
struct Name<'a> {
    full: &'a DisplayName,
}

/// A map with one object. Its key means nothing.
#[derive(Serialize)]
struct Only<T> {
    #[serde(rename = "1")]
    object: T,
}

#[derive(Serialize)]
struct Phone {
    number: String,
}

#[derive(Serialize)]
struct Media<'a> {
    kind: &'static str,
    uri: &'a AvatarUrl,
}

pub(super) fn write(exported: ExportedContact<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let ExportedContact { contact, groups } = exported;
    let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version: _ } =
        contact;
    let keywords = groups.filter(|groups| !groups.is_empty());
    let card = Card {
        kind: "Card",
        version: "1.0",
        uid: format!("{UUID_URN}{id}"),
        created: utc_date_time(*created_at),
        updated: utc_date_time(*updated_at),
        name: display_name.as_ref().map(|full| Name { full }),
        phones: Only { object: Phone { number: format!("tel:{phone}") } },
        media: avatar_url.as_ref().map(|uri| Only { object: Media { kind: "photo", uri } }),
        keywords: keywords.map(|groups| groups.iter().map(|group| (group.as_str(), true)).collect()),
        username: handle,
        meta,
    };
    serde_json::to_writer(out, &card)
}

/// Without a fraction that is zero, and without zeros at its end (RFC 9553, section 1.4.5).
fn utc_date_time(time: Timestamp) -> String {
    let text = time.to_string();
    let digits = text.trim_end_matches('Z').trim_end_matches('0');
    // The fraction has a dot before it; without one, the zeros belong to the seconds.
    match digits.strip_suffix('.') {
        Some(seconds) => format!("{seconds}Z"),
        None => format!("{digits}Z"),
    }
}

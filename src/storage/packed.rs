//! Contacts as they lie in memory: each in one piece, which is a third of what its fields take apart.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::{AccountId, Contact, ContactId, Timestamp};

/// A contact of an account.
#[derive(Clone)]
pub(super) struct Packed(Arc<[u8]>);

/// What is in it.
#[derive(Deserialize, Serialize)]
struct Fields<'c> {
    account: i64,
    id: Uuid,
    handle: &'c str,
    phone: &'c str,
    display_name: Option<&'c str>,
    avatar_url: Option<&'c str>,
    meta: &'c str,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl Packed {
    /// `None` where it cannot be done; it is then not in memory.
    pub(super) fn new(account: AccountId, contact: &Contact) -> Option<Self> {
        let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version } =
            contact;
        let fields = Fields {
            account: account.get(),
            id: id.as_uuid(),
            handle: handle.as_str(),
            phone: phone.as_str(),
            display_name: display_name.as_ref().map(DisplayName::as_str),
            avatar_url: avatar_url.as_ref().map(AvatarUrl::as_str),
            meta: meta.as_json(),
            created_at: created_at.millis(),
            updated_at: updated_at.millis(),
            version: *version,
        };
        Some(Self(postcard::to_stdvec(&fields).ok()?.into()))
    }

    /// Its fields, if it is one of this account's.
    pub(super) fn unpack(&self, account: AccountId) -> Option<Contact> {
        let fields = postcard::from_bytes(&self.0).ok()?;
        let Fields {
            account: owner,
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at,
            version,
        } = fields;
        if owner != account.get() {
            return None;
        }
        Some(Contact {
            id: ContactId::from_uuid(id),
            handle: Handle::from_stored(handle.to_owned()),
            phone: Phone::from_stored(phone.to_owned()),
            display_name: display_name.map(|name| DisplayName::from_stored(name.to_owned())),
            avatar_url: avatar_url.map(|url| AvatarUrl::from_stored(url.to_owned())),
            meta: Meta::from_stored(meta.to_owned()).ok()?,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version,
        })
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

//! Table `idempotency_keys`, and the form in which it keeps a contact. (Contacts were all that there
//! was to make when a column got its name.)

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::contact;
use crate::domain::{Contact, Error};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the body.
    pub fingerprint: Vec<u8>,
    /// What was made, as JSON (of a contact a [`Snapshot`]); none where its name was taken.
    #[sea_orm(column_name = "contact")]
    pub made: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A contact as it was when it was made: the answer to the first attempt is given again even after
/// the contact has changed or is gone.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::storage) struct Snapshot {
    id: Uuid,
    handle: String,
    phone: String,
    display_name: Option<String>,
    avatar_url: Option<String>,
    meta: String,
    created_at: i64,
}

impl From<&Contact> for Snapshot {
    fn from(contact: &Contact) -> Self {
        let Contact {
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at: _, // the same, when it was made
            version: _,    // the first
        } = contact;
        Self {
            id: id.as_uuid(),
            handle: handle.as_str().to_owned(),
            phone: phone.as_str().to_owned(),
            display_name: display_name.as_ref().map(|name| name.as_str().to_owned()),
            avatar_url: avatar_url.as_ref().map(|url| url.as_str().to_owned()),
            meta: meta.as_json().to_owned(),
            created_at: created_at.millis(),
        }
    }
}

impl TryFrom<Snapshot> for Contact {
    type Error = Error;

    fn try_from(snapshot: Snapshot) -> Result<Self, Error> {
        let Snapshot { id, handle, phone, display_name, avatar_url, meta, created_at } = snapshot;
        let row = contact::Model {
            account_id: 0, // not part of a contact
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at: created_at,
            version: 1,
        };
        row.try_into()
    }
}

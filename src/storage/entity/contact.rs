//! Table `contacts`, and how a row becomes a contact and back.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::{AccountId, Code, Contact, ContactId, Error, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize, Serialize)]
#[sea_orm(table_name = "contacts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub handle: String,
    /// E.164, with `+`.
    pub phone: String,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
    /// A JSON object.
    pub meta: String,
    /// Milliseconds since 1970, as the other one.
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Contact {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let Model {
            account_id: _,
            id,
            handle,
            phone,
            display_name,
            avatar_url,
            meta,
            created_at,
            updated_at,
            version,
        } = row;
        Ok(Self {
            id: ContactId::from_uuid(id),
            handle: Handle::from_stored(handle),
            phone: Phone::from_stored(phone),
            display_name: display_name.map(DisplayName::from_stored),
            avatar_url: avatar_url.map(AvatarUrl::from_stored),
            meta: Meta::from_stored(meta)
                .map_err(|_| Error::caused_by(Code::Internal, "a stored meta is no JSON"))?,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version,
        })
    }
}

impl Model {
    /// The row of a contact of an account.
    pub(in crate::storage) fn new(account: AccountId, contact: &Contact) -> Self {
        let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version } =
            contact;
        Self {
            account_id: account.get(),
            id: id.as_uuid(),
            handle: handle.as_str().to_owned(),
            phone: phone.as_str().to_owned(),
            display_name: display_name.as_ref().map(|name| name.as_str().to_owned()),
            avatar_url: avatar_url.as_ref().map(|url| url.as_str().to_owned()),
            meta: meta.as_json().to_owned(),
            created_at: created_at.millis(),
            updated_at: updated_at.millis(),
            version: *version,
        }
    }
}

//! Table `contacts`, and the conversion between row and [`Contact`].

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Meta, Phone};
use crate::domain::{AccountId, Contact, ContactId, Error, ErrorCode, Timestamp};

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
                .map_err(|_| Error::caused_by(ErrorCode::Internal, "a stored meta is not JSON"))?,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version,
        })
    }
}

/// A row to be written or cached. It borrows the contact's strings: at thousands of creates per second, none
/// is copied.
#[derive(Debug, Serialize)]
pub(crate) struct Row<'c> {
    account_id: i64,
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

impl<'c> Row<'c> {
    pub(crate) fn new(account: AccountId, contact: &'c Contact) -> Self {
        let Contact { id, handle, phone, display_name, avatar_url, meta, created_at, updated_at, version } =
            contact;
        Self {
            account_id: account.get(),
            id: id.as_uuid(),
            handle: handle.as_str(),
            phone: phone.as_str(),
            display_name: display_name.as_ref().map(DisplayName::as_str),
            avatar_url: avatar_url.as_ref().map(AvatarUrl::as_str),
            meta: meta.as_json(),
            created_at: created_at.millis(),
            updated_at: updated_at.millis(),
            version: *version,
        }
    }

    /// The key, and these columns.
    pub(crate) fn to_array(&self, columns: &[Column]) -> Vec<Cell<'c>> {
        let key = [Cell::Integer(self.account_id), Cell::Id(self.id)];
        let cell = |column: &Column| match column {
            Column::AccountId => Cell::Integer(self.account_id),
            Column::Id => Cell::Id(self.id),
            Column::Handle => Cell::Text(Some(self.handle)),
            Column::Phone => Cell::Text(Some(self.phone)),
            Column::DisplayName => Cell::Text(self.display_name),
            Column::AvatarUrl => Cell::Text(self.avatar_url),
            Column::Meta => Cell::Text(Some(self.meta)),
            Column::CreatedAt => Cell::Integer(self.created_at),
            Column::UpdatedAt => Cell::Integer(self.updated_at),
            Column::Version => Cell::Integer(self.version),
        };
        key.into_iter().chain(columns.iter().map(cell)).collect()
    }
}

/// A column of a [`Row`].
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell<'c> {
    Integer(i64),
    Text(Option<&'c str>),
    Id(Uuid),
}

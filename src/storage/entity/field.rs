//! Table `fields`: the declared fields of `meta`.

use sea_orm::entity::prelude::*;

use crate::domain::AccountId;
use crate::domain::field::Field;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fields")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Unique within the account.
    pub number: i32,
    /// `None`: deleted, together with the state [`DELETED`].
    pub key: Option<String>,
    #[sea_orm(column_name = "type")]
    pub field_type: String,
    pub state: String,
    /// The last contact that the build has indexed.
    pub position: Uuid,
    /// What the build has counted.
    pub indexed: i64,
    pub mismatched: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// The state of a field whose values are being deleted.
pub(crate) const DELETED: &str = "deleted";

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn new(account: AccountId, field: Field) -> Self {
        let Field { id, number, key, field_type, state, indexed: _, mismatched: _, created_at } = field;
        Self {
            account_id: account.get(),
            id: id.as_uuid(),
            number: number.get(),
            key: Some(key.into_string()),
            field_type: field_type.as_str().to_owned(),
            state: state.as_str().to_owned(),
            position: Uuid::nil(),
            indexed: 0,
            mismatched: 0,
            created_at: created_at.millis(),
        }
    }
}

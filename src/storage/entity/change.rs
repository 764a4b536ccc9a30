//! Table `changes`: the change log. One row a change, numbered per account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// Without gaps, in the order of commits, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// A [`ChangeType`](crate::domain::change::ChangeType).
    pub event: String,
    pub resource_id: Uuid,
    /// The group of a member.
    pub group_id: Option<Uuid>,
    /// The version after the change; that of a deleted resource is its last.
    pub version: Option<i64>,
    /// What an update changed: a JSON array of names.
    pub fields: Option<String>,
    /// Who asked: the id of the API key.
    pub key_id: String,
    pub request_id: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

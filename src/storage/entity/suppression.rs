//! Table `suppressions`: opt-outs of erased persons.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suppressions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// See [`crate::storage::db::suppressions`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// That of the opt-out, as the next one.
    pub id: Uuid,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

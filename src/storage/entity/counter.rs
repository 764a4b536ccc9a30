//! Table `tallies`: counters per account, each a sum over shards.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tallies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// A group, for its members; or one of the constants in [`crate::storage::db::counters`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub of_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// May be negative: a row can be created through one instance and deleted through another.
    pub amount: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

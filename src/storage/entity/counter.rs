//! Table `tallies`: how many there are of something in an account, as a sum over a few counters.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tallies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// The group whose members are counted; of what an account has once, the nil UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub of_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// May be negative: what one instance added, another may have deleted.
    pub amount: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

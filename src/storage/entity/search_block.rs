//! Table `search_blocks`: the blocks of the segments of the search index. A block never changes.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_blocks")]
pub struct Model {
    /// See `storage::search::segment`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub data: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Table `search_heads`: how far the search index of each account follows its change log.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_heads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// The last entry of the change log that is indexed.
    pub position: i64,
    /// Grows whenever the live segments are others.
    pub version: i64,
    /// Whether the segments have all contacts, as far as `position` says.
    pub complete: bool,
    /// While the index is built anew: the last contact that is in one of the new segments.
    pub build_after: Option<Uuid>,
    /// While the index is built anew: the segments below this one are replaced.
    pub build_floor: Option<i64>,
    /// The process that maintains the index.
    pub lease: Option<Uuid>,
    pub leased_until: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

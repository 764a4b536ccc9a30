//! Table `change_timeline`: the timeline of the change log, in its only row.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change_timeline")]
pub struct Model {
    /// See [`crate::domain::change::Timeline`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub timeline: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

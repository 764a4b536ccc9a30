//! Table `import_pages`: the plans of imports. A page is carried out in one transaction.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_pages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: Uuid,
    /// From 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub step: i16,
    /// [`ImportCounts`](crate::domain::import::ImportCounts) as JSON.
    pub counts: String,
    /// The rows as compressed JSON.
    pub content: Vec<u8>,
}

/// `step` of a page that was carried out, and of one that was taken back.
pub const COMMITTED: i16 = 1;
pub const UNDONE: i16 = 2;

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

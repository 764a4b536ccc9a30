//! Table `audiences`.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize, Serialize)]
#[sea_orm(table_name = "audiences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Milliseconds since 1970, as the other one.
    pub created_at: i64,
    pub expires_at: i64,
    /// The account of it, as JSON; none until all entries are there.
    pub report: Option<String>,
    /// As how many entries it counts against the account's quota.
    pub entries: i64,
    /// The process that adds entries; none once it is finished.
    pub owner: Option<Uuid>,
    /// Until when other processes leave an unfinished one alone.
    pub leased_until: Option<i64>,
    /// The attempt that makes it, which is forgotten if it is not finished.
    pub attempt_operation: Option<String>,
    pub attempt_key: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

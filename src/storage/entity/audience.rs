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
    /// The report as JSON; `None` until the snapshot is finished.
    pub report: Option<String>,
    /// Entries counted against the account's quota.
    pub entries: i64,
    /// The process that creates it; `None` once it is finished.
    pub owner: Option<Uuid>,
    /// The end of the owner's lease; `None` once it is finished.
    pub leased_until: Option<i64>,
    /// The request that creates it, whose idempotency key is freed if it is abandoned.
    pub attempt_operation: Option<String>,
    pub attempt_key: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

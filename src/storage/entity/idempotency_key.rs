//! Table `idempotency_keys`. (Contacts were all that there was to make when a column got its name.)

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the body.
    pub fingerprint: Vec<u8>,
    /// A [`Reference`] as JSON; none within the transaction that makes something, and never after it.
    #[sea_orm(column_name = "contact")]
    pub resource: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What an attempt made, by its id alone: a copy would outlive what it is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) id: Uuid,
    /// Whether there was none before (of an opt-out).
    #[serde(default = "by_default")]
    pub(crate) is_new: bool,
}

fn by_default() -> bool {
    true
}

impl Reference {
    /// Of something that the attempt made.
    pub(crate) fn created(id: Uuid) -> Self {
        Self { id, is_new: true }
    }
}

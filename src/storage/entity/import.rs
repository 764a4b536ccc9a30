//! Table `imports`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "imports")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// An [`ImportState`](crate::domain::import::ImportState).
    pub state: String,
    /// JSON, as `file`, `report` and `counts`; see [`crate::storage::imports`].
    pub options: String,
    pub file: Option<String>,
    pub report: String,
    pub counts: String,
    pub done: i64,
    pub total: i64,
    pub digest: Option<Vec<u8>>,
    pub failure: Option<String>,
    /// Of the request that started the current step, as `request_id`.
    pub key_id: String,
    pub request_id: String,
    /// The complete file.
    pub upload: Option<Uuid>,
    /// The file that is being received.
    pub uploading: Option<Uuid>,
    /// The process that carries out the current step.
    pub owner: Option<Uuid>,
    /// Its claim: a process may lose an import and claim it once more.
    pub lease: Option<Uuid>,
    pub leased_until: Option<i64>,
    /// Of the file and the plan, as counted against the account's quota.
    pub stored_bytes: i64,
    /// Milliseconds since 1970, as the next ones.
    pub created_at: i64,
    pub updated_at: i64,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

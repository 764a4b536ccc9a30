//! Table `erasures`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// An [`ErasureState`](crate::domain::erasure::ErasureState).
    pub state: String,
    /// A [`SelectedBy`](crate::domain::erasure::SelectedBy).
    pub selected_by: String,
    /// A JSON array of all ids.
    pub contact_ids: String,
    /// [`Places`](crate::domain::erasure::Places) as JSON.
    pub places: String,
    /// The steps that are left, as JSON.
    pub remaining: String,
    /// [`Traces`](crate::domain::erasure::Traces) as JSON; `None` once the erasure is complete.
    pub traces: Option<String>,
    /// Whether the search index has nothing of `contact_ids` any more.
    pub unindexed: bool,
    /// Of the request, as `request_id`.
    pub key_id: String,
    pub request_id: String,
    /// The process that carries it out, and when its lease ends.
    pub lease: Option<Uuid>,
    pub leased_until: Option<i64>,
    /// Milliseconds since 1970, as the next ones.
    pub created_at: i64,
    pub completed_at: Option<i64>,
    pub backups_until: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Table `idempotency_keys`.

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
    /// SHA-256 of the body; empty if a person of whom the record was has been erased.
    pub fingerprint: Vec<u8>,
    /// A [`Reference`] as JSON. (The column is older than resources other than contacts.)
    #[sea_orm(column_name = "contact")]
    pub resource: Option<String>,
    /// The result of a request that did more than create a resource, as it encodes it.
    pub result: Option<Vec<u8>>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is recorded of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Resource(Reference),
    /// As the request encodes it.
    Result(Vec<u8>),
}

/// The resource that a request created, by its id: a copy would outlive the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) id: Uuid,
    /// Whether this request created it; an opt-out may have existed before.
    #[serde(default = "by_default")]
    pub(crate) is_new: bool,
}

fn by_default() -> bool {
    true
}

impl Reference {
    /// A reference to a resource that the request created.
    pub(crate) fn created(id: Uuid) -> Self {
        Self { id, is_new: true }
    }
}

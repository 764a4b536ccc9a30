//! Table `search_segments`: the segments of the search index.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_segments")]
pub struct Model {
    /// Never used again.
    #[sea_orm(primary_key)]
    pub id: i64,
    pub account_id: i64,
    /// A [`State`].
    pub state: String,
    /// Milliseconds since 1970.
    pub changed_at: i64,
    /// See `storage::search::segment`.
    pub directory: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Being stored; not to be read.
    Building,
    Live,
    /// Replaced; searches that began before may still read it.
    Retired,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Retired => "retired",
        }
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

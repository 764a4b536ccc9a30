//! Table `segments`, and the conversion between row and [`Segment`].

use sea_orm::entity::prelude::*;

use crate::domain::filter::Filter;
use crate::domain::segment::{STORED_NAMES, Segment, SegmentId, SegmentName};
use crate::domain::{AccountId, Error, ErrorCode, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "segments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    /// In the words of [`STORED_NAMES`].
    pub filter: String,
    /// Milliseconds since 1970, as the other one.
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Segment {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let Model { account_id: _, id, name, filter, created_at, updated_at, version } = row;
        let unreadable = |_| Error::caused_by(ErrorCode::Internal, "a stored filter cannot be parsed");
        Ok(Self {
            id: SegmentId::from_uuid(id),
            name: SegmentName::from_stored(name),
            filter: Filter::parse(&filter, &STORED_NAMES).map_err(unreadable)?,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version,
        })
    }
}

impl Model {
    pub(crate) fn new(account: AccountId, segment: Segment) -> Self {
        let Segment { id, name, filter, created_at, updated_at, version } = segment;
        Self {
            account_id: account.get(),
            id: id.as_uuid(),
            name: name.into_string(),
            filter: filter.in_dialect(&STORED_NAMES).to_string(),
            created_at: created_at.millis(),
            updated_at: updated_at.millis(),
            version,
        }
    }
}

//! Table `groups`, and the conversion between row and [`Group`].

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::group::{Group, GroupDescription, GroupId, GroupName};
use crate::domain::{AccountId, Error, ErrorCode, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize, Serialize)]
#[sea_orm(table_name = "groups")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `None` if the group was deleted; its members are still being deleted.
    pub name: Option<String>,
    pub description: Option<String>,
    /// Milliseconds since 1970, as the other one.
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn new(account: AccountId, group: &Group) -> Self {
        let Group {
            id,
            name,
            description,
            member_count: _, // a tally
            created_at,
            updated_at,
            version,
        } = group;
        Self {
            account_id: account.get(),
            id: id.as_uuid(),
            name: Some(name.as_str().to_owned()),
            description: description.as_ref().map(|text| text.as_str().to_owned()),
            created_at: created_at.millis(),
            updated_at: updated_at.millis(),
            version: *version,
        }
    }

    pub(crate) fn into_group(self, member_count: u64) -> Result<Group, Error> {
        let Self { account_id: _, id, name, description, created_at, updated_at, version } = self;
        let name = name.ok_or_else(|| Error::caused_by(ErrorCode::Internal, "a deleted group was read"))?;
        Ok(Group {
            id: GroupId::from_uuid(id),
            name: GroupName::from_stored(name),
            description: description.map(GroupDescription::from_stored),
            member_count,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version,
        })
    }
}

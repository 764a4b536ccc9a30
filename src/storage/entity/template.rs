//! Table `templates`, and the conversion between row and [`SavedTemplate`].

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::template::saved::{TemplateName, TemplateText};
use crate::domain::{AccountId, SavedTemplate, TemplateId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize, Serialize)]
#[sea_orm(table_name = "templates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub text: String,
    /// Milliseconds since 1970, as the other one.
    pub created_at: i64,
    pub updated_at: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for SavedTemplate {
    fn from(row: Model) -> Self {
        let Model { account_id: _, id, name, text, created_at, updated_at, version } = row;
        Self {
            id: TemplateId::from_uuid(id),
            name: TemplateName::from_stored(name),
            text: TemplateText::from_stored(text),
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version,
        }
    }
}

impl Model {
    pub(crate) fn new(account: AccountId, template: SavedTemplate) -> Self {
        let SavedTemplate { id, name, text, created_at, updated_at, version } = template;
        Self {
            account_id: account.get(),
            id: id.as_uuid(),
            name: name.into_string(),
            text: text.into_string(),
            created_at: created_at.millis(),
            updated_at: updated_at.millis(),
            version,
        }
    }
}

//! Template repository.

use sea_orm::ConnectionTrait;

use super::entity::template::{Column, Entity, Model};
use super::named::{NamedEntity, SqlNamed};
use crate::domain::change::ChangeType;
use crate::domain::{AccountId, Result, SavedTemplate};

pub(super) type SqlTemplates = SqlNamed<Entity>;

impl NamedEntity for Entity {
    type Resource = SavedTemplate;

    const ACCOUNT: Column = Column::AccountId;
    const ID: Column = Column::Id;
    const NAME: Column = Column::Name;
    const EVENTS: [ChangeType; 3] =
        [ChangeType::TemplateCreated, ChangeType::TemplateUpdated, ChangeType::TemplateDeleted];

    fn to_row(account: AccountId, template: &SavedTemplate) -> Model {
        Model::new(account, template.clone())
    }

    async fn load(_: &impl ConnectionTrait, _: AccountId, rows: Vec<Model>) -> Result<Vec<SavedTemplate>> {
        Ok(rows.into_iter().map(SavedTemplate::from).collect())
    }
}

//! Template repository.

use async_trait::async_trait;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    Select,
};

use super::database::handle::Database;
use super::db::keyset;
use super::db::transaction::Transaction;
use super::entity::idempotency_key::Reference;
use super::entity::template::{Column, Entity, Model};
use super::error::name_conflict;
use super::write::idempotency::Creation;
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::CursorPage;
use crate::domain::precondition::Precondition;
use crate::domain::template::saved::{TemplatePatch, TemplateQuery, TemplateRepository};
use crate::domain::{AccountId, Error, ErrorCode, Result, SavedTemplate, TemplateId, TemplateKey, Timestamp};

pub(super) struct SqlTemplates {
    database: Database,
    account: AccountId,
}

impl SqlTemplates {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl TemplateRepository for SqlTemplates {
    async fn insert(
        &self,
        template: SavedTemplate,
        request: Option<IdempotentRequest>,
    ) -> Result<Created<SavedTemplate>> {
        let row = Model::new(self.account, template);
        let made = self
            .database
            .create(self.account, request, Vec::new(), move |transaction| Box::pin(insert(transaction, row)))
            .await?;
        match made {
            Creation::New(row) => Ok(Created { made: row.into(), replayed: false }),
            Creation::Replayed(Reference { id, is_new: _ }) => {
                let found = self.find(&TemplateKey::Id(TemplateId::from_uuid(id))).await;
                Created::replay(found, "template")
            }
        }
    }

    async fn find(&self, key: &TemplateKey) -> Result<SavedTemplate> {
        let select = in_account(self.account).filter(match key {
            TemplateKey::Id(id) => Column::Id.eq(id.as_uuid()),
            TemplateKey::Name(name) => Column::Name.eq(name.as_str()),
        });
        self.database.read(async move |reader| find_one(&reader, select).await).await
    }

    async fn update(
        &self,
        id: TemplateId,
        patch: TemplatePatch,
        precondition: Precondition,
        now: Timestamp,
    ) -> Result<SavedTemplate> {
        let account = self.account;
        self.database
            .write(move |transaction| {
                Box::pin(async move {
                    let before = find_for_update(transaction, account, id, &precondition).await?;
                    let after = before.patched(patch, now);
                    if after.version != before.version {
                        Entity::update_many()
                            .set(Model::new(account, after.clone()).into_active_model().reset_all())
                            .filter(Column::AccountId.eq(account.get()))
                            .filter(Column::Id.eq(id.as_uuid()))
                            .exec(transaction)
                            .await
                            .map_err(name_conflict)?;
                    }
                    Ok((after, Vec::new()))
                })
            })
            .await
    }

    async fn delete(&self, id: TemplateId, precondition: Precondition) -> Result<()> {
        let account = self.account;
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    find_for_update(transaction, account, id, &precondition).await?;
                    Entity::delete_by_id((account.get(), id.as_uuid())).exec(transaction).await?;
                    Ok(((), Vec::new()))
                })
            })
            .await
    }

    async fn cursor_page(&self, query: TemplateQuery) -> Result<CursorPage<SavedTemplate>> {
        let TemplateQuery { page, name } = query;
        let mut select = in_account(self.account);
        if let Some(name) = &name {
            select = select.filter(Column::Name.eq(name.as_str()));
        }
        let at_most_one = name.is_some();
        self.database
            .read(async move |reader| {
                let page = keyset::by_cursor(&reader, select, Column::Id, at_most_one, &page).await?;
                Ok(page.map(SavedTemplate::from))
            })
            .await
    }
}

fn in_account(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get()))
}

async fn find_one(connection: &impl ConnectionTrait, select: Select<Entity>) -> Result<SavedTemplate> {
    let found = select.one(connection).await?;
    found.map(SavedTemplate::from).ok_or_else(|| Error::no_such("template"))
}

/// Locks a template for a change, and checks the precondition.
async fn find_for_update(
    transaction: &Transaction,
    account: AccountId,
    id: TemplateId,
    precondition: &Precondition,
) -> Result<SavedTemplate> {
    let select = in_account(account).filter(Column::Id.eq(id.as_uuid())).lock_exclusive();
    let template = find_one(transaction, select).await?;
    if precondition.allows(template.version) {
        Ok(template)
    } else {
        Err(ErrorCode::PreconditionFailed.into())
    }
}

/// Inserts a row; `None` if the name is taken.
async fn insert(transaction: &Transaction, row: Model) -> Result<Option<(Reference, Model)>> {
    let done = Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::columns([Column::AccountId, Column::Name]).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok((done > 0).then_some((Reference::created(row.id), row)))
}

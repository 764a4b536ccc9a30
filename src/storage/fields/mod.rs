//! The fields of one account: repository, queries, and the tasks that build the index of a new field and delete that of a
//! deleted one. (Writes maintain the index themselves: [`super::write::field_values`].)
//!
//! **Order of locks** on PostgreSQL: the account, the field, contacts by id, the head of the change log.

mod build;
mod queries;
mod sweep;
mod tasks;

use async_trait::async_trait;
use sea_orm::sea_query::LockType;
use sea_orm::{ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

pub(super) use queries::definitions;
pub(super) use tasks::start as start_tasks;

use super::change_set::ChangeSet;
use super::database::handle::Database;
use super::db::transaction::Transaction;
use super::entity::field::{DELETED, Entity, Model};
use super::entity::idempotency_key::{Recorded, Reference};
use super::entity::{account, segment};
use super::write::idempotency::Once;
use crate::domain::field::{Field, FieldId, FieldKey, FieldNumber, FieldQuery, FieldRepository, MAX_FIELDS};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::CursorPage;
use crate::domain::segment::Segment;
use crate::domain::{AccountId, Error, ErrorCode, Result};

pub(super) struct SqlFields {
    database: Database,
    account: AccountId,
}

impl SqlFields {
    pub(super) fn new(database: Database, account: AccountId) -> Self {
        Self { database, account }
    }
}

#[async_trait]
impl FieldRepository for SqlFields {
    async fn declare(&self, field: Field, request: Option<IdempotentRequest>) -> Result<Created<Field>> {
        let account = self.account;
        let fields = self.database.maintained_fields();
        let declared = self.database.write_once(request, move |transaction| {
            Box::pin(async move {
                let field = insert(transaction, account, field).await?;
                fields.advance_version(transaction, account).await?;
                let recorded = Recorded::Resource(Reference::created(field.id.as_uuid()));
                Ok(((recorded, field), ChangeSet::default()))
            })
        });
        match declared.await? {
            Once::Done(resource) => {
                self.database.fields_changed();
                Ok(Created { resource, replayed: false })
            }
            Once::Replayed(recorded) => {
                let Reference { id, is_new: _ } = recorded.into_resource()?;
                Created::replay(self.get(FieldId::from_uuid(id)).await, "field")
            }
        }
    }

    async fn get(&self, id: FieldId) -> Result<Field> {
        let account = self.account;
        self.database.read(async move |reader| queries::find(&reader, account, id).await).await
    }

    async fn all(&self) -> Result<Vec<Field>> {
        let account = self.account;
        self.database.read(async move |reader| queries::find_all(&reader, account).await).await
    }

    async fn delete(&self, id: FieldId) -> Result<()> {
        let (account, fields) = (self.account, self.database.maintained_fields());
        self.database
            .write_deletion(move |transaction| {
                Box::pin(async move {
                    lock(transaction, account).await?;
                    let row = queries::declared(account).filter(queries::has_id(id)).lock(LockType::Update);
                    let row = row.one(transaction).await?.ok_or_else(queries::not_found)?;
                    require_unused(transaction, account, &row).await?;
                    mark_deleted(transaction, row).await?;
                    fields.advance_version(transaction, account).await?;
                    Ok(((), ChangeSet::default()))
                })
            })
            .await?;
        self.database.fields_changed();
        Ok(())
    }

    async fn cursor_page(&self, query: FieldQuery) -> Result<CursorPage<Field>> {
        let account = self.account;
        self.database.read(async move |reader| queries::by_cursor(&reader, account, query).await).await
    }
}

/// Declarations and deletions of an account, and whatever refers to its fields, take place one after the other (on
/// PostgreSQL; SQLite has one writer).
pub(super) async fn lock(transaction: &Transaction, account: AccountId) -> Result<()> {
    account::Entity::find_by_id(account.get()).lock(LockType::NoKeyUpdate).one(transaction).await?;
    Ok(())
}

/// Stores a field under a number that no other one has.
async fn insert(transaction: &Transaction, account: AccountId, field: Field) -> Result<Field> {
    lock(transaction, account).await?;
    let rows = Entity::find().filter(queries::in_account(account)).all(transaction).await?;
    if rows.iter().any(|row| row.key.as_deref() == Some(field.key.as_str())) {
        return Err(Error::field_declared());
    }
    if rows.iter().filter(|row| row.state != DELETED).count() >= MAX_FIELDS {
        return Err(ErrorCode::FieldQuota.into());
    }
    let mut numbers = (FieldNumber::UNASSIGNED.get() + 1)..;
    let free = numbers.find(|number| rows.iter().all(|row| row.number != *number));
    let number = FieldNumber::new(free.ok_or(ErrorCode::FieldQuota)?);
    let field = Field { number, ..field };
    let row = Model::new(account, field.clone()).into_active_model();
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(field)
}

/// No segment needs the field.
async fn require_unused(transaction: &Transaction, account: AccountId, field: &Model) -> Result<()> {
    let Some(key) = field.key.clone().map(FieldKey::from_stored) else { return Ok(()) };
    let segments = segment::Entity::find()
        .filter(segment::Column::AccountId.eq(account.get()))
        .order_by_asc(segment::Column::Name)
        .all(transaction)
        .await?;
    let mut needed_by = Vec::new();
    for segment in segments {
        let segment = Segment::try_from(segment)?;
        if segment.filter.names_field(&key) {
            needed_by.push(segment.name.into_string());
        }
    }
    if needed_by.is_empty() { Ok(()) } else { Err(Error::field_in_use(&needed_by)) }
}

/// Frees the key; the background task deletes the values and the row.
async fn mark_deleted(transaction: &Transaction, row: Model) -> Result<()> {
    let mut row = row.into_active_model();
    row.key = ActiveValue::Set(None);
    row.state = ActiveValue::Set(DELETED.to_owned());
    Entity::update(row).exec(transaction).await?;
    Ok(())
}

//! Builds the index of a new field: pages of contacts in the order of ids, each in a transaction that stores how far it is.
//!
//! **A build never overwrites a newer value.** The contacts of a page are locked until its commit: no write is under way
//! for one of them. A contact that has a row already was written since the field was declared, and keeps it.
//!
//! A field that another instance has locked is skipped, so that one instance at a time works on it; where that terminates,
//! another one goes on.

use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{
    ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::queries;
use crate::domain::contact::fields::Meta;
use crate::domain::field::{Field, FieldContent, FieldState};
use crate::domain::{AccountId, ContactId, Error, ErrorCode, Result};
use crate::storage::db::counters;
use crate::storage::db::json_sql;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::field::{Column, Entity};
use crate::storage::entity::{contact, field_value};
use crate::storage::write::counters as written_counters;
use crate::storage::write::field_values::{self, FieldCache, IndexRow};

/// Indexes up to `limit` contacts under a field that is being built; returns whether there was one.
pub(super) async fn page(transaction: &Transaction, limit: u64, fields: &FieldCache) -> Result<bool> {
    let building = Entity::find()
        .filter(Column::State.eq(FieldState::Building.as_str()))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .limit(1);
    let Some(row) = building.one(transaction).await? else { return Ok(false) };
    let account = AccountId::new(row.account_id);
    let field = queries::to_field(row.clone(), &Default::default())?;
    let contacts = contacts(transaction, account, row.position, limit).await?;
    let is_last = u64::try_from(contacts.len()).is_ok_and(|count| count < limit);
    let mut rows = Vec::new();
    let mut position = row.position;
    for (id, meta) in contacts {
        position = id;
        let meta = Meta::from_stored(meta);
        let meta = meta.map_err(|_| Error::caused_by(ErrorCode::Internal, "a stored meta is not JSON"))?;
        let content = FieldContent::of(field.field_type, &field.key, &meta.to_map());
        rows.extend(IndexRow::of(ContactId::from_uuid(id), field.number, content));
    }
    if !rows.is_empty() {
        let mut insert = field_values::insert(transaction, rows.iter().map(|row| (account, row)))?;
        insert.on_conflict(field_values::on_conflict().do_nothing().to_owned());
        transaction.execute(&insert).await?;
    }
    let fitting = rows.iter().filter(|row| row.fits()).count();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let indexed = row.indexed.saturating_add(count(fitting));
    let mismatched = row.mismatched.saturating_add(count(rows.len() - fitting));
    let mut progress = row.into_active_model();
    progress.position = ActiveValue::Set(position);
    progress.indexed = ActiveValue::Set(indexed);
    progress.mismatched = ActiveValue::Set(mismatched);
    if is_last {
        progress.state = ActiveValue::Set(FieldState::Ready.as_str().to_owned());
        finish(transaction, account, &field, fields).await?;
    }
    Entity::update(progress).exec(transaction).await?;
    Ok(true)
}

/// The next contacts, with their `meta`, locked against changes until the commit.
async fn contacts(
    transaction: &Transaction,
    account: AccountId,
    position: Uuid,
    limit: u64,
) -> Result<Vec<(Uuid, String)>> {
    let select = contact::Entity::find()
        .select_only()
        .columns([contact::Column::Id, contact::Column::Meta])
        .filter(contact::Column::AccountId.eq(account.get()))
        .filter(contact::Column::Id.gt(position))
        .order_by(contact::Column::Id, Order::Asc)
        .limit(limit)
        .lock(LockType::NoKeyUpdate);
    json_sql::fetch(transaction, &select.into_query(), "json_array(hex(id), meta)").await
}

/// All contacts are indexed: those that the build has not found were written after the declaration. Their values are
/// counted, while no write of the account can commit; every later one counts what it changes.
async fn finish(
    transaction: &Transaction,
    account: AccountId,
    field: &Field,
    fields: &FieldCache,
) -> Result<()> {
    fields.advance_version(transaction, account).await?;
    let number = field.number.get();
    let mut amounts = Vec::new();
    for (number, counter) in
        [(number, counters::indexed(field.number)), (-number, counters::mismatched(field.number))]
    {
        let rows = field_value::Entity::find()
            .filter(field_value::Column::AccountId.eq(account.get()))
            .filter(field_value::Column::Field.eq(number));
        amounts.push((counter, i64::try_from(rows.count(transaction).await?).unwrap_or(i64::MAX)));
    }
    written_counters::set(transaction, account, &amounts).await
}

//! Queries for fields.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::domain::field::{Field, FieldId, FieldKey, FieldNumber, FieldQuery, FieldState, FieldType};
use crate::domain::pagination::CursorPage;
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};
use crate::storage::db::{counters, keyset};
use crate::storage::entity::field::{Column, Entity, Model};

pub(super) fn not_found() -> Error {
    Error::no_such("field")
}

/// Including those that are being deleted.
pub(super) fn in_account(account: AccountId) -> Expr {
    Column::AccountId.eq(account.get())
}

pub(super) fn has_id(id: FieldId) -> Expr {
    Column::Id.eq(id.as_uuid())
}

/// The fields of an account.
pub(super) fn declared(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Condition::all().add(in_account(account)).add(Column::Key.is_not_null()))
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    id: FieldId,
) -> Result<Field> {
    let row = declared(account).filter(has_id(id)).one(connection).await?.ok_or_else(not_found)?;
    load(connection, account, vec![row]).await?.pop().ok_or_else(not_found)
}

/// All fields of an account, at most [`MAX_FIELDS`](crate::domain::field::MAX_FIELDS).
pub(crate) async fn find_all(connection: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Field>> {
    let rows = declared(account).all(connection).await?;
    load(connection, account, rows).await
}

/// All fields of an account, without what is counted about those that are ready.
pub(crate) async fn definitions(connection: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Field>> {
    let rows = declared(account).all(connection).await?;
    rows.into_iter().map(|row| to_field(row, &HashMap::new())).collect()
}

/// A page of the list, newest first.
pub(super) async fn by_cursor(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: FieldQuery,
) -> Result<CursorPage<Field>> {
    let FieldQuery { page, key } = query;
    let mut select = declared(account);
    if let Some(key) = &key {
        select = select.filter(Column::Key.eq(key.as_str()));
    }
    let page = keyset::by_cursor(connection, select, Column::Id, key.is_some(), &page).await?;
    let CursorPage { items, has_more, resume_at } = page;
    Ok(CursorPage { items: load(connection, account, items).await?, has_more, resume_at })
}

/// The fields in these rows, in their order, with their counters.
async fn load(connection: &impl ConnectionTrait, account: AccountId, rows: Vec<Model>) -> Result<Vec<Field>> {
    let counted = |row: &Model| {
        let number = FieldNumber::new(row.number);
        [counters::indexed(number), counters::mismatched(number)]
    };
    let counted: Vec<Uuid> = rows.iter().flat_map(counted).collect();
    let counts = if counted.is_empty() {
        HashMap::new()
    } else {
        counters::read_each(connection, account, &counted).await?
    };
    rows.into_iter().map(|row| to_field(row, &counts)).collect()
}

pub(super) fn to_field(row: Model, counts: &HashMap<Uuid, u64>) -> Result<Field> {
    let unreadable = || Error::caused_by(ErrorCode::Internal, "a stored field cannot be read");
    let Model {
        account_id: _,
        id,
        number,
        key,
        field_type,
        state,
        position: _,
        indexed,
        mismatched,
        created_at,
    } = row;
    let number = FieldNumber::new(number);
    let state = FieldState::parse(&state).ok_or_else(unreadable)?;
    let count = |built: i64, counter: Uuid| match state {
        FieldState::Building => u64::try_from(built).unwrap_or(0),
        FieldState::Ready => counts.get(&counter).copied().unwrap_or(0),
    };
    Ok(Field {
        id: FieldId::from_uuid(id),
        number,
        key: FieldKey::from_stored(key.ok_or_else(unreadable)?),
        field_type: FieldType::parse(&field_type).ok_or_else(unreadable)?,
        state,
        indexed: count(indexed, counters::indexed(number)),
        mismatched: count(mismatched, counters::mismatched(number)),
        created_at: Timestamp::from_millis(created_at),
    })
}

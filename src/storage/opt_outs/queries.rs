//! Queries for opt-outs.

use std::collections::HashSet;
use std::sync::Arc;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use crate::domain::contact::fields::Phone;
use crate::domain::opt_out::OptOutQuery;
use crate::domain::pagination::{CursorPage, OffsetPage, OffsetParams};
use crate::domain::{AccountId, Error, OptOut, OptOutKey, Result};
use crate::storage::cache::contacts::OptedOut;
use crate::storage::db::suppressions::SuppressionKey;
use crate::storage::db::{counters, json_sql, keyset};
use crate::storage::entity::opt_out::{Column, Entity};

pub(super) fn not_found() -> Error {
    Error::no_such("opt-out")
}

fn in_account(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.get()))
}

pub(super) fn has_key(key: &OptOutKey) -> Expr {
    match key {
        OptOutKey::Id(id) => Column::Id.eq(id.as_uuid()),
        OptOutKey::Phone(phone) => Column::Phone.eq(phone.as_str()),
    }
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    key: &OptOutKey,
) -> Result<OptOut> {
    let found = in_account(account).filter(has_key(key)).one(connection).await?;
    match (found, key) {
        (Some(row), _) => Ok(row.into()),
        (None, OptOutKey::Phone(phone)) => {
            find_suppressed(connection, account, &[phone]).await?.pop().ok_or_else(not_found)
        }
        (None, OptOutKey::Id(_)) => Err(not_found()),
    }
}

/// Those of the numbers that are suppressed, as opt-outs.
async fn find_suppressed(
    connection: &impl ConnectionTrait,
    account: AccountId,
    phones: &[&Phone],
) -> Result<Vec<OptOut>> {
    match SuppressionKey::find(connection, account).await? {
        Some(key) => key.find_suppressed(connection, phones).await,
        None => Ok(Vec::new()),
    }
}

/// A page of the list ordered by id, newest first.
pub(super) async fn by_cursor(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: OptOutQuery,
) -> Result<CursorPage<OptOut>> {
    let OptOutQuery { page, phone } = query;
    let mut select = in_account(account);
    if let Some(phone) = &phone {
        select = select.filter(Column::Phone.eq(phone.as_str()));
    }
    let found = keyset::by_cursor(connection, select, Column::Id, phone.is_some(), &page).await?;
    let mut found = found.map(OptOut::from);
    if let (Some(phone), true, None, None) =
        (phone, found.items.is_empty(), page.cursor.after, page.cursor.before)
    {
        found.items = find_suppressed(connection, account, &[&phone]).await?;
    }
    Ok(found)
}

pub(super) async fn by_offset(
    connection: &impl ConnectionTrait,
    account: AccountId,
    query: OffsetParams,
) -> Result<OffsetPage<OptOut>> {
    let rows = keyset::by_offset(connection, in_account(account), Column::Id, |row| row.id, &query).await?;
    let total = counters::read(connection, account, counters::OPT_OUTS).await?;
    Ok(OffsetPage { items: rows.into_iter().map(OptOut::from).collect(), total })
}

/// Which of up to [`MAX_BATCH`](crate::domain::pagination::MAX_BATCH) numbers have opted out. They are sent
/// and returned as one JSON text each; see [`crate::storage::db::contact_rows`].
pub(crate) async fn find_opted_out(
    connection: &impl ConnectionTrait,
    account: AccountId,
    phones: &[&Phone],
) -> Result<OptedOut> {
    if phones.is_empty() {
        return Ok(OptedOut::default());
    }
    let texts: Vec<&str> = phones.iter().map(|phone| phone.as_str()).collect();
    let among = json_sql::in_query(connection, Column::Phone, json_sql::texts(connection, &texts)?);
    let mut numbers = fetch_numbers(connection, account, Some(among)).await?;
    let others: Vec<&Phone> =
        phones.iter().copied().filter(|phone| !numbers.contains(&phone.as_number())).collect();
    let suppressed = find_suppressed(connection, account, &others).await?;
    numbers.extend(suppressed.iter().map(|opt_out| opt_out.phone.as_number()));
    Ok(Arc::new(numbers))
}

/// All opted-out numbers, unless there are more than `max`, or some are suppressed.
pub(crate) async fn find_all(
    connection: &impl ConnectionTrait,
    account: AccountId,
    max: u64,
) -> Result<Option<OptedOut>> {
    if counters::read(connection, account, counters::OPT_OUTS).await? > max {
        return Ok(None);
    }
    let numbers = fetch_numbers(connection, account, None).await?;
    // After them: what is suppressed in between is missing in both, or is among them.
    let has_suppressed = SuppressionKey::find(connection, account).await?.is_some();
    Ok((!has_suppressed).then(|| Arc::new(numbers)))
}

async fn fetch_numbers(
    connection: &impl ConnectionTrait,
    account: AccountId,
    among: Option<Expr>,
) -> Result<HashSet<u64>> {
    let mut select = in_account(account).select_only().column(Column::Phone);
    if let Some(among) = among {
        select = select.filter(among);
    }
    let phones: Vec<String> = json_sql::fetch(connection, &select.into_query(), "phone").await?;
    let number = |phone| Phone::from_stored(phone).as_number();
    Ok(phones.into_iter().map(number).collect())
}

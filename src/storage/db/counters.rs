//! Counters, kept beside what they count: counting a million rows for the `total` of each page would take longer than the
//! page. The write path derives them from change sets ([`crate::storage::write::counters`]).

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::json_sql;
use crate::domain::field::FieldNumber;
use crate::domain::{AccountId, Result};
use crate::storage::entity::counter::{Column, Entity};

/// Counts an account's opt-outs. (Members are counted under the id of their group.)
pub(crate) const OPT_OUTS: Uuid = Uuid::nil();
/// Counts an account's groups.
pub(crate) const GROUPS: Uuid = Uuid::from_u128(1);
/// Counts an account's contacts.
pub(crate) const CONTACTS: Uuid = Uuid::from_u128(2);

/// Counts the values in the index of a declared field.
pub(crate) fn indexed(field: FieldNumber) -> Uuid {
    of_field(1, field)
}

/// Counts the values that do not fit the type of a declared field.
pub(crate) fn mismatched(field: FieldNumber) -> Uuid {
    of_field(2, field)
}

fn of_field(kind: u128, field: FieldNumber) -> Uuid {
    Uuid::from_u128(kind << 64 | u128::from(field.get().unsigned_abs()))
}

/// A counter; one without a row is 0.
pub(crate) async fn read(
    connection: &impl ConnectionTrait,
    account: AccountId,
    counted: Uuid,
) -> Result<u64> {
    let counter = Entity::find_by_id((account.get(), counted)).one(connection).await?;
    Ok(counter.map_or(0, |counter| u64::try_from(counter.amount).unwrap_or(0)))
}

/// Several counters at once; those without a row, which are 0, are left out.
pub(crate) async fn read_each(
    connection: &impl ConnectionTrait,
    account: AccountId,
    counted: &[Uuid],
) -> Result<HashMap<Uuid, u64>> {
    let counters = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(json_sql::in_query(connection, Column::Counted, json_sql::ids(connection, counted)?))
        .all(connection)
        .await?;
    Ok(counters
        .into_iter()
        .map(|counter| (counter.counted, u64::try_from(counter.amount).unwrap_or(0)))
        .collect())
}

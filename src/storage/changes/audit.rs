//! Queries for the audit log.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::queries::{change, change_type, last, sequence};
use crate::domain::api_key::{KeyId, KeyLabel};
use crate::domain::change::{
    Actor, AuditEntry, AuditPage, AuditQuery, ChangePosition, ChangeType, ChangeTypes,
};
use crate::domain::{AccountId, Error, ErrorCode, Result};
use crate::storage::db::json_sql;
use crate::storage::entity::api_key;
use crate::storage::entity::change::{Column, Entity, Model};
use crate::storage::error::corrupt;

/// Changes that one request looks at. The log has no index but that of its numbers: every write would pay for another one.
const MAX_SCANNED: u64 = 10_000;

/// See [`ChangeRepository::audit`](crate::domain::change::ChangeRepository::audit).
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    AuditQuery { before, about, key, types, limit }: &AuditQuery,
) -> Result<AuditPage> {
    let head = last(connection, account).await?;
    let before = match before {
        None => head.sequence + 1,
        Some(before) if before.is_in_log_to(head) => before.sequence,
        // From another database or from before a restore; from another account.
        Some(_) => return Err(ErrorCode::PositionExpired.into()),
    };
    let oldest = before.saturating_sub(MAX_SCANNED);
    let mut select = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::Sequence.lt(stored(before)?))
        .filter(Column::Sequence.gte(stored(oldest)?));
    if let Some(id) = about {
        select = select.filter(Condition::any().add(Column::ResourceId.eq(*id)).add(Column::GroupId.eq(*id)));
    }
    if let Some(key) = key {
        select = select.filter(Column::KeyId.eq(key.as_str()));
    }
    if *types != ChangeTypes::ALL {
        select = select.filter(Column::Event.is_in(types.iter().map(ChangeType::as_str)));
    }
    let mut rows = select.order_by_desc(Column::Sequence).limit(limit + 1).all(connection).await?;
    let position = |sequence| ChangePosition { sequence, ..head };
    let next = if rows.len() as u64 > *limit {
        rows.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
        rows.last().map(|row| sequence(row).map(position)).transpose()?
    } else {
        let older = Entity::find()
            .select_only()
            .column(Column::Sequence)
            .filter(Column::AccountId.eq(account.get()))
            .filter(Column::Sequence.lt(stored(oldest)?))
            .limit(1);
        older.into_tuple::<i64>().one(connection).await?.map(|_| position(oldest))
    };
    Ok(AuditPage { entries: with_actors(connection, account, rows, position).await?, next })
}

fn stored(sequence: u64) -> Result<i64> {
    i64::try_from(sequence).map_err(corrupt)
}

/// Adds the labels of the keys. Those of revoked keys are kept; those of deleted ones are not.
async fn with_actors(
    connection: &impl ConnectionTrait,
    account: AccountId,
    rows: Vec<Model>,
    position: impl Fn(u64) -> ChangePosition,
) -> Result<Vec<AuditEntry>> {
    let keys: BTreeSet<&str> = rows.iter().map(|row| row.key_id.as_str()).collect();
    let keys = json_sql::texts(connection, &keys.into_iter().collect::<Vec<_>>())?;
    let labels = api_key::Entity::find()
        .select_only()
        .columns([api_key::Column::Id, api_key::Column::Label])
        .filter(api_key::Column::AccountId.eq(account.get()))
        .filter(json_sql::in_query(connection, api_key::Column::Id, keys));
    let labels: Vec<(String, Option<String>)> = labels.into_tuple().all(connection).await?;
    let labels: HashMap<String, Option<String>> = labels.into_iter().collect();
    let entry = |row: Model| {
        let label = labels.get(&row.key_id).cloned().flatten().map(KeyLabel::from_stored);
        let actor = Actor { key: KeyId::from_stored(row.key_id.clone()), label };
        let request_id = row.request_id.clone();
        let change = change(position(sequence(&row)?), change_type(&row)?, row, &HashMap::new())?;
        Ok(AuditEntry { change, actor, request_id })
    };
    rows.into_iter().map(entry).collect::<Result<_, Error>>()
}

//! Erases a person from kept audiences: the entries that name no contact, which are not found by the deletion of one.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::snapshots::{self, LockMode, delete_entries, read_entry};
use crate::domain::audience::Entry;
use crate::domain::erasure::Traces;
use crate::domain::{AccountId, Result, Timestamp};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::audience;
use crate::storage::entity::audience_entry::{Column, Entity};

/// An entry, with its position among all entries of the account.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::storage) struct StoredText {
    audience_id: Uuid,
    kind: i16,
    position: i64,
    entry: String,
}

/// Whether an audience is still being created that was begun before a time: it may yet get entries from before.
pub(in crate::storage) async fn is_unfinished_since(
    reader: &impl ConnectionTrait,
    account: AccountId,
    time: Timestamp,
) -> Result<bool> {
    use audience::{Column, Entity};
    let unfinished = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::LeasedUntil.is_not_null())
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::CreatedAt.lte(time.millis()))
        .limit(1);
    Ok(unfinished.into_tuple::<Uuid>().one(reader).await?.is_some())
}

/// The next entries of all audiences of an account.
pub(in crate::storage) async fn entries_after(
    reader: &impl ConnectionTrait,
    account: AccountId,
    after: Option<&StoredText>,
    limit: u64,
) -> Result<Vec<StoredText>> {
    let key = [Column::AudienceId, Column::Kind, Column::Position];
    let mut select = Entity::find()
        .select_only()
        .columns(key)
        .column(Column::Entry)
        .filter(Column::AccountId.eq(account.get()))
        .order_by_asc(Column::AudienceId)
        .order_by_asc(Column::Kind)
        .order_by_asc(Column::Position)
        .limit(limit);
    if let Some(StoredText { audience_id, kind, position, entry: _ }) = after {
        let last = [Expr::val(*audience_id), Expr::val(*kind), Expr::val(*position)];
        select = select.filter(Expr::tuple(key.map(Expr::col)).gt(Expr::tuple(last)));
    }
    Ok(select.into_model().all(reader).await?)
}

/// Those that are about a person.
pub(in crate::storage) fn about(entries: &[StoredText], traces: &Traces) -> Result<Vec<StoredText>> {
    let mut found = Vec::new();
    for entry in entries {
        if traces.are_in_entry(&Entry::try_from(read_entry(&entry.entry)?)?) {
            found.push(entry.clone());
        }
    }
    Ok(found)
}

/// Turns those of these entries that are still about the person into exclusions without personal data. Returns how many.
pub(in crate::storage) async fn erase_entries(
    transaction: &Transaction,
    account: AccountId,
    entries: &[StoredText],
    traces: &Traces,
) -> Result<u64> {
    snapshots::lock(transaction, account, LockMode::Shared).await?;
    let mut any = Condition::any();
    for StoredText { audience_id, kind, position, entry: _ } in entries {
        let key = Condition::all()
            .add(Column::AudienceId.eq(*audience_id))
            .add(Column::Kind.eq(*kind))
            .add(Column::Position.eq(*position));
        any = any.add(key);
    }
    let mut rows =
        Entity::find().filter(Column::AccountId.eq(account.get())).filter(any).all(transaction).await?;
    let mut about = Vec::new();
    for row in rows.drain(..) {
        if traces.are_in_entry(&Entry::try_from(read_entry(&row.entry)?)?) {
            about.push(row);
        }
    }
    let erased = about.len() as u64;
    delete_entries(transaction, account, about, |example| traces.are_in_exclusion(example)).await?;
    Ok(erased)
}

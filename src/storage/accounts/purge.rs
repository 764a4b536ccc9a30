//! Deletes every row of closed accounts whose time is over, in batches; see [`crate::storage::write::batched_deletes`].
//!
//! An account is closed long before: no request is under way for it. What still works on it in the background holds a lease
//! in a row (an import, its search index) or locks one (a field that is being built), so these rows go first: whatever works
//! has committed by then, or finds that it may not go on. The account itself goes last, in a transaction that has found
//! nothing else of it; a terminated process leaves it there, and the next one goes on.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use tracing::Instrument;

use crate::domain::{AccountId, Result, Timestamp};
use crate::storage::db::connection::Connection;
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::account::{Column, Entity};
use crate::storage::search::purge_segments;
use crate::storage::spans;
use crate::storage::write::batched_deletes::in_batches;
use crate::storage::write::writer::Writer;

/// The tables with an `account_id`, in the order of deletion, each with the columns of its primary key but this one. Those of the
/// search index, whose blocks belong to segments, are left out: [`purge_segments`].
const TABLES: [(&str, &str); 25] = [
    ("search_heads", ""),
    ("erasures", "id"),
    ("imports", "id"),
    ("fields", "id"),
    ("audiences", "id"),
    ("api_keys", "id"),
    ("account_limits", "name"),
    ("key_uses", "key_id"),
    ("rate_budgets", "key_id, rate"),
    ("audience_entries", "audience_id, kind, position"),
    ("import_chunks", "import_id, upload, number"),
    ("import_pages", "import_id, number"),
    ("field_values", "contact_id, field"),
    ("members", "group_id, contact_id"),
    ("groups", "id"),
    ("segments", "id"),
    ("templates", "id"),
    ("opt_outs", "phone"),
    ("suppressions", "hash"),
    ("suppression_keys", ""),
    ("contacts", "id"),
    ("idempotency_keys", "operation, key"),
    ("changes", "sequence"),
    ("change_heads", ""),
    ("counters", "counted"),
];

/// Purges every account that is due.
pub(in crate::storage) async fn purge_closed(writer: &Writer, reader: &Connection) -> Result<()> {
    if due().one(reader).await?.is_none() {
        return Ok(());
    }
    let progress = Arc::<Mutex<Progress>>::default();
    in_batches(writer, reader, move |transaction, rows| {
        Box::pin(purge_batch(transaction, rows, Arc::clone(&progress)))
    })
    .instrument(spans::purge())
    .await
}

/// The account that is being purged, and how many of the tables are known to have nothing of it any more: looking into all of
/// them would take longer than a batch.
#[derive(Default)]
struct Progress {
    account: Option<AccountId>,
    emptied: usize,
}

impl Progress {
    fn emptied(&mut self, account: AccountId) -> usize {
        if self.account != Some(account) {
            *self = Self { account: Some(account), emptied: 0 };
        }
        self.emptied
    }
}

fn due() -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::PurgeAt.lte(Timestamp::now().millis())).order_by_asc(Column::Id).limit(1)
}

/// Deletes up to `rows` rows of an account; returns whether there may be more. Waits for its lock, which others hold briefly: to skip
/// it would end the purge until the next round. Instances take turns.
async fn purge_batch(transaction: &Transaction, rows: u64, progress: Arc<Mutex<Progress>>) -> Result<bool> {
    let Some(account) = due().lock(LockType::Update).one(transaction).await? else { return Ok(false) };
    let account = AccountId::new(account.id);
    let of_run = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let emptied = of_run().emptied(account);
    let mut left = rows;
    for (index, (table, key)) in TABLES.into_iter().enumerate().skip(emptied) {
        left = left.saturating_sub(delete_rows(transaction, table, key, account, left).await?);
        if left == 0 {
            of_run().emptied = index;
            return Ok(true);
        }
    }
    if purge_segments(transaction, account, left).await? {
        of_run().emptied = TABLES.len();
        return Ok(true);
    }
    if emptied > 0 {
        // What was empty may not be any more: the account goes in a transaction that has looked everywhere.
        of_run().emptied = 0;
        return Ok(true);
    }
    Entity::delete_by_id(account.get()).exec(transaction).await?;
    tracing::info!(account = account.get(), "a closed account has been purged");
    Ok(true)
}

/// Returns how many rows it has deleted.
async fn delete_rows(
    transaction: &Transaction,
    table: &str,
    key: &str,
    account: AccountId,
    rows: u64,
) -> Result<u64> {
    let backend = transaction.get_database_backend();
    let run = async |sql: String, rows: Option<u64>| {
        let rows = rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
        let values = std::iter::once(account.get().into()).chain(rows.map(Into::into));
        let delete = Statement::from_sql_and_values(backend, sql, values);
        Result::Ok(transaction.execute_raw(delete).await?.rows_affected())
    };
    if key.is_empty() {
        return run(format!("DELETE FROM {table} WHERE account_id = $1"), None).await;
    }
    if backend == DbBackend::Postgres {
        // By their addresses: what the planner expects of the table does not matter.
        let some = format!("SELECT ctid FROM {table} WHERE account_id = $1 LIMIT $2");
        return run(format!("DELETE FROM {table} WHERE ctid = ANY(ARRAY({some}))"), Some(rows)).await;
    }
    // A range of the primary key: SQLite would look for a list of rows in all those of the account.
    // Without a unary plus, each column has an affinity, and the range would be that of the first column only.
    let plain = key.split(", ").map(|column| format!("+{column}")).collect::<Vec<_>>().join(", ");
    let last =
        format!("SELECT {plain} FROM {table} WHERE account_id = ?1 ORDER BY {key} LIMIT 1 OFFSET ?2 - 1");
    let range = format!("DELETE FROM {table} WHERE account_id = ?1 AND ({key}) <= ({last})");
    match run(range, Some(rows)).await? {
        // There are fewer.
        0 => run(format!("DELETE FROM {table} WHERE account_id = ?1"), None).await,
        deleted => Ok(deleted),
    }
}

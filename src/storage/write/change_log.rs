//! The change log: what was changed, in which order, and on whose behalf.
//!
//! **Invariant: per account, the numbers of the log are without gaps and in the order of commits.** The account's row in
//! `change_heads` is advanced last in the transaction, once for all its changes, and on PostgreSQL stays locked until the
//! commit: whoever reads number n sees every number before it. (A sequence of PostgreSQL's own would hand out its numbers
//! in another order than transactions commit.)

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Statement,
};
use serde::Serialize;
use uuid::Uuid;

use super::field_values::FieldsByAccount;
use crate::domain::change::ChangeType;
use crate::domain::{AccountId, Contact, Result, Timestamp};
use crate::storage::change_set::{Change, ChangeKind, ChangeSet};
use crate::storage::db::json_sql::{self, Type};
use crate::storage::db::transaction::Transaction;
use crate::storage::entity::change::{Column, Entity};
use crate::storage::entity::{change, change_head, search_head};

/// A row of the log, but for what it shares with the others of its transaction.
struct Entry {
    event: ChangeType,
    resource: Uuid,
    group: Option<Uuid>,
    version: Option<i64>,
    fields: Option<String>,
}

impl Entry {
    fn new(event: ChangeType, resource: Uuid) -> Self {
        Self { event, resource, group: None, version: None, fields: None }
    }

    fn of_contact(event: ChangeType, contact: &Contact) -> Self {
        Self { version: Some(contact.version), ..Self::new(event, contact.id.as_uuid()) }
    }
}

/// Appends a change set to the log. The last statements of a transaction: from here to the commit, no other transaction
/// of the same accounts can append, and none can declare or delete a field.
///
/// # Errors
/// A conflict, on SQLite when the transaction is committed, if `fields` are not those that are declared.
pub(super) async fn append(
    transaction: &Transaction,
    change_set: &ChangeSet,
    fields: &FieldsByAccount,
) -> Result<()> {
    let mut entries: BTreeMap<AccountId, Vec<(&Change, Entry)>> = BTreeMap::new();
    for change in &change_set.changes {
        if let Some(entry) = entry(change)? {
            entries.entry(change.account()).or_default().push((change, entry));
        }
    }
    if entries.is_empty() {
        return Ok(());
    }
    let version = |account| fields.get(account).map_or(0, |fields| fields.version());
    let numbers: Vec<(i64, usize, i64)> =
        entries.iter().map(|(account, entries)| (account.get(), entries.len(), version(account))).collect();
    transaction.execute_at_commit(advance_heads(transaction, &numbers)?).await?;
    transaction.execute_at_commit(insert(transaction, &entries)?).await?;
    Ok(())
}

/// Advances the last number of each account, in the order of accounts: in different orders, transactions would deadlock.
/// An account whose fields have another version than the writer has used gets none: the column rejects it.
fn advance_heads(transaction: &Transaction, numbers: &[(i64, usize, i64)]) -> Result<Statement> {
    use change_head::{Column, Entity};
    let columns =
        [("account_id", Type::Integer), ("sequence", Type::Integer), ("fields_version", Type::Integer)];
    let rows = json_sql::records(transaction, numbers, &columns)?;
    let mut advance =
        json_sql::insert_from(Entity, [Column::AccountId, Column::Sequence, Column::FieldsVersion], rows)?;
    let is_current = Expr::col((Entity, Column::FieldsVersion)).eq(Expr::cust("excluded.fields_version"));
    let sum = Expr::col((Entity, Column::Sequence)).add(Expr::cust("excluded.sequence"));
    let sum_if_current = Expr::case(is_current, sum);
    advance.on_conflict(
        OnConflict::column(Column::AccountId).value(Column::Sequence, sum_if_current).to_owned(),
    );
    Ok(transaction.get_database_backend().build(&advance))
}

/// What entries have of their own, as members of a JSON list; `back` is the distance from the account's last number.
const OWN_COLUMNS: [(&str, Type); 6] = [
    ("back", Type::Integer),
    ("event", Type::Text),
    ("resource_id", Type::Id),
    ("group_id", Type::Id),
    ("version", Type::Integer),
    ("fields", Type::Text),
];

/// What they have of their request.
const REQUEST_COLUMNS: [(&str, Type); 3] =
    [("account_id", Type::Integer), ("key_id", Type::Text), ("request_id", Type::Text)];

impl Entry {
    fn own_members(&self, back: usize) -> impl Serialize + '_ {
        let Self { event, resource, group, version, fields } = self;
        (back, event.as_str(), resource, group, version, fields)
    }
}

fn insert<'e>(
    transaction: &Transaction,
    entries: &'e BTreeMap<AccountId, Vec<(&'e Change, Entry)>>,
) -> Result<Statement> {
    let all = || {
        let of_account = |entries: &'e Vec<(&'e Change, Entry)>| (0..entries.len()).rev().zip(entries);
        entries.values().flat_map(of_account)
    };
    let mut contexts = all().map(|(_, (change, _))| &change.context);
    let first = contexts.next().filter(|first| contexts.all(|context| Arc::ptr_eq(first, context)));
    // A batch has a thousand entries of one request: what they share is not sent with each of them.
    let (rows, account, key, request): (_, Expr, Expr, Expr) = match first {
        Some(context) => {
            let rows: Vec<_> = all().map(|(back, (_, entry))| entry.own_members(back)).collect();
            let rows = json_sql::records(transaction, &rows, &OWN_COLUMNS)?;
            let (account, key) = (context.account().get(), context.key().as_str());
            (rows, account.into(), key.into(), context.request_id().into())
        }
        None => {
            let members = |(back, (change, entry)): (usize, &'e (&'e Change, Entry))| {
                let (context, Entry { event, resource, group, version, fields }) = (&change.context, entry);
                let (account, key) = (context.account().get(), context.key().as_str());
                (back, event.as_str(), resource, group, version, fields, account, key, context.request_id())
            };
            let rows: Vec<_> = all().map(members).collect();
            let columns = [OWN_COLUMNS.as_slice(), &REQUEST_COLUMNS].concat();
            let rows = json_sql::records(transaction, &rows, &columns)?;
            let column = |name: &'static str| Expr::col(("entries", name));
            (rows, column("account_id"), column("key_id"), column("request_id"))
        }
    };
    let head = Query::select()
        .column(change_head::Column::Sequence)
        .from(change_head::Entity)
        .and_where(Expr::col((change_head::Entity, change_head::Column::AccountId)).eq(account.clone()))
        .to_owned();
    let values = Column::iter().map(|column| match column {
        Column::AccountId => account.clone(),
        Column::Sequence => Expr::from(head.clone()).sub(Expr::col("back")),
        Column::At => Timestamp::now().millis().into(),
        Column::KeyId => key.clone(),
        Column::RequestId => request.clone(),
        Column::Event | Column::ResourceId | Column::GroupId | Column::Version | Column::Fields => {
            Expr::col(("entries", column))
        }
    });
    let select = Query::select().exprs(values).from_subquery(rows, "entries").to_owned();
    let insert = json_sql::insert_from(Entity, Column::iter(), select)?;
    Ok(transaction.get_database_backend().build(&insert))
}

/// `None` for what other entries imply.
fn entry(change: &Change) -> Result<Option<Entry>> {
    let entry = match &change.kind {
        ChangeKind::ContactCreated(created) => Entry::of_contact(ChangeType::ContactCreated, created),
        ChangeKind::ContactUpdated { before, after } => Entry {
            fields: Some(json_sql::to_json(&after.changed_fields(before))?),
            ..Entry::of_contact(ChangeType::ContactUpdated, after)
        },
        ChangeKind::ContactDeleted(deleted) => Entry::of_contact(ChangeType::ContactDeleted, deleted),
        ChangeKind::MemberAdded { group, contact } => {
            Entry { group: Some(group.as_uuid()), ..Entry::new(ChangeType::MemberAdded, contact.as_uuid()) }
        }
        ChangeKind::MemberRemoved { group, contact } => {
            Entry { group: Some(group.as_uuid()), ..Entry::new(ChangeType::MemberRemoved, contact.as_uuid()) }
        }
        ChangeKind::MembershipEnded { group: _ } => return Ok(None),
        ChangeKind::OptOutCreated(id) => Entry::new(ChangeType::OptOutCreated, id.as_uuid()),
        ChangeKind::OptOutDeleted(id) => Entry::new(ChangeType::OptOutDeleted, id.as_uuid()),
        ChangeKind::Named { event, id, version, fields, counted: _ } => Entry {
            version: Some(*version),
            fields: if fields.is_empty() { None } else { Some(json_sql::to_json(fields)?) },
            ..Entry::new(*event, *id)
        },
    };
    Ok(Some(entry))
}

/// An account whose oldest entry has expired.
pub(crate) async fn find_expired(
    connection: &impl ConnectionTrait,
    retention: Duration,
) -> Result<Option<i64>> {
    let oldest = |column: Column| {
        change::Entity::find()
            .select_only()
            .column(column)
            .filter(
                Expr::col((Entity, Column::AccountId))
                    .equals((change_head::Entity, change_head::Column::AccountId)),
            )
            .order_by_asc(Column::Sequence)
            .limit(1)
            .into_query()
    };
    let account = change_head::Entity::find()
        .select_only()
        .column(change_head::Column::AccountId)
        .filter(Expr::from(oldest(Column::At)).lt(cutoff(retention)))
        .filter(is_indexed(
            oldest(Column::Sequence).into(),
            Expr::col((change_head::Entity, change_head::Column::AccountId)),
        ))
        .limit(1)
        .into_tuple::<i64>()
        .one(connection)
        .await?;
    Ok(account)
}

/// Whether the search index has an entry: what it does not have stays in the log.
fn is_indexed(sequence: Expr, account: Expr) -> Expr {
    let position = search_head::Entity::find()
        .select_only()
        .column(search_head::Column::Position)
        .filter(Expr::col((search_head::Entity, search_head::Column::AccountId)).eq(account))
        .into_query();
    sequence.lte(Expr::from(position))
}

fn cutoff(retention: Duration) -> i64 {
    Timestamp::now().before(retention).millis()
}

/// Deletes up to `limit` expired entries of one account from the beginning of its log; returns whether more may be left.
pub(crate) async fn delete_expired(
    transaction: &Transaction,
    retention: Duration,
    limit: u64,
) -> Result<bool> {
    let Some(account) = find_expired(transaction, retention).await? else { return Ok(false) };
    let beginning = change::Entity::find()
        .filter(Column::AccountId.eq(account))
        .filter(is_indexed(Expr::col(Column::Sequence), account.into()))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .all(transaction)
        .await?;
    // Times need not ascend exactly as numbers do: the log ends where the first entry has not expired.
    let cutoff = cutoff(retention);
    // Another instance may have deleted them.
    let Some(last) = beginning.iter().take_while(|entry| entry.at < cutoff).last() else { return Ok(true) };
    change::Entity::delete_many()
        .filter(Column::AccountId.eq(account))
        .filter(Column::Sequence.lte(last.sequence))
        .exec(transaction)
        .await?;
    Ok(true)
}

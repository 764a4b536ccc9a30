//! Audience snapshots: written once, in batches, and read by position. Deleting a contact is the only change:
//! its entries become exclusions without personal data.
//!
//! **No entry outlives its contact.** A transaction that deletes a contact holds the account's advisory lock
//! in shared mode until it ends, one that adds entries holds it exclusively: either the deletion finds the
//! entry, or [`save_entries`] finds that the contact is gone.
//!
//! An unfinished snapshot belongs to the process that began it, for as long as that renews its lease; see
//! [`Process`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, Func, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, UpdateResult, Value,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::audience::{
    AudienceId, AudienceSnapshot, Counts, Entry, EntryPage, Exclusion, Kind, Problem, Report, SnapshotLimits,
};
use crate::domain::idempotency::{Created, IdempotentRequest};
use crate::domain::pagination::{CursorPage, CursorParams};
use crate::domain::{AccountId, ContactId, Error, ErrorCode, Result, Timestamp};
use crate::storage::change_set::ChangeSet;
use crate::storage::database::handle::Database;
use crate::storage::db::json_sql::Type;
use crate::storage::db::transaction::Transaction;
use crate::storage::db::{contact_lookup, contact_rows, json_sql, keyset};
use crate::storage::entity::audience::{ActiveModel, Column, Entity, Model};
use crate::storage::entity::audience_entry::{self, Deletion, StoredEntry};
use crate::storage::entity::contact;
use crate::storage::entity::idempotency_key::{Recorded, Reference};
use crate::storage::process::Process;
use crate::storage::write::idempotency::{self, Once};

/// How long an unfinished snapshot without new entries stays with its process.
const LEASE: Duration = Duration::from_secs(60);

fn new_lease() -> i64 {
    Timestamp::now().after(LEASE).millis()
}

/// Unfinished snapshots whose process has terminated.
fn abandoned(process: Process) -> Condition {
    let mut ended = Condition::any().add(Column::LeasedUntil.lt(Timestamp::now().millis()));
    if process.is_only_process {
        ended = ended.add(Column::Owner.ne(process.id));
    }
    Condition::all().add(Column::LeasedUntil.is_not_null()).add(ended)
}

/// [`Report`] as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredReport {
    asked: u64,
    recipients: u64,
    excluded: u64,
    parts: u64,
    problems: Vec<(u64, Vec<StoredEntry>)>,
}

fn internal_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::caused_by(ErrorCode::Internal, error)
}

fn write_report(report: &Report) -> Result<String> {
    let Report { counts: Counts { asked, recipients, excluded, parts }, problems } = report;
    let problems = problems.iter().map(|Problem { count, examples }| {
        let entry = |example: &_| StoredEntry::from(&Entry::Excluded(Clone::clone(example)));
        (*count, examples.iter().map(entry).collect())
    });
    let stored = StoredReport {
        asked: *asked,
        recipients: *recipients,
        excluded: *excluded,
        parts: *parts,
        problems: problems.collect(),
    };
    serde_json::to_string(&stored).map_err(internal_error)
}

fn read_report(json: &str) -> Result<Report> {
    let StoredReport { asked, recipients, excluded, parts, problems } =
        serde_json::from_str(json).map_err(|_| internal_error("a stored report cannot be read"))?;
    let problems = problems.into_iter().map(|(count, examples)| {
        let mut exclusions = Vec::new();
        for example in examples {
            if let Entry::Excluded(exclusion) = example.try_into()? {
                exclusions.push(exclusion);
            }
        }
        Ok(Problem { count, examples: exclusions })
    });
    Ok(Report {
        counts: Counts { asked, recipients, excluded, parts },
        problems: problems.collect::<Result<_>>()?,
    })
}

fn kind_code(kind: Kind) -> i16 {
    match kind {
        Kind::Recipients => 0,
        Kind::Exclusions => 1,
    }
}

fn by_id(account: i64, id: Uuid) -> Condition {
    Condition::all().add(Column::AccountId.eq(account)).add(Column::Id.eq(id))
}

/// An unfinished snapshot that still belongs to this process.
fn unfinished_of(account: AccountId, id: AudienceId, owner: Process) -> Condition {
    by_id(account.get(), id.as_uuid()).add(Column::Owner.eq(owner.id)).add(Column::LeasedUntil.is_not_null())
}

/// A process that lost its lease counts as terminated; the request may have been sent again in the meantime.
fn require_lease(done: UpdateResult) -> Result<()> {
    if done.rows_affected > 0 {
        return Ok(());
    }
    Err(Error::caused_by(ErrorCode::Unavailable, "creating the audience took longer than its lease"))
}

/// Begins a snapshot, invisible to readers until [`finish`]. A repeated request gets the snapshot of the
/// first one, unless that was abandoned.
pub(crate) async fn begin(
    database: &Database,
    account: AccountId,
    request: Option<IdempotentRequest>,
    entries: u64,
    limits: SnapshotLimits,
) -> Result<Created<AudienceId>> {
    loop {
        match create(database, account, request.clone(), entries, limits).await? {
            Once::Done(id) => return Ok(Created { resource: id, replayed: false }),
            Once::Replayed(recorded) => {
                let id = AudienceId::from_uuid(recorded.into_resource()?.id);
                if !expire_if_abandoned(database, account, id).await? {
                    return Ok(Created { resource: id, replayed: true });
                }
            }
        }
    }
}

async fn create(
    database: &Database,
    account: AccountId,
    request: Option<IdempotentRequest>,
    entries: u64,
    limits: SnapshotLimits,
) -> Result<Once<AudienceId>> {
    let (id, created_at) = AudienceId::generate();
    let (attempt_operation, attempt_key) = request
        .as_ref()
        .map(|request| (request.operation.to_owned(), request.key.as_str().to_owned()))
        .unzip();
    let row = Model {
        account_id: account.get(),
        id: id.as_uuid(),
        created_at: created_at.millis(),
        expires_at: created_at.after(database.audience_ttl()).millis(),
        report: None,
        entries: i64::try_from(SnapshotLimits::weight(entries)).unwrap_or(i64::MAX),
        owner: Some(database.process().id),
        leased_until: Some(new_lease()),
        attempt_operation,
        attempt_key,
    };
    database
        .write_once(request, move |transaction| {
            Box::pin(async move {
                lock(transaction, account, LockMode::Exclusive).await?;
                limits.check(entries, stored_entries(transaction, account).await?)?;
                let insert = Entity::insert(ActiveModel::from(row));
                insert.exec_without_returning(transaction).await?;
                let recorded = Recorded::Resource(Reference::created(id.as_uuid()));
                Ok(((recorded, id), ChangeSet::default()))
            })
        })
        .await
}

/// Entries of the account's unexpired snapshots, as counted against its quota.
pub(crate) async fn stored_entries(connection: &impl ConnectionTrait, account: AccountId) -> Result<u64> {
    // The sum of a bigint column is numeric on PostgreSQL.
    let sum = Entity::find()
        .select_only()
        .expr_as(Column::Entries.sum().cast_as("bigint"), "entries")
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::ExpiresAt.gt(Timestamp::now().millis()));
    let entries = sum.into_tuple::<Option<i64>>().one(connection).await?.flatten();
    Ok(entries.and_then(|entries| u64::try_from(entries).ok()).unwrap_or(0))
}

/// Mode of the advisory lock of an account's audiences.
#[derive(Clone, Copy, Debug)]
pub(super) enum LockMode {
    /// To begin a snapshot, or to add entries.
    Exclusive,
    /// To delete a contact.
    Shared,
}

/// Locks the audiences of an account until the transaction ends, on PostgreSQL; SQLite has one writer. (An
/// advisory lock, since it protects rows that do not exist yet.)
pub(super) async fn lock(transaction: &Transaction, account: AccountId, lock: LockMode) -> Result<()> {
    let backend = transaction.get_database_backend();
    if backend == DbBackend::Sqlite {
        return Ok(());
    }
    /// "audience": keeps the key apart from other advisory locks.
    const NAMESPACE: i64 = i64::from_be_bytes(*b"audience");
    let function = match lock {
        LockMode::Exclusive => "pg_advisory_xact_lock",
        LockMode::Shared => "pg_advisory_xact_lock_shared",
    };
    let lock = Func::cust(function).arg(NAMESPACE ^ account.get());
    transaction.query_one(Query::select().expr(lock)).await?;
    Ok(())
}

/// Expires a snapshot if its process has terminated, and frees its idempotency key. Returns whether it was
/// abandoned.
async fn expire_if_abandoned(database: &Database, account: AccountId, id: AudienceId) -> Result<bool> {
    let owner = database.process();
    let this = move || Entity::find().filter(by_id(account.get(), id.as_uuid())).filter(abandoned(owner));
    let found = database.read(async move |reader| Ok(this().one(&reader).await?));
    if found.await?.is_none() {
        return Ok(false);
    }
    database
        .write_deletion(move |transaction| {
            Box::pin(async move { Ok((expire_all(transaction, this()).await?, ChangeSet::default())) })
        })
        .await?;
    database.wake_cleaner();
    // True as well if another process has expired it in the meantime.
    Ok(true)
}

/// Expires the selected snapshots; returns whether there were any. Rows that another instance has locked are
/// skipped.
async fn expire_all(transaction: &Transaction, select: Select<Entity>) -> Result<bool> {
    let rows = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked).all(transaction).await?;
    for Model { account_id, id, attempt_operation, attempt_key, .. } in &rows {
        if let (Some(operation), Some(key)) = (attempt_operation, attempt_key) {
            idempotency::delete_by_key(transaction, *account_id, operation, key).await?;
        }
        expire(transaction, by_id(*account_id, *id)).await?;
    }
    Ok(!rows.is_empty())
}

/// Expired snapshots are invisible at once; the cleaner deletes their entries in batches.
async fn expire(transaction: &Transaction, which: Condition) -> Result<UpdateResult> {
    let update = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(0_i64))
        .col_expr(Column::Owner, Expr::value(Option::<Uuid>::None))
        .col_expr(Column::LeasedUntil, Expr::value(Option::<i64>::None));
    Ok(update.filter(which).exec(transaction).await?)
}

/// Whether [`expire_abandoned`] has anything to do.
pub(crate) async fn has_abandoned(reader: &impl ConnectionTrait, owner: Process) -> Result<bool> {
    let select = Entity::find().select_only().column(Column::LeasedUntil).filter(abandoned(owner)).limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found?.is_some())
}

/// Expires up to `limit` snapshots whose process has terminated; returns whether there were any.
pub(crate) async fn expire_abandoned(transaction: &Transaction, owner: Process, limit: u64) -> Result<bool> {
    expire_all(transaction, Entity::find().filter(abandoned(owner)).limit(limit)).await
}

/// Stores entries at their positions, and renews the lease.
pub(crate) async fn save_entries(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    entries: Vec<(i64, Entry)>,
) -> Result<()> {
    let contacts: BTreeSet<ContactId> = entries.iter().filter_map(|(_, entry)| entry.contact()).collect();
    let rows: Vec<(i16, i64, Option<ContactId>, StoredEntry)> = entries
        .iter()
        .map(|(position, entry)| {
            let kind = match entry {
                Entry::Included(_) => Kind::Recipients,
                Entry::Excluded(_) => Kind::Exclusions,
            };
            (kind_code(kind), *position, entry.contact(), StoredEntry::from(entry))
        })
        .collect();
    let rows = json_sql::to_parameter(&rows)?;
    let owner = database.process();
    database
        .write(move |transaction| {
            Box::pin(async move {
                lock(transaction, account, LockMode::Exclusive).await?;
                let renewed = Entity::update_many()
                    .col_expr(Column::LeasedUntil, Expr::value(new_lease()))
                    .filter(unfinished_of(account, id, owner))
                    .exec(transaction)
                    .await;
                require_lease(renewed?)?;
                insert_entries(transaction, account, id, rows).await?;
                let missing: Vec<_> =
                    missing_contacts(transaction, account, contacts).await?.into_iter().collect();
                remove_contacts(transaction, account, &missing).await?;
                Ok(((), ChangeSet::default()))
            })
        })
        .await
}

/// `rows` is an encoded list of arrays: kind, position, contact, and the entry.
async fn insert_entries(
    transaction: &Transaction,
    account: AccountId,
    id: AudienceId,
    rows: Value,
) -> Result<()> {
    use audience_entry::{Column, Entity};
    let members = [
        ("kind", Type::Integer),
        ("position", Type::Integer),
        ("contact_id", Type::Id),
        ("entry", Type::Json),
    ];
    let mut rows = json_sql::encoded_records(transaction, rows, &members);
    rows.exprs([Expr::val(account.get()), Expr::val(id.as_uuid())]);
    let columns = [
        Column::Kind,
        Column::Position,
        Column::ContactId,
        Column::Entry,
        Column::AccountId,
        Column::AudienceId,
    ];
    transaction.execute(&json_sql::insert_from(Entity, columns, rows)?).await?;
    Ok(())
}

/// Those of the ids that have no contact any more.
async fn missing_contacts(
    transaction: &Transaction,
    account: AccountId,
    mut contacts: BTreeSet<ContactId>,
) -> Result<BTreeSet<ContactId>> {
    if contacts.is_empty() {
        return Ok(contacts);
    }
    let ids: Vec<ContactId> = contacts.iter().copied().collect();
    let ids = json_sql::ids(transaction, &ids)?;
    let existing = contact_lookup::in_account(account)
        .select_only()
        .column(contact::Column::Id)
        .filter(json_sql::in_query(transaction, (contact::Entity, contact::Column::Id), ids));
    let found = contact_rows::fetch_ids(transaction, existing).await?;
    for id in found {
        contacts.remove(&ContactId::from_uuid(id));
    }
    Ok(contacts)
}

/// Offset of exclusions that were recipients: behind all others, in their former order.
const MOVED_POSITION: i64 = 1 << 30;

/// Turns the entries of deleted contacts into exclusions without personal data, and updates the reports.
pub(crate) async fn remove_contacts(
    transaction: &Transaction,
    account: AccountId,
    contacts: &[ContactId],
) -> Result<()> {
    use audience_entry::{Column as EntryColumn, Entity as Entries};
    lock(transaction, account, LockMode::Shared).await?;
    let with_entries = Entries::find()
        .select_only()
        .column_as(EntryColumn::ContactId, "id")
        .filter(EntryColumn::AccountId.eq(account.get()))
        .filter(json_sql::in_query(
            transaction,
            EntryColumn::ContactId,
            json_sql::ids(transaction, contacts)?,
        ));
    // A contact may be in several audiences.
    let contacts: BTreeSet<Uuid> =
        contact_rows::fetch_ids(transaction, with_entries).await?.into_iter().collect();
    for contact in contacts {
        remove_contact(transaction, account, ContactId::from_uuid(contact)).await?;
    }
    Ok(())
}

async fn remove_contact(transaction: &Transaction, account: AccountId, contact: ContactId) -> Result<()> {
    use audience_entry::{Column as EntryColumn, Entity as Entries};
    let about = Entries::find()
        .filter(EntryColumn::AccountId.eq(account.get()))
        .filter(EntryColumn::ContactId.eq(contact.as_uuid()))
        .all(transaction)
        .await?;
    let is_shown = |example: &Exclusion| example.contact.as_ref().is_some_and(|shown| shown.id == contact);
    delete_entries(transaction, account, about, is_shown).await
}

/// Turns entries into exclusions without personal data, and updates the reports: their examples that satisfy `is_hidden` have
/// none any more either.
pub(super) async fn delete_entries(
    transaction: &Transaction,
    account: AccountId,
    entries: Vec<audience_entry::Model>,
    is_hidden: impl Fn(&Exclusion) -> bool + Send + Sync,
) -> Result<()> {
    use audience_entry::{Column as EntryColumn, Entity as Entries};
    // In order of audience ids, or two deletions could deadlock.
    let mut by_audience: BTreeMap<Uuid, Vec<audience_entry::Model>> = BTreeMap::new();
    for row in entries {
        by_audience.entry(row.audience_id).or_default().push(row);
    }
    for (audience, rows) in by_audience {
        let key = (account.get(), audience);
        // A read-modify-write: the row lock keeps other deletions from changing the report in between.
        let found = Entity::find_by_id(key).lock_exclusive().one(transaction).await;
        // Without a row, the snapshot is being deleted with its entries.
        let Some(found) = found? else { continue };
        let mut report = found.report.as_deref().map(read_report).transpose()?;
        for row in rows {
            let entry: Entry = read_entry(&row.entry)?.try_into()?;
            if let Some(report) = &mut report {
                let Deletion { index, parts, reason } = (&entry).into();
                report.hide(&is_hidden);
                report.delete(index, parts, reason.as_ref());
            }
            let (kind, position) = match entry {
                Entry::Included(_) => (kind_code(Kind::Exclusions), MOVED_POSITION + row.position),
                Entry::Excluded(_) => (row.kind, row.position),
            };
            let snapshot = serde_json::to_string(&StoredEntry::deleted(&entry)).map_err(internal_error)?;
            // `apply_deletions` updates the report when the snapshot is finished.
            let marked = if report.is_some() { None } else { Some(audience_entry::DELETED) };
            Entries::update_many()
                .col_expr(EntryColumn::Kind, Expr::value(kind))
                .col_expr(EntryColumn::Position, Expr::value(position))
                .col_expr(EntryColumn::Entry, Expr::value(snapshot))
                .col_expr(EntryColumn::ContactId, Expr::value(marked))
                .filter(EntryColumn::AccountId.eq(account.get()))
                .filter(EntryColumn::AudienceId.eq(audience))
                .filter(EntryColumn::Kind.eq(row.kind))
                .filter(EntryColumn::Position.eq(row.position))
                .exec(transaction)
                .await?;
        }
        if let Some(report) = report {
            Entity::update_many()
                .col_expr(Column::Report, Expr::value(write_report(&report)?))
                .filter(by_id(account.get(), audience))
                .exec(transaction)
                .await?;
        }
    }
    Ok(())
}

/// Applies to a report the deletions of contacts since its entries were stored.
async fn apply_deletions(
    transaction: &Transaction,
    account: AccountId,
    id: AudienceId,
    report: &mut Report,
) -> Result<()> {
    use audience_entry::{Column as EntryColumn, Entity as Entries};
    let marked = Condition::all()
        .add(EntryColumn::AccountId.eq(account.get()))
        .add(EntryColumn::ContactId.eq(audience_entry::DELETED))
        .add(EntryColumn::AudienceId.eq(id.as_uuid()));
    let rows = Entries::find().filter(marked.clone()).all(transaction).await;
    let rows = rows?;
    for row in &rows {
        if let Some(Deletion { index, parts, reason }) = read_entry(&row.entry)?.into_deletion() {
            report.delete(index, parts, reason.as_ref());
        }
    }
    if !rows.is_empty() {
        let unmark =
            Entries::update_many().col_expr(EntryColumn::ContactId, Expr::value(Option::<Uuid>::None));
        unmark.filter(marked).exec(transaction).await?;
    }
    let deleted = missing_contacts(transaction, account, report.shown().into_iter().collect()).await?;
    report.hide(|example| example.contact.as_ref().is_some_and(|shown| deleted.contains(&shown.id)));
    Ok(())
}

pub(super) fn read_entry(json: &str) -> Result<StoredEntry> {
    serde_json::from_str(json).map_err(|_| internal_error("a stored entry cannot be read"))
}

/// Stores the report, which makes the snapshot visible.
pub(crate) async fn finish(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    mut report: Report,
) -> Result<AudienceSnapshot> {
    let owner = database.process();
    database
        .write(move |transaction| {
            Box::pin(async move {
                lock(transaction, account, LockMode::Exclusive).await?;
                apply_deletions(transaction, account, id, &mut report).await?;
                let weight = SnapshotLimits::weight(report.counts.asked);
                let updated = Entity::update_many()
                    .col_expr(Column::Report, Expr::value(write_report(&report)?))
                    .col_expr(Column::Entries, Expr::value(i64::try_from(weight).unwrap_or(i64::MAX)))
                    .col_expr(Column::Owner, Expr::value(Option::<Uuid>::None))
                    .col_expr(Column::LeasedUntil, Expr::value(Option::<i64>::None))
                    .filter(unfinished_of(account, id, owner))
                    .exec(transaction)
                    .await;
                require_lease(updated?)?;
                let row = Entity::find_by_id((account.get(), id.as_uuid())).one(transaction).await;
                let row = row?;
                let row =
                    row.ok_or_else(|| internal_error("an audience disappeared before it was complete"))?;
                Ok((to_snapshot(&row, report), ChangeSet::default()))
            })
        })
        .await
}

fn to_snapshot(row: &Model, report: Report) -> AudienceSnapshot {
    AudienceSnapshot {
        id: AudienceId::from_uuid(row.id),
        created_at: Timestamp::from_millis(row.created_at),
        expires_at: Timestamp::from_millis(row.expires_at),
        report,
    }
}

/// Expires an unfinished snapshot and frees its idempotency key.
pub(crate) async fn abandon(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    request: Option<IdempotentRequest>,
) -> Result<()> {
    let owner = database.process();
    database
        .write_deletion(move |transaction| {
            Box::pin(async move {
                // If the lease was lost, the key may belong to another request by now.
                let was_ours =
                    expire(transaction, unfinished_of(account, id, owner)).await?.rows_affected > 0;
                if let (Some(request), true) = (request, was_ours) {
                    idempotency::delete(transaction, account, &request).await?;
                }
                Ok(((), ChangeSet::default()))
            })
        })
        .await?;
    database.wake_cleaner();
    Ok(())
}

/// Expires a snapshot; the cleaner deletes its entries in batches.
pub(crate) async fn delete(database: &Database, account: AccountId, id: AudienceId) -> Result<()> {
    database
        .write_deletion(move |transaction| {
            Box::pin(async move {
                let which = by_id(account.get(), id.as_uuid())
                    .add(Column::ExpiresAt.gt(Timestamp::now().millis()))
                    .add(Column::Report.is_not_null());
                let done = expire(transaction, which).await?;
                if done.rows_affected == 0 {
                    Err(Error::no_such("audience"))
                } else {
                    Ok(((), ChangeSet::default()))
                }
            })
        })
        .await?;
    database.wake_cleaner();
    Ok(())
}

/// A finished, unexpired snapshot.
pub(crate) async fn find(
    database: &Database,
    account: AccountId,
    id: AudienceId,
) -> Result<AudienceSnapshot> {
    let (row, report) = find_finished(database, account, id).await?;
    Ok(to_snapshot(&row, read_report(&report)?))
}

/// Its row, with the report moved out.
async fn find_finished(database: &Database, account: AccountId, id: AudienceId) -> Result<(Model, String)> {
    let row = database
        .read(async move |reader| {
            Entity::find_by_id((account.get(), id.as_uuid()))
                .filter(Column::ExpiresAt.gt(Timestamp::now().millis()))
                .one(&reader)
                .await
                .map_err(Error::from)
        })
        .await?;
    let mut row = row.ok_or_else(|| Error::no_such("audience"))?;
    let report = row.report.take().ok_or(ErrorCode::IdempotencyKeyInUse)?;
    Ok((row, report))
}

/// A page of finished, unexpired snapshots.
pub(crate) async fn list(
    database: &Database,
    account: AccountId,
    query: CursorParams<AudienceId>,
) -> Result<CursorPage<AudienceSnapshot>> {
    let select = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::ExpiresAt.gt(Timestamp::now().millis()))
        .filter(Column::Report.is_not_null());
    let page = database
        .read(async move |reader| keyset::by_cursor(&reader, select, Column::Id, false, &query).await)
        .await?;
    let CursorPage { items, has_more, resume_at } = page;
    let items =
        items.iter().map(|row| Ok(to_snapshot(row, read_report(row.report.as_deref().unwrap_or("{}"))?)));
    Ok(CursorPage { items: items.collect::<Result<_>>()?, has_more, resume_at })
}

/// A page of entries.
pub(crate) async fn page(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    kind: Kind,
    after: Option<i64>,
    limit: u64,
) -> Result<EntryPage> {
    use audience_entry::{Column, Entity};
    find_finished(database, account, id).await?;
    let mut rows = database
        .read(async move |reader| {
            Entity::find()
                .filter(Column::AccountId.eq(account.get()))
                .filter(Column::AudienceId.eq(id.as_uuid()))
                .filter(Column::Kind.eq(kind_code(kind)))
                .filter(Column::Position.gt(after.unwrap_or(-1)))
                .order_by_asc(Column::Position)
                // One more than requested, to learn whether there are more.
                .limit(limit + 1)
                .all(&reader)
                .await
                .map_err(Error::from)
        })
        .await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let entries = rows.into_iter().map(|row| Ok((row.position, read_entry(&row.entry)?.try_into()?)));
    Ok(EntryPage { entries: entries.collect::<Result<_>>()?, has_more })
}

/// Whether [`delete_expired`] has anything to do.
pub(crate) async fn has_expired(reader: &impl ConnectionTrait) -> Result<bool> {
    let select = Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(Column::ExpiresAt.lt(Timestamp::now().millis()))
        .limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found?.is_some())
}

/// Deletes up to `limit` entries of one expired snapshot, and the snapshot with its last entries; returns
/// whether there was one. Rows that another instance has locked are skipped.
pub(crate) async fn delete_expired(connection: &impl ConnectionTrait, limit: u64) -> Result<bool> {
    use audience_entry::{Column as EntryColumn, Entity as Entries};
    let expired = Entity::find()
        .filter(Column::ExpiresAt.lt(Timestamp::now().millis()))
        .order_by_asc(Column::ExpiresAt)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let Some(Model { account_id: account, id, .. }) = expired.one(connection).await? else {
        return Ok(false);
    };
    let key = [EntryColumn::AccountId, EntryColumn::AudienceId, EntryColumn::Kind, EntryColumn::Position];
    let batch = Query::select()
        .columns(key)
        .from(Entries)
        .and_where(EntryColumn::AccountId.eq(account))
        .and_where(EntryColumn::AudienceId.eq(id))
        .limit(limit)
        .to_owned();
    let deleted = Entries::delete_many()
        .filter(Expr::tuple(key.map(Expr::col)).in_subquery(batch))
        .exec(connection)
        .await?;
    if deleted.rows_affected < limit {
        Entity::delete_by_id((account, id)).exec(connection).await?;
    }
    Ok(true)
}

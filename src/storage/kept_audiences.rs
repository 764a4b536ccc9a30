//! Audiences that are kept: written once, lot by lot, and read by position.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, NotSet, QueryFilter, QueryOrder,
    QuerySelect, Set, Statement,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attempts;
use super::database::Database;
use super::entity::audience::{ActiveModel, Column, Entity, Model};
use super::entity::audience_entry::{self, Snapshot};
use super::error::to_domain;
use super::json::Words;
use super::paging;
use crate::domain::audience::{AudienceId, Counts, Entry, EntryPage, Kept, Kind, Problem, Report};
use crate::domain::idempotency::{Attempt, Created};
use crate::domain::page::{ByCursor, CursorPage};
use crate::domain::{AccountId, Code, Error, Result, Timestamp};

/// [`Report`] as JSON.
#[derive(Serialize, Deserialize)]
struct StoredReport {
    asked: u64,
    recipients: u64,
    excluded: u64,
    parts: u64,
    problems: Vec<(u64, Vec<Snapshot>)>,
}

fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::caused_by(Code::Internal, error)
}

fn write_report(report: &Report) -> Result<String> {
    let Report { counts: Counts { asked, recipients, excluded, parts }, problems } = report;
    let problems = problems.iter().map(|Problem { count, examples }| {
        let entry = |example: &_| Snapshot::from(&Entry::Excluded(Clone::clone(example)));
        (*count, examples.iter().map(entry).collect())
    });
    let stored = StoredReport {
        asked: *asked,
        recipients: *recipients,
        excluded: *excluded,
        parts: *parts,
        problems: problems.collect(),
    };
    serde_json::to_string(&stored).map_err(internal)
}

fn read_report(json: &str) -> Result<Report> {
    let StoredReport { asked, recipients, excluded, parts, problems } =
        serde_json::from_str(json).map_err(|_| internal("a stored report"))?;
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

fn number(kind: Kind) -> i16 {
    match kind {
        Kind::Recipients => 0,
        Kind::Exclusions => 1,
    }
}

/// Makes an audience that nobody sees yet.
pub(super) async fn begin(
    database: &Database,
    account: AccountId,
    attempt: Option<Attempt>,
) -> Result<Created<AudienceId>> {
    let (id, created_at) = AudienceId::generate();
    let row = Model {
        account_id: account.get(),
        id: id.as_uuid(),
        created_at: created_at.millis(),
        expires_at: created_at.after(database.audience_ttl()).millis(),
        report: None,
    };
    let Created { made, replayed } = database
        .make(account, attempt, Vec::new(), move |transaction| {
            Box::pin(async move {
                let insert = Entity::insert(ActiveModel::from(row.clone()));
                insert.exec_without_returning(transaction).await.map_err(|error| to_domain(&error))?;
                Ok(Some(row))
            })
        })
        .await?;
    Ok(Created { made: AudienceId::from_uuid(made.id), replayed })
}

/// Keeps entries at their positions.
pub(super) async fn keep(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    entries: Vec<(i64, Entry)>,
) -> Result<()> {
    let rows: Vec<(i16, i64, Snapshot)> = entries
        .iter()
        .map(|(position, entry)| {
            let kind = match entry {
                Entry::Included(_) => Kind::Recipients,
                Entry::Excluded(_) => Kind::Exclusions,
            };
            (number(kind), *position, Snapshot::from(entry))
        })
        .collect();
    let rows = serde_json::to_string(&rows).map_err(internal)?;
    database
        .write(move |transaction| {
            Box::pin(async move {
                let backend = transaction.get_database_backend();
                let rows_of = if backend == DbBackend::Sqlite {
                    "value ->> 0, value ->> 1, value -> 2 FROM json_each($3)"
                } else {
                    "(value ->> 0)::smallint, (value ->> 1)::bigint, (value -> 2)::text \
                     FROM json_array_elements($3::json) AS value"
                };
                let sql = format!(
                    "INSERT INTO audience_entries (account_id, audience_id, kind, position, entry) \
                     SELECT $1, $2, {rows_of}"
                );
                let values = [account.get().into(), id.as_uuid().into(), rows.into()];
                let statement = Statement::from_sql_and_values(backend, sql, values);
                transaction.execute_raw(statement).await.map_err(|error| to_domain(&error))?;
                Ok(((), Vec::new()))
            })
        })
        .await
}

/// Shows an audience.
pub(super) async fn finish(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    report: Report,
) -> Result<Kept> {
    let json = write_report(&report)?;
    database
        .write(move |transaction| {
            Box::pin(async move {
                let row = ActiveModel {
                    account_id: Set(account.get()),
                    id: Set(id.as_uuid()),
                    report: Set(Some(json)),
                    created_at: NotSet,
                    expires_at: NotSet,
                };
                let row = row.update(transaction).await.map_err(|error| to_domain(&error))?;
                Ok((kept(&row, report), Vec::new()))
            })
        })
        .await
}

fn kept(row: &Model, report: Report) -> Kept {
    Kept {
        id: AudienceId::from_uuid(row.id),
        created_at: Timestamp::from_millis(row.created_at),
        expires_at: Timestamp::from_millis(row.expires_at),
        report,
    }
}

/// Forgets an audience and the attempt to make it.
pub(super) async fn abandon(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    attempt: Option<Attempt>,
) -> Result<()> {
    database
        .write(move |transaction| {
            Box::pin(async move {
                if let Some(attempt) = attempt {
                    attempts::forget(transaction, account, &attempt).await?;
                }
                // It is at its end at once: who clears audiences away takes its entries, some at a time.
                Entity::update_many()
                    .col_expr(Column::ExpiresAt, Expr::value(0_i64))
                    .filter(Column::AccountId.eq(account.get()))
                    .filter(Column::Id.eq(id.as_uuid()))
                    .exec(transaction)
                    .await
                    .map_err(|error| to_domain(&error))?;
                Ok(((), Vec::new()))
            })
        })
        .await?;
    database.clean();
    Ok(())
}

/// Deletes an audience: it is at its end at once, and the cleaner takes its entries, in batches.
pub(super) async fn delete(database: &Database, account: AccountId, id: AudienceId) -> Result<()> {
    database
        .write(move |transaction| {
            Box::pin(async move {
                let done = Entity::update_many()
                    .col_expr(Column::ExpiresAt, Expr::value(0_i64))
                    .filter(Column::AccountId.eq(account.get()))
                    .filter(Column::Id.eq(id.as_uuid()))
                    .filter(Column::ExpiresAt.gt(Timestamp::now().millis()))
                    .filter(Column::Report.is_not_null())
                    .exec(transaction)
                    .await
                    .map_err(|error| to_domain(&error))?;
                if done.rows_affected == 0 { Err(Error::no_such("audience")) } else { Ok(((), Vec::new())) }
            })
        })
        .await?;
    database.clean();
    Ok(())
}

/// An audience that is shown and not at its end.
pub(super) async fn find(database: &Database, account: AccountId, id: AudienceId) -> Result<Kept> {
    let (row, report) = shown(database, account, id).await?;
    Ok(kept(&row, read_report(&report)?))
}

/// Its row, and the account of it as it is stored.
async fn shown(database: &Database, account: AccountId, id: AudienceId) -> Result<(Model, String)> {
    let row = database
        .read(async move |reader| {
            Entity::find_by_id((account.get(), id.as_uuid()))
                .filter(Column::ExpiresAt.gt(Timestamp::now().millis()))
                .one(&reader)
                .await
                .map_err(|error| to_domain(&error))
        })
        .await?;
    let mut row = row.ok_or_else(|| Error::no_such("audience"))?;
    let report = row.report.take().ok_or(Code::AttemptInFlight)?;
    Ok((row, report))
}

/// A page of those that are shown and not at their end.
pub(super) async fn list(
    database: &Database,
    account: AccountId,
    query: ByCursor<AudienceId>,
) -> Result<CursorPage<Kept>> {
    let select = Entity::find()
        .filter(Column::AccountId.eq(account.get()))
        .filter(Column::ExpiresAt.gt(Timestamp::now().millis()))
        .filter(Column::Report.is_not_null());
    let page = database
        .read(async move |reader| paging::by_cursor(&reader, select, Column::Id, false, &query).await)
        .await?;
    let CursorPage { items, has_more } = page;
    let items = items.iter().map(|row| Ok(kept(row, read_report(row.report.as_deref().unwrap_or("{}"))?)));
    Ok(CursorPage { items: items.collect::<Result<_>>()?, has_more })
}

/// A page of its entries.
pub(super) async fn page(
    database: &Database,
    account: AccountId,
    id: AudienceId,
    kind: Kind,
    after: Option<i64>,
    limit: u64,
) -> Result<EntryPage> {
    use audience_entry::{Column, Entity};
    shown(database, account, id).await?;
    let mut rows = database
        .read(async move |reader| {
            Entity::find()
                .filter(Column::AccountId.eq(account.get()))
                .filter(Column::AudienceId.eq(id.as_uuid()))
                .filter(Column::Kind.eq(number(kind)))
                .filter(Column::Position.gt(after.unwrap_or(-1)))
                .order_by_asc(Column::Position)
                // One more than asked for tells whether there is more.
                .limit(limit + 1)
                .all(&reader)
                .await
                .map_err(|error| to_domain(&error))
        })
        .await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let entries = rows.into_iter().map(|row| {
        let snapshot: Snapshot = serde_json::from_str(&row.entry).map_err(|_| internal("a stored entry"))?;
        Ok((row.position, snapshot.try_into()?))
    });
    Ok(EntryPage { entries: entries.collect::<Result<_>>()?, has_more })
}

/// Whether there is anything that [`clear_some`] would delete.
pub(super) async fn any_expired(reader: &impl ConnectionTrait) -> Result<bool> {
    let select = Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(Column::ExpiresAt.lt(Timestamp::now().millis()))
        .limit(1);
    let found = select.into_tuple::<i64>().one(reader).await;
    Ok(found.map_err(|error| to_domain(&error))?.is_some())
}

/// Deletes entries of one audience that is at its end, no more than `limit`, and the audience with its last ones;
/// answers whether there was any. One that another instance is deleting is left to it.
pub(super) async fn clear_some(connection: &impl ConnectionTrait, limit: u64) -> Result<bool> {
    let words = Words::of(connection);
    let backend = connection.get_database_backend();
    let sql = format!(
        "SELECT account_id, id FROM audiences WHERE expires_at < $1 ORDER BY expires_at LIMIT 1 {}",
        words.lock("FOR UPDATE SKIP LOCKED")
    );
    let now = Timestamp::now().millis();
    let found = connection.query_one_raw(Statement::from_sql_and_values(backend, sql, [now.into()])).await;
    let Some(row) = found.map_err(|error| to_domain(&error))? else { return Ok(false) };
    let account: i64 = row.try_get("", "account_id").map_err(|error| to_domain(&error))?;
    let id: Uuid = row.try_get("", "id").map_err(|error| to_domain(&error))?;
    let entries = "DELETE FROM audience_entries WHERE (account_id, audience_id, kind, position) IN \
         (SELECT account_id, audience_id, kind, position FROM audience_entries \
         WHERE account_id = $1 AND audience_id = $2 LIMIT $3)";
    let values = [account.into(), id.into(), limit.into()];
    if words.execute(connection, entries.to_owned(), values).await? < limit {
        Entity::delete_by_id((account, id)).exec(connection).await.map_err(|error| to_domain(&error))?;
    }
    Ok(true)
}

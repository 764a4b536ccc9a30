//! Figures about a database, read when they are asked for: how full its pools and its queue are, how large it is, what is
//! in it.
//!
//! What needs a query runs on a connection that no request uses, within a deadline, and touches a few rows of each
//! account by their keys, however many contacts there are. Without a response in time, the figures are left out: an old
//! number looks like a current one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, JoinType, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement};

use super::database::handle::Database;
use super::db::connection::Connection;
use super::db::counters;
use super::entity::{change_head, counter, import, search_head};
use super::error::no_row;
use super::fair_semaphore::Usage;
use crate::domain::Result;
use crate::domain::import::ImportState;

/// How long a scrape waits for the database.
const DEADLINE: Duration = Duration::from_secs(2);

/// The figures of the last [`Figures::refresh`], as metrics.
#[derive(Clone, Debug, Default)]
pub struct Figures(Arc<Mutex<Option<Reading>>>);

#[derive(Debug)]
struct Reading {
    /// Waiting commands, and how many may wait.
    queue: (usize, usize),
    pools: Vec<(&'static str, Usage)>,
    /// SQLite only: of the file and its WAL.
    files: Option<(u64, u64)>,
    /// `None`: the database has not responded.
    contents: Option<Contents>,
}

/// Across all accounts.
#[derive(Debug)]
struct Contents {
    /// PostgreSQL only.
    database_bytes: Option<u64>,
    totals: Totals,
    imports: Vec<(ImportState, u64)>,
}

#[derive(Debug, Default)]
struct Totals {
    accounts: i64,
    contacts: i64,
    changes: i64,
    max_search_lag: i64,
}

impl Figures {
    pub fn register(registry: &mut Registry) -> Self {
        let figures = Self::default();
        registry.register_collector(Box::new(figures.clone()));
        figures
    }

    /// Reads the figures of a database.
    pub async fn refresh(&self, database: &Database) {
        let reading = Reading::of(database).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}

impl Reading {
    async fn of(database: &Database) -> Self {
        let parts = &database.parts;
        let pools = if parts.write_pool.get_database_backend() == DbBackend::Sqlite {
            vec![("read", parts.reader.usage()), ("write", parts.write_pool.usage())]
        } else {
            vec![("all", parts.reader.usage())]
        };
        // A file that is gone has no size; the readiness check reports it.
        let files = parts.write_pool.file().and_then(|file| file.sizes().ok());
        Self {
            queue: parts.group_commit.queue_length(),
            pools,
            files,
            contents: Contents::of(database).await,
        }
    }
}

impl Contents {
    async fn of(database: &Database) -> Option<Self> {
        let monitor = database.parts.monitor.clone()?;
        // In a task of its own: a connection dropped in mid-query is lost.
        let read = database.run(async move { Self::read(&monitor).await });
        match tokio::time::timeout(DEADLINE, read).await {
            Ok(Ok(contents)) => Some(contents),
            Ok(Err(error)) => {
                tracing::warn!(reason = error.cause(), "the figures of the database could not be read");
                None
            }
            Err(_) => {
                tracing::warn!("the database took too long to read its figures");
                None
            }
        }
    }

    async fn read(connection: &Connection) -> Result<Self> {
        Ok(Self {
            database_bytes: database_bytes(connection).await?,
            totals: totals(connection).await?,
            imports: imports(connection).await?,
        })
    }
}

/// The size of a PostgreSQL database, with its indexes.
async fn database_bytes(connection: &Connection) -> Result<Option<u64>> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        return Ok(None);
    }
    let size = Statement::from_string(DbBackend::Postgres, "SELECT pg_database_size(current_database())");
    let row = connection.query_one_raw(size).await?.ok_or_else(no_row)?;
    Ok(u64::try_from(row.try_get_by_index::<i64>(0)?).ok())
}

/// One row for each account with a log: the last number of the log, how far the search index is behind it, and the counter
/// of contacts.
fn of_accounts() -> SelectStatement {
    let head = |column: change_head::Column| Expr::col((change_head::Entity, column));
    let same_account = |account: Expr| account.eq(head(change_head::Column::AccountId));
    let search_account = Expr::col((search_head::Entity, search_head::Column::AccountId));
    let position = Expr::col((search_head::Entity, search_head::Column::Position));
    let lag = head(change_head::Column::Sequence).sub(Func::coalesce([position, 0.into()]));
    let contacts = Query::select()
        .column(counter::Column::Amount)
        .from(counter::Entity)
        .and_where(same_account(Expr::col((counter::Entity, counter::Column::AccountId))))
        .and_where(Expr::col(counter::Column::Counted).eq(counters::CONTACTS))
        .to_owned();
    Query::select()
        .expr_as(head(change_head::Column::Sequence), SEQUENCE)
        .expr_as(lag, LAG)
        .expr_as(contacts, CONTACTS)
        .from(change_head::Entity)
        .join(JoinType::LeftJoin, search_head::Entity, same_account(search_account))
        .to_owned()
}

const SEQUENCE: &str = "sequence";
const LAG: &str = "lag";
const CONTACTS: &str = "contacts";
const ACCOUNTS: &str = "accounts";

async fn totals(connection: &Connection) -> Result<Totals> {
    // PostgreSQL's sum of bigint is numeric.
    let integer = |value: Expr| Func::coalesce([value, 0.into()]).cast_as(Alias::new("bigint"));
    let query = Query::select()
        .expr_as(Expr::val(1).count(), ACCOUNTS)
        .expr_as(integer(Expr::col(CONTACTS).sum()), CONTACTS)
        .expr_as(integer(Expr::col(SEQUENCE).sum()), SEQUENCE)
        .expr_as(integer(Expr::col(LAG).max()), LAG)
        .from_subquery(of_accounts(), ACCOUNTS)
        .to_owned();
    let row = connection.query_one(&query).await?.ok_or_else(no_row)?;
    Ok(Totals {
        accounts: row.try_get("", ACCOUNTS)?,
        contacts: row.try_get("", CONTACTS)?,
        changes: row.try_get("", SEQUENCE)?,
        max_search_lag: row.try_get("", LAG)?,
    })
}

/// Imports that a worker works on, or has to, by state. (Those that have ended are kept for weeks: they are not counted.)
async fn imports(connection: &Connection) -> Result<Vec<(ImportState, u64)>> {
    let in_progress: Vec<ImportState> =
        ImportState::ALL.iter().copied().filter(|state| state.is_in_progress()).collect();
    let counts: Vec<(String, i64)> = import::Entity::find()
        .select_only()
        .column(import::Column::State)
        .column_as(import::Column::State.count(), ACCOUNTS)
        .filter(import::Column::State.is_in(in_progress.iter().map(|state| state.as_str())))
        .group_by(import::Column::State)
        .into_tuple()
        .all(connection)
        .await?;
    let count_of = |state: ImportState| {
        let found = counts.iter().find(|(name, _)| name == state.as_str());
        found.map_or(0, |(_, count)| count.unsigned_abs())
    };
    Ok(in_progress.into_iter().map(|state| (state, count_of(state))).collect())
}

/// The description of what is counted in the database and not in the process.
fn shared(help: &str) -> String {
    format!("{help}; instances that share a database report the same")
}

/// Writes metrics with one value, or with one for each value of a label.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn write(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl TryInto<i64>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        metric.encode_gauge(&value.try_into().unwrap_or(i64::MAX))
    }

    fn write_each<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'v str, usize)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value, figure) in values {
            let labels = [(label, value)];
            metric.encode_family(&labels)?.encode_gauge(&i64::try_from(figure).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }

    fn write_counter(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<[(&str, &str); 0], _, u64>(&value.unsigned_abs(), None)
    }
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Reading { queue: (waiting, capacity), pools, files, contents }) = &*reading else {
            return Ok(());
        };
        let mut out = Writer(encoder);
        out.write("write_queue_length", "Writes that wait for group commit", None, *waiting)?;
        out.write("write_queue_capacity", "How many writes may wait (`--write-queue`)", None, *capacity)?;
        let pools =
            |figure: fn(&Usage) -> usize| pools.iter().map(move |(pool, usage)| (*pool, figure(usage)));
        let max = pools(|usage| usage.total);
        out.write_each("database_connections_max", "Connections that a pool may have", "pool", max)?;
        let used = pools(|usage| usage.used);
        out.write_each("database_connections_used", "Connections in use", "pool", used)?;
        let waiting = pools(|usage| usage.waiting);
        let help = "Requests that wait for a connection";
        out.write_each("database_connections_waiting", help, "pool", waiting)?;
        let help = "Whether the database responded to this scrape (without a response, figures that need a query are absent)";
        out.write("database_up", help, None, i64::from(contents.is_some()))?;
        if let Some((_, wal_bytes)) = files {
            out.write(
                "database_wal_size",
                "Size of the WAL file; SQLite only",
                Some(&Unit::Bytes),
                *wal_bytes,
            )?;
        }
        let database_bytes = match contents {
            Some(Contents { database_bytes: Some(bytes), .. }) => Some(*bytes),
            _ => files.map(|(bytes, _)| bytes),
        };
        if let Some(bytes) = database_bytes {
            let help = shared("Size of the database, without its WAL");
            out.write("database_size", &help, Some(&Unit::Bytes), bytes)?;
        }
        let Some(Contents { database_bytes: _, totals, imports }) = contents else { return Ok(()) };
        let Totals { accounts, contacts, changes, max_search_lag } = totals;
        out.write("accounts", &shared("Accounts that have been written to"), None, *accounts)?;
        out.write("contacts", &shared("Contacts of all accounts"), None, *contacts)?;
        let help = "Entries that the change logs of all accounts have ever had: the sum of their positions";
        out.write_counter("change_log_entries", &shared(help), *changes)?;
        let help =
            "Entries of the change log that the search index does not have yet, of the account with the most";
        out.write("search_index_lag_entries", &shared(help), None, *max_search_lag)?;
        let imports = imports
            .iter()
            .map(|(state, count)| (state.as_str(), usize::try_from(*count).unwrap_or(usize::MAX)));
        out.write_each("imports", &shared("Imports in progress, by state"), "state", imports)
    }
}

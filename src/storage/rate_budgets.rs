//! Budgets of requests, which instances lease slices of; PostgreSQL only.
//!
//! A row says when its budget will be full if nobody spends anything: the theoretical arrival time of GCRA. A lease moves it
//! into the future, by as long as the units take to come back. The clock is the database's, which all instances share.
//!
//! The table is unlogged: a lease waits for no disk and no standby. A crash or a failover empties it, and every budget is full.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::database::handle::Database;
use super::db::connection::Connection;
use super::db::json_sql;
use super::error::corrupt;
use crate::domain::Result;
use crate::domain::rate_budget::{BudgetId, BudgetRepository, Lease, LeaseRequest};

const MICROS_PER_SECOND: f64 = 1_000_000.0;

/// Microseconds since 1970, now: not at the begin of the statement, which may have waited for rows.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// In place of the id of a key in the budget of an account.
const NO_KEY: &str = "";

/// A statement for any number of budgets. (In the order of its parameter, which is that of keys: in different orders, two
/// instances would wait for each other.)
static LEASE: LazyLock<String> = LazyLock::new(|| {
    let of_new = after_lease(NOW, "");
    let of_known = after_lease(
        "budget.full_at",
        "WHERE asked.account_id = budget.account_id AND asked.key_id = budget.key_id AND asked.rate = budget.rate",
    );
    format!(
        "WITH asked AS MATERIALIZED (\
           SELECT (value ->> 0)::bigint AS account_id, value ->> 1 AS key_id, (value ->> 2)::bigint AS rate, \
             (value ->> 3)::bigint AS quota, (value ->> 4)::bigint AS settled, \
             (value ->> 5)::bigint AS minimum, (value ->> 6)::bigint AS wanted \
           FROM json_array_elements($1::json) AS value) \
         INSERT INTO rate_budgets AS budget (account_id, key_id, rate, full_at, granted) \
         SELECT account_id, key_id, rate, full_at, granted FROM ({of_new}) AS of_new \
         ON CONFLICT (account_id, key_id, rate) DO UPDATE SET (full_at, granted) = \
           (SELECT full_at, granted FROM ({of_known}) AS of_known) \
         RETURNING account_id, key_id, rate, granted, full_at - {NOW} AS until_full"
    )
});

/// The rows of `asked` after their leases, given when their budgets would have been full.
fn after_lease(full_at: &str, condition: &str) -> String {
    // A clock that has been set back, or debts, refuse requests for no longer than twice the time of a quota.
    let limited = format!(
        "SELECT asked.*, now, least(greatest({full_at}, now), now + 2 * quota * 1000000 / rate) AS unsettled_at \
         FROM asked CROSS JOIN (SELECT {NOW} AS now) AS clock {condition}"
    );
    let settled = format!(
        "SELECT *, greatest(unsettled_at + settled * 1000000 / rate, now) AS settled_at FROM ({limited}) AS it"
    );
    // What is missing is rounded up: a part of a unit cannot be spent.
    let available = format!(
        "SELECT *, greatest(quota - ((settled_at - now) * rate + 999999) / 1000000, 0) AS available FROM ({settled}) AS it"
    );
    let granted = format!(
        "SELECT *, CASE WHEN available >= minimum THEN least(available, wanted) ELSE 0 END AS granted FROM ({available}) AS it"
    );
    format!(
        "SELECT account_id, key_id, rate, settled_at + granted * 1000000 / rate AS full_at, granted FROM ({granted}) AS it"
    )
}

pub(crate) struct SqlRateBudgets {
    database: Database,
}

impl SqlRateBudgets {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl BudgetRepository for SqlRateBudgets {
    async fn lease(&self, requests: Vec<LeaseRequest>) -> Result<Vec<Lease>> {
        // Not through the writer: nothing follows from it, and one statement is a transaction.
        let connection = self.database.parts.write_pool.clone();
        self.database.run(async move { lease(&connection, &requests).await }).await
    }
}

/// Account, key and rate.
type Key = (i64, String, i64);

fn key(budget: &BudgetId) -> Key {
    let BudgetId { account, key, rate } = budget;
    let key = key.as_ref().map_or(NO_KEY, |key| key.as_str());
    (account.get(), key.to_owned(), rate.get().into())
}

async fn lease(connection: &Connection, requests: &[LeaseRequest]) -> Result<Vec<Lease>> {
    let mut rows: Vec<_> = requests
        .iter()
        .map(|request| {
            let LeaseRequest { budget, quota, settled, least, wanted } = request;
            let (account, key, rate) = key(budget);
            (account, key, rate, quota.get(), *settled, *least, *wanted)
        })
        .collect();
    rows.sort();
    let parameter = json_sql::to_parameter(&rows)?;
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, LEASE.as_str(), [parameter]);
    let mut leases = HashMap::new();
    for row in connection.query_all_raw(statement).await? {
        let key: Key = (row.try_get("", "account_id")?, row.try_get("", "key_id")?, row.try_get("", "rate")?);
        let leased: (i64, i64) = (row.try_get("", "granted")?, row.try_get("", "until_full")?);
        leases.insert(key, leased);
    }
    let lease = |request: &LeaseRequest| {
        let (granted, until_full) = leases.get(&key(&request.budget)).ok_or_else(no_lease)?;
        Ok(Lease {
            granted: u32::try_from(*granted).map_err(corrupt)?,
            left: f64::from(request.quota.get()) - units(*until_full, request.budget.rate.get()),
        })
    };
    requests.iter().map(lease).collect()
}

fn no_lease() -> crate::domain::Error {
    corrupt("a budget was not leased")
}

/// What comes back in a time.
#[allow(clippy::cast_precision_loss)]
fn units(micros: i64, rate: u32) -> f64 {
    micros.max(0) as f64 * f64::from(rate) / MICROS_PER_SECOND
}

/// Deletes the rows of budgets that are full: they say nothing.
pub(crate) async fn delete_full(connection: &Connection) -> Result<()> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    // It waits for no row: two instances could wait for each other.
    let full = format!("SELECT ctid FROM rate_budgets WHERE full_at <= {NOW} FOR UPDATE SKIP LOCKED");
    let delete = format!("DELETE FROM rate_budgets WHERE ctid = ANY(ARRAY({full}))");
    connection.execute_raw(Statement::from_string(DbBackend::Postgres, delete)).await?;
    Ok(())
}

//! The SQL that a test's databases execute, read from the log, and its query plans.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use tokio::runtime::Builder;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The statements of one test, without their values, oldest first; on PostgreSQL, also the plan of each.
#[derive(Clone, Default)]
pub struct Statements(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    statements: Vec<String>,
    /// As `auto_explain` reports them: the text of the statement, then the plan.
    plans: Vec<(String, String)>,
}

impl Statements {
    pub fn clear(&self) {
        *self.0.lock().unwrap() = Recorded::default();
    }

    /// Forgets the statements that are not to be checked.
    pub fn retain(&self, condition: impl Fn(&str) -> bool) {
        let mut recorded = self.0.lock().unwrap();
        recorded.statements.retain(|sql| condition(sql));
        recorded.plans.retain(|(sql, _)| condition(sql));
    }

    /// Each executed statement since [`Self::clear`].
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().statements.clone()
    }

    /// The queries, updates and deletions of a table since [`Self::clear`], each with its plans.
    pub async fn plans(&self, planner: &Planner, table: &str) -> BTreeSet<(String, String)> {
        let is_checked = |sql: &str| {
            let reads = ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb));
            reads && sql.split([' ', '"']).any(|word| word == table)
        };
        if planner.backend == DbBackend::Postgres {
            let plans = self.0.lock().unwrap().plans.clone();
            return plans.into_iter().filter(|(sql, _)| is_checked(sql)).collect();
        }
        let mut plans = BTreeSet::new();
        let distinct: BTreeSet<String> = self.all().into_iter().collect();
        for sql in distinct.iter().filter(|sql| is_checked(sql)) {
            plans.insert((sql.clone(), planner.plan(sql).await));
        }
        plans
    }
}

/// Runs a test with the statements that it executes. They are attributed to it by thread: other tests run in the same
/// process, on other threads.
pub fn run_recorded<T>(test: impl AsyncFnOnce(&Statements) -> T) -> T {
    let statements = Statements::default();
    let log = Dispatch::new(tracing_subscriber::registry().with(statements.clone()));
    let log_of_thread = log.clone();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        // For as long as the thread lives, and it is the runtime's own.
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&log_of_thread)))
        .build()
        .unwrap();
    tracing::dispatcher::with_default(&log, || runtime.block_on(test(&statements)))
}

impl<S: Subscriber> Layer<S> for Statements {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        [SQL, NOTICES].contains(&metadata.target())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut &*self);
    }
}

/// The target of executed statements.
const SQL: &str = "addressbook::sql";

/// The target of what PostgreSQL reports to its client beside a result.
const NOTICES: &str = "sqlx::postgres::notice";

impl Visit for &Statements {
    fn record_str(&mut self, field: &Field, value: &str) {
        let mut recorded = self.0.lock().unwrap();
        if field.name() == "sql" {
            // On SQLite, those at the beginning and at the end of a transaction are sent together.
            let statements = value.split("; ").filter(|sql| !["BEGIN IMMEDIATE", "COMMIT"].contains(sql));
            recorded.statements.extend(statements.map(str::to_owned));
        } else if let Some((_, explained)) = value.split_once("  plan:\nQuery Text: ") {
            let (sql, plan) = explained.split_once('\n').unwrap();
            recorded.plans.push((sql.to_owned(), plan.to_owned()));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// A connection of the test's own: what it executes is not recorded.
pub struct Planner {
    connection: DatabaseConnection,
    pub backend: DbBackend,
}

impl Planner {
    /// On PostgreSQL, connections that are opened from now on report the plan of each statement: the one that was
    /// executed, for the values that it was executed with.
    pub async fn connect(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let connection = sea_orm::Database::connect(options).await.unwrap();
        let planner = Self { backend: connection.get_database_backend(), connection };
        if planner.backend == DbBackend::Postgres {
            let database = url.rsplit('/').next().unwrap();
            // A superuser may set them in a session that knows them.
            planner.run("LOAD 'auto_explain'").await;
            for setting in [
                "session_preload_libraries = auto_explain",
                "auto_explain.log_min_duration = 0",
                "auto_explain.log_level = notice",
            ] {
                planner.run(&format!("ALTER DATABASE {database} SET {setting}")).await;
            }
        }
        planner
    }

    /// Executes statements.
    pub async fn run(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap();
    }

    /// Executes a statement that fills a table, and updates the planner's statistics as in production: no operator
    /// runs ANALYZE on SQLite.
    pub async fn fill(&self, sql: &str) {
        self.run(sql).await;
        if self.backend == DbBackend::Postgres {
            self.run("ANALYZE").await;
        }
    }

    /// Executes a query; returns its first row.
    pub async fn first_row(&self, sql: &str) -> Option<QueryResult> {
        self.connection.query_one_raw(Statement::from_string(self.backend, sql)).await.unwrap()
    }

    /// The plan of a statement; as SQLite is compiled, its parameters' values do not matter.
    pub async fn plan(&self, sql: &str) -> String {
        let (explain, column) = match self.backend {
            DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
            _ => ("EXPLAIN", "QUERY PLAN"),
        };
        let statement = Statement::from_string(self.backend, format!("{explain} {sql}"));
        let rows = self.connection.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect::<Vec<_>>().join("\n")
    }
}

//! Opens the connection pools, each with the settings that durability and isolation rest on.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::pool::PoolConnectionMetadata;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement};
use url::Url;

use super::connection::Connection;
use super::error::OpenError;
use super::kept::Kept;
use super::trust::Trust;

/// Which database, and how many connections to it.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Most connections: to PostgreSQL in all, to SQLite for reading (beside the one that writes).
    pub connections: u32,
    /// How long a request waits for one of them.
    pub acquire_timeout: Duration,
    /// Most creates that wait for a commit.
    pub write_queue: usize,
    /// Most memory for contacts and pages of them, in bytes; only of a server on SQLite.
    pub contact_cache: usize,
    /// For how long an idempotency key is remembered.
    pub idempotency_ttl: Duration,
    /// For how long an audience is kept.
    pub audience_ttl: Duration,
}

/// The pools of one database. PostgreSQL has one, in all places.
pub(super) struct Pools {
    /// Where migrations run.
    pub(super) pool: DatabaseConnection,
    pub(super) writer: Connection,
    pub(super) reader: Connection,
    /// The database file; SQLite only.
    pub(super) file: Option<PathBuf>,
    /// Whether the connections may be used; PostgreSQL's ask.
    pub(super) trust: Trust,
}

/// The oldest SQLite without the fault that loses writes when the WAL is reset.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// A connection that lay idle for longer is tried before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How long a write on SQLite waits for another process that writes (a `keys` command).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How far the WAL grows before its pages are written to the database file: 16 MiB. The larger it is,
/// the fewer pages are written twice.
const CHECKPOINT_PAGES: &str = "4000";

/// Page caches, in KiB (SQLite counts in pages where the number is not negative). A create touches a
/// page of each index, anywhere in it.
const WRITER_CACHE: &str = "-8192";
const READER_CACHE: &str = "-2048";

/// Most connections that read, for each processor: further ones are no faster, and each has a cache.
const READERS: u32 = 2;

/// A PostgreSQL transaction that we forgot about is ended by the server after this time.
const IDLE_IN_TRANSACTION: &str = "10s";

/// A database URL without its password, for people to read.
#[must_use]
pub fn safe_url(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            let hidden = parsed.set_password(Some("***")).is_ok();
            if hidden { parsed.to_string() } else { "***".to_owned() }
        }
        _ => url.to_owned(),
    }
}

pub(super) async fn open(options: &Options) -> Result<Pools, OpenError> {
    let scheme = options.url.split(':').next().unwrap_or_default();
    match scheme {
        "sqlite" => open_sqlite(options).await,
        "postgres" | "postgresql" => open_postgres(options).await,
        _ => Err(OpenError::UnknownScheme),
    }
}

async fn open_sqlite(options: &Options) -> Result<Pools, OpenError> {
    let file = SqliteConnectOptions::from_str(&options.url)
        .map_err(|_| OpenError::BadUrl)?
        .get_filename()
        .to_owned();
    if options.url.contains(":memory:") || options.url.contains("mode=memory") {
        return Err(OpenError::InMemory);
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| OpenError::Unreachable { reason: format!("{}: {error}", folder.display()) })?;
    }
    // The writer comes first: it makes the file and turns on the WAL.
    let writer = connect(sqlite_pool(options, 1, false)).await?;
    check_sqlite_version(&writer).await?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let most = READERS.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX)).max(4);
    let reader = connect(sqlite_pool(options, options.connections.min(most), true)).await?;
    let kept = |pool: &DatabaseConnection| {
        Connection::sqlite(Kept::new(pool.get_sqlite_connection_pool().clone(), options.acquire_timeout))
    };
    let (writes, reads) = (kept(&writer), kept(&reader));
    Ok(Pools { pool: writer, writer: writes, reader: reads, file: Some(file), trust: Trust::default() })
}

fn sqlite_pool(options: &Options, connections: u32, read_only: bool) -> ConnectOptions {
    let mut pool = common(options, connections);
    // Opening a file again costs more than keeping it open, and it does not go stale.
    pool.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    pool.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .create_if_missing(!read_only)
            .journal_mode(SqliteJournalMode::Wal)
            // Acknowledged means on the disk: the WAL is synced before COMMIT returns.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // What a statement would undo if it failed half-way is kept in memory, not in a file that
            // is made and deleted for each group of creates.
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", if read_only { READER_CACHE } else { WRITER_CACHE });
        if read_only { sqlite.pragma("query_only", "on") } else { sqlite }
    });
    pool
}

async fn open_postgres(options: &Options) -> Result<Pools, OpenError> {
    Url::parse(&options.url).map_err(|_| OpenError::BadUrl)?;
    let mut pool = common(options, options.connections);
    pool.set_application_name("addressbook");
    pool.map_sqlx_postgres_opts(|postgres| {
        postgres.options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION)])
    });
    pool.map_sqlx_postgres_pool_opts(|pool| {
        // A connection that comes back in a transaction has lost its owner; the server rolls back.
        pool.after_release(|connection, _: PoolConnectionMetadata| {
            Box::pin(std::future::ready(Ok(!connection.is_in_transaction())))
        })
    });
    let trust = Trust::default();
    let trusted = trust.clone();
    pool.map_sqlx_postgres_before_acquire(move |_, PoolConnectionMetadata { age, .. }| {
        Box::pin(std::future::ready(Ok(trusted.holds(age))))
    });
    let pool = connect(pool).await?;
    let connection = Connection::postgres(pool.clone());
    Ok(Pools { pool, writer: connection.clone(), reader: connection, file: None, trust })
}

fn common(options: &Options, connections: u32) -> ConnectOptions {
    let mut pool = ConnectOptions::new(options.url.clone());
    pool.max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        // Statements carry personal data.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    pool
}

async fn connect(pool: ConnectOptions) -> Result<DatabaseConnection, OpenError> {
    sea_orm::Database::connect(pool).await.map_err(OpenError::unreachable)
}

#[derive(FromQueryResult)]
struct SqliteVersion {
    version: String,
}

async fn check_sqlite_version(connection: &DatabaseConnection) -> Result<(), OpenError> {
    let statement = Statement::from_string(DbBackend::Sqlite, "SELECT sqlite_version() AS version");
    let row = connection.query_one_raw(statement).await.map_err(OpenError::unreachable)?;
    let version = row
        .and_then(|row| SqliteVersion::from_query_result(&row, "").ok())
        .map(|row| row.version)
        .unwrap_or_default();
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    if parts.as_slice() < OLDEST_SQLITE.as_slice() {
        return Err(OpenError::OldSqlite { version });
    }
    Ok(())
}

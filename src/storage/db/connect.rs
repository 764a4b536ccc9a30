//! Opens the connection pools with the settings on which durability and isolation depend.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use sea_orm::sea_query::{Func, Query};
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
use url::Url;

use super::connection::Connection;
use crate::storage::error::{OpenError, is_busy, is_file_error};
use crate::storage::instruments::Instruments;
use crate::storage::postgres::failover::PoolGeneration;
use crate::storage::postgres::{PostgresPool, Probe, ServerUrls, Servers, Timeouts, pooler};
use crate::storage::sqlite::database_file::{DatabaseFile, FileLock};
use crate::storage::sqlite::pool::SqlitePool;

/// Which database, and its limits.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Maximum number of connections: in total on PostgreSQL, for reads on SQLite (in addition to the
    /// writer).
    pub connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// Timeout of a statement on PostgreSQL; its connection is then discarded.
    pub statement_timeout: Duration,
    /// Maximum number of commands waiting for group commit.
    pub write_queue: usize,
    /// Maximum size of the contact cache in bytes; in a server on SQLite only.
    pub contact_cache: usize,
    /// Maximum size of the cache of the search index in bytes.
    pub search_cache: usize,
    /// Lifetime of idempotency keys.
    pub idempotency_ttl: Duration,
    /// How many contacts an account may have that has no limit of its own; `None` for any number.
    pub contact_quota: Option<u64>,
    /// Lifetime of audience snapshots.
    pub audience_ttl: Duration,
    /// How long entries of the change log are kept.
    pub change_retention: Duration,
    /// How long backups are kept; `None` if none are made.
    pub backup_retention: Option<Duration>,
    /// If the database is measured.
    pub instruments: Option<Instruments>,
}

impl fmt::Debug for Options {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("url", &safe_url(&self.url)).finish_non_exhaustive()
    }
}

/// What a process may do to the database when it opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Create it; on SQLite, serve it exclusively.
    Serve,
    /// On SQLite, serve it exclusively; never create it.
    ServeExisting,
    /// Create it.
    Create,
    /// Neither create nor convert it.
    Existing,
}

/// The pools of one database. On PostgreSQL `writer` and `reader` are the same.
pub(crate) struct Pools {
    /// For migrations. On PostgreSQL a separate pool, closed afterwards.
    pub(crate) pool: DatabaseConnection,
    pub(crate) writer: Connection,
    pub(crate) reader: Connection,
    /// SQLite only.
    pub(crate) file: Option<DatabaseFile>,
    /// Held by a server on SQLite. Declared after the pools, so that SQLite closes the file first.
    pub(crate) lock: Option<FileLock>,
    /// Which connections are current; checked on PostgreSQL only.
    pub(crate) generation: PoolGeneration,
    /// Readiness probe; PostgreSQL only.
    pub(crate) probe: Option<Probe>,
    /// One connection, for figures; if the database is measured.
    pub(crate) monitor: Option<Connection>,
}

impl Pools {
    /// To be called when the schema is up to date.
    pub(crate) async fn close_migrations(&self) {
        if self.file.is_none() {
            // No longer needed, whatever the outcome.
            drop(self.pool.close_by_ref().await);
        }
    }

    /// Waits for connections in use, and closes all.
    pub(crate) async fn close(&self) {
        for connection in [&self.reader, &self.writer].into_iter().chain(&self.monitor) {
            connection.close().await;
        }
    }
}

/// Older versions have a bug that can lose writes when the WAL is reset.
const MIN_SQLITE_VERSION: [u32; 3] = [3, 51, 3];

/// A connection that was idle for longer is tested before use.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How long an SQLite write waits for another process's write (a `keys` command).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause before an attempt that the busy timeout does not make.
const BUSY_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// WAL size that triggers a checkpoint: 48 MiB; [`DiskReserve`](crate::storage::sqlite::disk_reserve::DiskReserve) depends
/// on it. A checkpoint writes each page once, however many commits have changed it: the larger, the fewer pages are
/// written twice. (From 16 MiB, deletions and keyed creates in random order gained a tenth to a fifth.)
const CHECKPOINT_PAGES: &str = "12000";

/// Page caches, in KiB (negative numbers; positive ones count pages). A create touches a random page of each
/// index.
const WRITER_CACHE: &str = "-8192";
const READER_CACHE: &str = "-2048";

/// Maximum reader connections per processor: more are no faster, and each has a page cache.
const READERS_PER_CPU: u32 = 2;

/// PostgreSQL detects a vanished client within these seconds, and releases its locks.
const SERVER_KEEPALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];

/// One migrates, one holds the lock.
const MIGRATION_CONNECTIONS: u32 = 2;

/// How PostgreSQL knows an instance among its connections.
pub(crate) const APPLICATION_NAME: &str = "addressbook";

/// Migrations run without timeouts, and so does the wait for another instance's migration. What is configured
/// for the role or the database is meant for queries.
const NO_TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];

/// How long one figure may take on PostgreSQL.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(1);

/// Replaces a URL, or a part of it, that may contain a secret.
const REDACTED: &str = "***";

/// A database URL for logs and messages: the file, or host and database. No user information, no query, and
/// nothing of a URL that may be split in the wrong place: an unescaped `/`, `?` or `#` in a password moves
/// the rest of the password into path, query or fragment.
#[must_use]
pub fn safe_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else { return REDACTED.to_owned() };
    match scheme {
        "sqlite" => url.split('?').next().unwrap_or_default().to_owned(),
        "postgres" | "postgresql" => {
            // Without slashes there is no authority: all of it would be the path.
            let Some(rest) = rest.strip_prefix("//") else { return format!("{scheme}:{REDACTED}") };
            let after_authority = rest.split_once(['/', '?', '#']);
            let is_split_wrongly = after_authority.is_some_and(|(_, after)| after.contains('@'));
            let parsed = ServerUrls::parse(url).ok().filter(|_| !is_split_wrongly);
            let urls = parsed.map(|parsed| parsed.urls).unwrap_or_default();
            let Some(first) = urls.first().filter(|url| url.fragment().is_none()) else {
                return format!("{scheme}://{REDACTED}");
            };
            let servers = urls.iter().map(|url| {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}{port}", url.host_str().unwrap_or_default())
            });
            format!("{scheme}://{}{}", servers.collect::<Vec<_>>().join(","), first.path())
        }
        _ => REDACTED.to_owned(),
    }
}

#[cfg(test)]
pub(crate) async fn open(options: &Options) -> Result<Pools, OpenError> {
    open_with(options, Access::Create).await
}

pub(crate) async fn open_with(options: &Options, access: Access) -> Result<Pools, OpenError> {
    match Scheme::of(&options.url)? {
        Scheme::Sqlite => open_sqlite(options, access).await,
        Scheme::Postgres => open_postgres(options, access).await,
    }
}

/// Which database a URL is of.
pub(crate) enum Scheme {
    Sqlite,
    Postgres,
}

impl Scheme {
    pub(crate) fn of(url: &str) -> Result<Self, OpenError> {
        match url.split(':').next() {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(OpenError::UnknownScheme),
        }
    }
}

/// The path in the URL of an SQLite database.
pub(crate) fn sqlite_path(url: &str) -> Result<PathBuf, OpenError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::InMemory);
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|_| OpenError::BadUrl)?;
    Ok(options.get_filename().to_owned())
}

async fn open_sqlite(options: &Options, access: Access) -> Result<Pools, OpenError> {
    let path = sqlite_path(&options.url)?;
    let file = match access {
        Access::Serve | Access::Create => DatabaseFile::find_or_create(&path)?,
        Access::ServeExisting | Access::Existing => DatabaseFile::find(&path)?,
    };
    // Before SQLite opens the file: a second server must not touch the files of the first.
    let lock = matches!(access, Access::Serve | Access::ServeExisting).then(|| file.lock()).transpose()?;
    if lock.is_some() {
        file.restrict_access();
    }
    // The writer first: it enables the WAL.
    let writer = connect_writer(sqlite_pool(options, file.path(), 1, access, false)).await?;
    check_sqlite_version(&writer).await?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let max_readers = READERS_PER_CPU.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX)).max(4);
    let readers = options.connections.min(max_readers);
    let reader = connect(sqlite_pool(options, file.path(), readers, access, true)).await?;
    // SQLite opens by path.
    if !file.is_in_place() {
        return Err(OpenError::Unreachable { reason: "its file was replaced in the meantime".to_owned() });
    }
    let connection_to = |pool: &DatabaseConnection| {
        let pool = pool.get_sqlite_connection_pool().clone();
        Connection::sqlite(SqlitePool::new(pool, options.acquire_timeout, Some(file.clone())))
    };
    let (writer_connection, reader_connection) = (connection_to(&writer), connection_to(&reader));
    if lock.is_some() {
        // SQLite opens a read-only file without an error, and fails at the first write. (A concurrent write
        // by another process proves that the file is writable.)
        match writer_connection.begin().await {
            Ok(transaction) => transaction.rollback().await.map_err(OpenError::unreachable)?,
            Err(error) if is_file_error(&error) => return Err(OpenError::unreachable(error)),
            Err(_) => {}
        }
        file.reserve_space();
    }
    let monitor = match options.instruments {
        Some(_) => Some(connection_to(&connect(sqlite_pool(options, file.path(), 1, access, true)).await?)),
        None => None,
    };
    Ok(Pools {
        pool: writer,
        writer: writer_connection,
        reader: reader_connection,
        file: Some(file),
        lock,
        generation: PoolGeneration::default(),
        probe: None,
        monitor,
    })
}

fn sqlite_pool(
    options: &Options,
    path: &Path,
    connections: u32,
    access: Access,
    read_only: bool,
) -> ConnectOptions {
    let mut pool = base_options(options, connections, &options.url);
    let path = path.to_owned();
    // Reopening a file costs more than keeping it open, and connections do not go stale.
    pool.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    pool.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            // The canonical path: the WAL is created beside it, whatever symbolic link was given.
            .filename(&path)
            // It exists by now; one created after a deletion would accept a server's writes and lose them.
            .create_if_missing(false)
            // Acknowledged means durable: the WAL is synced before COMMIT returns.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // Statement journals in memory, instead of a file that is created and deleted for each group
            // commit.
            .pragma("temp_store", "memory")
            // Deleted data is personal data: it is overwritten in the file, free pages included.
            .pragma("secure_delete", "on")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", if read_only { READER_CACHE } else { WRITER_CACHE });
        // Writes nothing if the database is already in WAL mode.
        let sqlite =
            if access == Access::Existing { sqlite } else { sqlite.journal_mode(SqliteJournalMode::Wal) };
        if read_only { sqlite.pragma("query_only", "on") } else { sqlite }
    });
    pool
}

fn postgres_servers(url: &str, application_name: &str) -> Result<Servers, OpenError> {
    let ServerUrls { urls, must_be_writable } = ServerUrls::parse(url)?;
    let options: Result<Vec<_>, _> = urls.iter().map(postgres_options).collect();
    let servers = Servers::new(options?, must_be_writable);
    Ok(servers.map(|options| options.application_name(application_name)))
}

fn postgres_options(url: &Url) -> Result<PgConnectOptions, OpenError> {
    // sqlx ignores unknown parameters, and logs them with their values.
    if let Some((name, _)) = url.query_pairs().find(|(name, _)| !is_postgres_parameter(name)) {
        return Err(OpenError::UnknownParameter { name: name.into_owned() });
    }
    let postgres = PgConnectOptions::from_url(url).map_err(|_| OpenError::BadUrl)?;
    // PgBouncer rejects what it does not know, and no result has a float in it.
    Ok(postgres.extra_float_digits(None).disable_statement_logging())
}

/// A pool for what takes long, on PostgreSQL.
pub(crate) async fn open_postgres_without_timeouts(
    options: &Options,
    application_name: &str,
) -> Result<DatabaseConnection, OpenError> {
    let servers = postgres_servers(&options.url, application_name)?;
    let postgres = servers.map(|server| server.options(NO_TIMEOUTS)).current(options.acquire_timeout).await?;
    // sea-orm traces the URL that it gets.
    let mut pool = base_options(options, MIGRATION_CONNECTIONS, "postgres://localhost");
    pool.map_sqlx_postgres_opts(move |_| postgres.clone());
    connect(pool).await
}

async fn open_postgres(options: &Options, access: Access) -> Result<Pools, OpenError> {
    let pool = open_postgres_without_timeouts(options, APPLICATION_NAME).await?;

    let timeout = format!("{}ms", server_timeout(options.statement_timeout).as_millis());
    // A transaction whose connection hangs between two statements holds locks (the account's counter, for
    // one) that other writes wait for: the server ends it when our statement timeout would.
    let guards = [("statement_timeout", &timeout), ("idle_in_transaction_session_timeout", &timeout)];
    let servers = postgres_servers(&options.url, APPLICATION_NAME)?;
    let servers = servers.map(|server| server.options(guards).options(SERVER_KEEPALIVE));
    if matches!(access, Access::Serve | Access::ServeExisting) {
        pooler::check(&servers, options.acquire_timeout).await?;
    }
    let timeouts = Timeouts { acquire: options.acquire_timeout, statement: options.statement_timeout };
    let generation = PoolGeneration::default();
    let probe = Some(Probe::new(servers.clone()));
    let monitor = options.instruments.as_ref().map(|_| {
        // Of its own generation: a figure that takes too long says nothing about the connections of requests.
        let timeouts = Timeouts { acquire: MONITOR_TIMEOUT, statement: MONITOR_TIMEOUT };
        Connection::postgres(PostgresPool::new(servers.clone(), 1, timeouts, PoolGeneration::default()))
    });
    let connection =
        Connection::postgres(PostgresPool::new(servers, options.connections, timeouts, generation.clone()));
    Ok(Pools {
        pool,
        writer: connection.clone(),
        reader: connection,
        file: None,
        lock: None,
        generation,
        probe,
        monitor,
    })
}

/// The server's statement timeout, shorter than ours: a merely slow statement is then cancelled without
/// losing its connection.
fn server_timeout(statement_timeout: Duration) -> Duration {
    // Zero would mean no timeout.
    (statement_timeout * 9 / 10).max(Duration::from_millis(1))
}

/// The URL parameters that sqlx knows.
fn is_postgres_parameter(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "sslmode",
        "ssl-mode",
        "sslrootcert",
        "ssl-root-cert",
        "ssl-ca",
        "sslcert",
        "ssl-cert",
        "sslkey",
        "ssl-key",
        "statement-cache-capacity",
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "application_name",
        "options",
    ];
    NAMES.contains(&name) || (name.starts_with("options[") && name.ends_with(']'))
}

fn base_options(options: &Options, connections: u32, url: &str) -> ConnectOptions {
    let mut pool = ConnectOptions::new(url);
    pool.max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        // Statements contain personal data.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    pool
}

async fn connect(pool: ConnectOptions) -> Result<DatabaseConnection, OpenError> {
    sea_orm::Database::connect(pool).await.map_err(OpenError::unreachable)
}

/// Connects to SQLite, and enables the WAL unless that is done. Of several processes that enable it at the same time, SQLite
/// lets none wait for the other: the busy timeout does not apply to a lock that would be a deadlock.
async fn connect_writer(pool: ConnectOptions) -> Result<DatabaseConnection, OpenError> {
    let began = Instant::now();
    loop {
        match sea_orm::Database::connect(pool.clone()).await {
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(BUSY_RETRY_INTERVAL).await;
            }
            outcome => return outcome.map_err(OpenError::unreachable),
        }
    }
}

async fn check_sqlite_version(connection: &DatabaseConnection) -> Result<(), OpenError> {
    let version = Query::select().expr(Func::cust("sqlite_version")).to_owned();
    let row = connection.query_one(&version).await.map_err(OpenError::unreachable)?;
    let version: String = row.and_then(|row| row.try_get_by_index(0).ok()).unwrap_or_default();
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    if parts.as_slice() < MIN_SQLITE_VERSION.as_slice() {
        return Err(OpenError::OldSqlite { version });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_shown() {
        for url in [
            "postgres://user:SECRET@host/db",
            "postgres://user:pa#SECRET@host/db",
            "postgres://user:12#SECRET@host/db",
            "postgres://user:12/SECRET@host/db",
            "postgres://user:12?SECRET@host/db",
            "postgres://user:SECRET?x@host/db",
            "postgres://user:SEC,RET@host,other:5433/db?password=SECRET",
            "postgres://user:SECRET@host,other:x/db",
            "postgres://SECRET@host/db",
            "postgresql://host/db?password=SECRET",
            "postgres://host/db?user=a&password=SEC@RET",
            "postgres:SECRET@host",
            "user:SECRET@host/db",
            "mysql://user:SECRET@host/db",
            "SECRET",
        ] {
            let shown = safe_url(url);
            assert!(
                !shown.contains("SEC") && !shown.contains("RET") && !shown.contains("12"),
                "{url}: {shown}"
            );
        }
        assert_eq!(safe_url("postgres://u:p@[::1]:5433/db?sslmode=require"), "postgres://[::1]:5433/db");
        assert_eq!(safe_url("postgres://u:p@a,b:5433/db?user=x"), "postgres://a,b:5433/db");
        assert_eq!(safe_url("postgresql://host/db"), "postgresql://host/db");
        assert_eq!(safe_url("sqlite://data/addressbook.db?mode=rwc"), "sqlite://data/addressbook.db");
    }
}

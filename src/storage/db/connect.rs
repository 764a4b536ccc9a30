//! Opens the connection pools, each with the settings that durability and isolation rest on.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, FromQueryResult, Statement};
use url::Url;

use super::connection::Connection;
use crate::storage::error::{OpenError, is_file_error};
use crate::storage::postgres::failover::PoolGeneration;
use crate::storage::postgres::{PostgresPool, Probe, Timeouts};
use crate::storage::sqlite::database_file::{DatabaseFile, FileLock};
use crate::storage::sqlite::pool::SqlitePool;

/// Which database, and how many connections to it.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Most connections: to PostgreSQL in all, to SQLite for reading (beside the one that writes).
    pub connections: u32,
    /// How long a request waits for one of them.
    pub acquire_timeout: Duration,
    /// How long a statement may take on PostgreSQL before its connection is given up.
    pub statement_timeout: Duration,
    /// Most creates that wait for a commit.
    pub write_queue: usize,
    /// Most memory for contacts and pages of them, in bytes; only of a server on SQLite.
    pub contact_cache: usize,
    /// For how long an idempotency key is remembered.
    pub idempotency_ttl: Duration,
    /// For how long an audience is kept.
    pub audience_ttl: Duration,
}

impl fmt::Debug for Options {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("url", &safe_url(&self.url)).finish_non_exhaustive()
    }
}

/// What a process may do to a database when it opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Make it, and be its only server where it is an SQLite file.
    Serve,
    /// Be its only server where it is an SQLite file, and do not make it.
    ServeExisting,
    /// Make it.
    Create,
    /// Neither make nor convert it.
    Existing,
}

/// The pools of one database. PostgreSQL has one, in all places.
pub(crate) struct Pools {
    /// Where migrations run. On PostgreSQL it is a pool of its own, to be closed when they have.
    pub(crate) pool: DatabaseConnection,
    pub(crate) writer: Connection,
    pub(crate) reader: Connection,
    /// The database file; SQLite only.
    pub(crate) file: Option<DatabaseFile>,
    /// Held by a server on SQLite. Declared after the pools: SQLite lets go of the file first.
    pub(crate) lock: Option<FileLock>,
    /// Whether the connections may be used; PostgreSQL's ask.
    pub(crate) generation: PoolGeneration,
    /// Tells whether the database is ready; PostgreSQL only.
    pub(crate) probe: Option<Probe>,
}

impl Pools {
    /// To be called when the schema is as it is to be.
    pub(crate) async fn close_migrations(&self) {
        if self.file.is_none() {
            // It is of no use any more, whatever it says.
            drop(self.pool.close_by_ref().await);
        }
    }
}

/// The oldest SQLite without the fault that loses writes when the WAL is reset.
const MIN_SQLITE_VERSION: [u32; 3] = [3, 51, 3];

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
const READERS_PER_CPU: u32 = 2;

/// PostgreSQL finds out within so many seconds that we have gone without a word, and gives up the locks that we held.
const SERVER_KEEPALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];

/// Connections for migrations: one migrates, one holds the lock.
const MIGRATION_CONNECTIONS: u32 = 2;

/// A migration takes as long as it takes, and so does the wait for the one of another instance. Whatever an
/// operator has set for the role or the database is not meant for it.
const MIGRATION_TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];

/// What stands in for a URL, or a part of it, that may be a secret.
const REDACTED: &str = "***";

/// A database URL for people to read: the file, or host and database. No user information, no query, and nothing
/// of a URL that may have been split in the wrong place: an unescaped `/`, `?` or `#` in a password moves
/// the rest of the password into path, query or fragment.
#[must_use]
pub fn safe_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else { return REDACTED.to_owned() };
    match scheme {
        "sqlite" => url.split('?').next().unwrap_or_default().to_owned(),
        "postgres" | "postgresql" => {
            // Without slashes there is no authority, and all of it would be the path.
            let Some(rest) = rest.strip_prefix("//") else { return format!("{scheme}:{REDACTED}") };
            let after_authority = rest.split_once(['/', '?', '#']);
            let is_split_wrongly = after_authority.is_some_and(|(_, after)| after.contains('@'));
            let parsed = Url::parse(url).ok().filter(|url| !is_split_wrongly && url.fragment().is_none());
            let Some(parsed) = parsed else { return format!("{scheme}://{REDACTED}") };
            let port = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{}{port}{}", parsed.host_str().unwrap_or_default(), parsed.path())
        }
        _ => REDACTED.to_owned(),
    }
}

/// Makes what is missing.
#[cfg(test)]
pub(crate) async fn open(options: &Options) -> Result<Pools, OpenError> {
    open_with(options, Access::Create).await
}

pub(crate) async fn open_with(options: &Options, access: Access) -> Result<Pools, OpenError> {
    let scheme = options.url.split(':').next().unwrap_or_default();
    match scheme {
        "sqlite" => open_sqlite(options, access).await,
        "postgres" | "postgresql" => open_postgres(options).await,
        _ => Err(OpenError::UnknownScheme),
    }
}

async fn open_sqlite(options: &Options, access: Access) -> Result<Pools, OpenError> {
    let path = SqliteConnectOptions::from_str(&options.url)
        .map_err(|_| OpenError::BadUrl)?
        .get_filename()
        .to_owned();
    if options.url.contains(":memory:") || options.url.contains("mode=memory") {
        return Err(OpenError::InMemory);
    }
    let file = match access {
        Access::Serve | Access::Create => DatabaseFile::find_or_create(&path)?,
        Access::ServeExisting | Access::Existing => DatabaseFile::find(&path)?,
    };
    // Before SQLite opens the file: a second server must not touch what the first one is at work on.
    let lock = matches!(access, Access::Serve | Access::ServeExisting).then(|| file.lock()).transpose()?;
    if lock.is_some() {
        file.restrict_access();
    }
    // The writer comes first: it turns on the WAL.
    let writer = connect(sqlite_pool(options, file.path(), 1, access, false)).await?;
    check_sqlite_version(&writer).await?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let max_readers = READERS_PER_CPU.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX)).max(4);
    let readers = options.connections.min(max_readers);
    let reader = connect(sqlite_pool(options, file.path(), readers, access, true)).await?;
    // SQLite opened it by its path.
    if !file.is_in_place() {
        return Err(OpenError::Unreachable { reason: "its file was replaced in the meantime".to_owned() });
    }
    let connection_to = |pool: &DatabaseConnection| {
        let pool = pool.get_sqlite_connection_pool().clone();
        Connection::sqlite(SqlitePool::new(pool, options.acquire_timeout, Some(file.clone())))
    };
    let (writer_connection, reader_connection) = (connection_to(&writer), connection_to(&reader));
    if lock.is_some() {
        // SQLite opens a file that cannot be written to for reading alone, and says so when it is too late.
        // (Another process that writes at this moment shows that one can.)
        match writer_connection.begin().await {
            Ok(transaction) => transaction.rollback().await.map_err(OpenError::unreachable)?,
            Err(error) if is_file_error(&error) => return Err(OpenError::unreachable(error)),
            Err(_) => {}
        }
        file.reserve_space();
    }
    Ok(Pools {
        pool: writer,
        writer: writer_connection,
        reader: reader_connection,
        file: Some(file),
        lock,
        generation: PoolGeneration::default(),
        probe: None,
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
    // Opening a file again costs more than keeping it open, and it does not go stale.
    pool.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    pool.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            // The canonical one: the WAL stands beside it, whatever link led here.
            .filename(&path)
            // It is there by now; one that is made after a deletion would take the writes of a server and keep none.
            .create_if_missing(false)
            // Acknowledged means on the disk: the WAL is synced before COMMIT returns.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // What a statement would undo if it failed half-way is kept in memory, not in a file that
            // is made and deleted for each group of creates.
            .pragma("temp_store", "memory")
            // What was deleted is personal data: it is overwritten in the file, free pages included.
            .pragma("secure_delete", "on")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", if read_only { READER_CACHE } else { WRITER_CACHE });
        // A database that is already in WAL mode is not written to by this.
        let sqlite =
            if access == Access::Existing { sqlite } else { sqlite.journal_mode(SqliteJournalMode::Wal) };
        if read_only { sqlite.pragma("query_only", "on") } else { sqlite }
    });
    pool
}

async fn open_postgres(options: &Options) -> Result<Pools, OpenError> {
    let url = Url::parse(&options.url).map_err(|_| OpenError::BadUrl)?;
    // sqlx ignores the others, and writes them to the log with their values.
    if let Some((name, _)) = url.query_pairs().find(|(name, _)| !is_postgres_parameter(name)) {
        return Err(OpenError::UnknownParameter { name: name.into_owned() });
    }
    let postgres = PgConnectOptions::from_str(&options.url)
        .map_err(|_| OpenError::BadUrl)?
        .application_name("addressbook")
        .disable_statement_logging();
    let migrates = postgres.clone().options(MIGRATION_TIMEOUTS);
    // sea-orm writes the URL that it gets into its traces.
    let mut pool = base_options(options, MIGRATION_CONNECTIONS, "postgres://localhost");
    pool.map_sqlx_postgres_opts(move |_| migrates.clone());
    let pool = connect(pool).await?;

    let timeout = format!("{}ms", server_timeout(options.statement_timeout).as_millis());
    // A transaction whose connection hangs between two statements has locks (the account's counter, for one) that
    // other writes wait for: the server ends it as soon as we would have given up a statement.
    let serves = postgres
        .options([("statement_timeout", &timeout), ("idle_in_transaction_session_timeout", &timeout)])
        .options(SERVER_KEEPALIVE);
    let timeouts = Timeouts { acquire: options.acquire_timeout, statement: options.statement_timeout };
    let generation = PoolGeneration::default();
    let probe = Some(Probe::new(serves.clone()));
    let connection =
        Connection::postgres(PostgresPool::new(serves, options.connections, timeouts, generation.clone()));
    Ok(Pools {
        pool,
        writer: connection.clone(),
        reader: connection,
        file: None,
        lock: None,
        generation,
        probe,
    })
}

/// The server's deadline for a statement: earlier than ours, so that a connection on which a statement was merely
/// slow need not be given up.
fn server_timeout(statement_timeout: Duration) -> Duration {
    // Zero would be none at all.
    (statement_timeout * 9 / 10).max(Duration::from_millis(1))
}

/// The parameters of a URL that sqlx knows.
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
        assert_eq!(safe_url("postgresql://host/db"), "postgresql://host/db");
        assert_eq!(safe_url("sqlite://data/addressbook.db?mode=rwc"), "sqlite://data/addressbook.db");
    }
}

//! Database errors, mapped to the domain's errors and to messages for operators.
//!
//! `DbErr` prints statements and values, which are personal data: only its kind and the database's error code
//! are kept.

use std::io;
use std::sync::Arc;

use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr};

use crate::domain::{Error, ErrorCode};

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither SQLite nor PostgreSQL.
    #[error("the database URL must start with sqlite:// or postgres://")]
    UnknownScheme,
    /// The URL cannot be parsed.
    #[error("the database URL is invalid")]
    BadUrl,
    /// It would be ignored.
    #[error("the database URL has a parameter that PostgreSQL's driver does not know: {name}")]
    UnknownParameter {
        /// Its name, without its value.
        name: String,
    },
    /// Which of several servers is wanted: one that the service cannot use.
    #[error(
        "the service writes to its database: target_session_attrs in the database URL must be read-write, not \"{value}\""
    )]
    ReadOnlyTarget {
        /// The parameter's value.
        value: String,
    },
    /// All that respond are standbys, or read-only.
    #[error("none of the servers in the database URL can be written to")]
    NoPrimary,
    /// A connection pooler rejects what sessions are opened with.
    #[error(
        "a connection pooler rejects what the service sets for its sessions ({reason}); for PgBouncer, set \
         ignore_startup_parameters = options, and set the timeouts for the role instead: \
         ALTER ROLE … SET statement_timeout = '2700ms', and the same for idle_in_transaction_session_timeout"
    )]
    PoolerRejects {
        /// Its message.
        reason: String,
    },
    /// A connection pooler drops what sessions are opened with.
    #[error(
        "{name} is not set in the sessions of the database, although the service sets it: a connection pooler has \
         dropped it. Set it for the role: ALTER ROLE … SET {name} = '2700ms'"
    )]
    NoTimeout {
        /// The setting.
        name: &'static str,
    },
    /// A connection pooler in transaction mode does not know of prepared statements.
    #[error(
        "a connection pooler runs the transactions of one connection in several sessions, and loses its prepared \
         statements: use session pooling, or PgBouncer 1.21 or later with max_prepared_statements = 100"
    )]
    StatementsLost,
    /// Each connection would have a database of its own.
    #[error("an SQLite database in memory is not supported; name a file")]
    InMemory,
    /// An SQLite version that can lose writes.
    #[error("SQLite {version} can lose writes; this program needs 3.51.3 or later")]
    OldSqlite {
        /// The linked version.
        version: String,
    },
    /// It does not respond.
    #[error("the database cannot be reached: {reason}")]
    Unreachable {
        /// The driver's message.
        reason: String,
    },
    /// There is no file, and this command creates none.
    #[error("there is no database here; `addressbook serve` or `addressbook migrate` creates one")]
    NoDatabase,
    /// A database without our tables, and this command creates none.
    #[error(
        "this database has no addressbook schema; check its URL, or create the schema with \
         `addressbook migrate`"
    )]
    NoSchema,
    /// An older schema, and this command does not migrate.
    #[error(
        "the database's schema is older than this program (it lacks {migration}); \
         stop its server and run `addressbook migrate`, or start the new server"
    )]
    OlderSchema {
        /// The first migration that the database lacks.
        migration: String,
    },
    /// It is read-only.
    #[error("the database cannot be written to: {reason}")]
    ReadOnly {
        /// The operating system's or SQLite's message.
        reason: String,
    },
    /// SQLite uses a separate WAL for each name.
    #[error(
        "the database file has {count} hard links, and SQLite uses a separate log for each name; remove all but one"
    )]
    HardLinks {
        /// The number of names.
        count: u64,
    },
    /// A newer schema.
    #[error("the database's schema is newer than this program (it has {migration}); use a newer addressbook")]
    NewerSchema {
        /// The first migration that this program does not know.
        migration: String,
    },
    /// Another server holds the file lock.
    #[error("another server (or a migration) is using this SQLite database; several servers need PostgreSQL")]
    ServedElsewhere,
    /// A migration failed.
    #[error("the database's schema could not be migrated: {reason}")]
    Migration {
        /// The driver's message.
        reason: String,
    },
}

impl OpenError {
    /// While connecting there is no personal data yet: the driver's message may be shown.
    pub(super) fn unreachable(error: DbErr) -> Self {
        match primary_code(&error) {
            Some(READONLY) => Self::ReadOnly { reason: one_line(&error) },
            // The file itself was found: the WAL and its shared memory cannot be created.
            Some(CANTOPEN) => {
                Self::ReadOnly { reason: "files cannot be created or opened in its directory".to_owned() }
            }
            _ if is_rejected_by_pooler(&error) => Self::PoolerRejects { reason: one_line(&error) },
            _ => Self::Unreachable { reason: one_line(&error) },
        }
    }

    /// The operating system's message. (Not the path, which the caller prints.)
    pub(super) fn unreachable_file(error: &io::Error) -> Self {
        Self::Unreachable { reason: error.to_string() }
    }

    pub(super) fn migration(error: DbErr) -> Self {
        Self::Migration { reason: one_line(&error) }
    }
}

/// Whether PgBouncer has rejected what a session was to be opened with. (PostgreSQL does not use this code for it.)
fn is_rejected_by_pooler(error: &DbErr) -> bool {
    let Some(SqlxError::Database(said)) = sqlx_error(error) else { return false };
    has_code(error, &["08P01"]) && said.message().contains("startup parameter")
}

/// The driver's message, which contains no personal data where nothing was sent.
pub(super) fn one_line(error: &DbErr) -> String {
    let reason = match error {
        DbErr::ConnectionAcquire(_) => "it did not respond in time".to_owned(),
        other => other.to_string(),
    };
    reason.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cause of an error of a transaction that conflicted with another one: running it again may succeed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TransactionConflict(String);

/// Something stored cannot be read, or something computed cannot be stored.
pub(super) fn corrupt(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::caused_by(ErrorCode::Internal, reason)
}

/// An aggregate has a row whatever it is of.
pub(super) fn no_row() -> Error {
    corrupt("an aggregate returned no row")
}

/// The transaction's changes were timestamped too long ago: it is to be run again.
pub(super) fn timestamp_too_old() -> Error {
    let cause = "the timestamp of a change was too old when it was to be committed";
    Error::caused_by(ErrorCode::Unavailable, TransactionConflict(cause.to_owned()))
}

/// Another instance has recorded an idempotency key since it was looked up: the transaction is to be run again.
pub(super) fn idempotency_conflict() -> Error {
    let cause = "an idempotency key was recorded by another transaction";
    Error::caused_by(ErrorCode::Unavailable, TransactionConflict(cause.to_owned()))
}

/// A row that conflicted with an insert was deleted before it could be read: the transaction is to be run again.
pub(super) fn concurrent_deletion() -> Error {
    let cause = "a conflicting row was deleted by another transaction";
    Error::caused_by(ErrorCode::Unavailable, TransactionConflict(cause.to_owned()))
}

/// A contact was created, renamed or deleted since it was looked up: the transaction is to be run again.
pub(super) fn concurrent_change() -> Error {
    let cause = "a contact was changed by another transaction since it was looked up";
    Error::caused_by(ErrorCode::Unavailable, TransactionConflict(cause.to_owned()))
}

/// PostgreSQL's `serialization_failure` and `deadlock_detected`.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// PostgreSQL's `query_canceled`: the statement timed out.
const CANCELLED: &str = "57014";

/// Cause of an error that says nothing about the connection: the database answered, or was never asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ConnectionUnaffected(String);

/// Whether the connection may be the cause of an error.
pub(super) fn may_be_connection_failure(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    error.code() == ErrorCode::Unavailable
        && !cause.is_some_and(|cause| cause.is::<TransactionConflict>() || cause.is::<ConnectionUnaffected>())
}

/// Whether the database rolled a transaction back because of a conflict with another one.
pub(super) fn is_conflict(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<TransactionConflict>())
}

/// NOT NULL constraints, of PostgreSQL and of SQLite.
const NULLS: [&str; 2] = ["23502", "1299"];

/// Whether a write did not know the declared fields of an account, so that the head of its change log was not advanced; see
/// `write::change_log`.
fn has_outdated_fields(error: &DbErr) -> bool {
    is_null_in("change_heads", error)
}

/// Whether a write did not know that an account has reached its quota of contacts, so that their counter was not advanced;
/// see `write::contact_quota`.
pub(super) fn is_over_quota(error: &DbErr) -> bool {
    is_null_in("counters", error)
}

fn is_null_in(table: &str, error: &DbErr) -> bool {
    let Some(SqlxError::Database(said)) = sqlx_error(error) else { return false };
    has_code(error, &NULLS) && said.message().contains(table)
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if has_code(&error, &CONFLICTS) || has_outdated_fields(&error) || is_over_quota(&error) {
            return Self::caused_by(ErrorCode::Unavailable, TransactionConflict(describe(&error)));
        }
        if has_code(&error, &[CANCELLED]) || matches!(error, DbErr::ConnectionAcquire(_)) {
            return Self::caused_by(ErrorCode::Unavailable, ConnectionUnaffected(describe(&error)));
        }
        let code = if is_full(&error) {
            ErrorCode::StorageFull
        } else if is_unavailable(&error) {
            ErrorCode::Unavailable
        } else {
            ErrorCode::Internal
        };
        Self::caused_by(code, describe(&error))
    }
}

/// As [`Error::from`], where a unique index covers the handle.
pub(super) fn handle_conflict(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::handle_taken(),
        _ => error.into(),
    }
}

/// As [`Error::from`], where a unique index covers a name.
pub(super) fn name_conflict(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::name_taken(),
        _ => error.into(),
    }
}

/// SQLite's `FULL` and the growth of its shared memory, PostgreSQL's `disk_full`.
fn is_full(error: &DbErr) -> bool {
    has_code(error, &["13", "4874", "53100"])
}

/// Whether the database answered with one of these codes.
fn has_code(error: &DbErr, codes: &[&str]) -> bool {
    let Some(SqlxError::Database(error)) = sqlx_error(error) else { return false };
    error.code().is_some_and(|code| codes.contains(&code.as_ref()))
}

/// Whether SQLite certainly has not executed an autocommit statement: it was invalid, or another connection
/// holds the write lock.
pub(super) fn is_rejected(error: &DbErr) -> bool {
    // ERROR, BUSY, TOOBIG, CONSTRAINT, MISMATCH.
    primary_code(error).is_some_and(|code| matches!(code, 1 | 5 | 18 | 19 | 20))
}

/// SQLite's primary result codes.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CANTOPEN: i32 = 14;

/// Whether another connection has a lock on the SQLite database.
pub(super) fn is_busy(error: &DbErr) -> bool {
    primary_code(error) == Some(BUSY)
}

/// Whether SQLite could not write because of its files, not because of another writer.
pub(super) fn is_file_error(error: &DbErr) -> bool {
    !is_full(error) && primary_code(error).is_some_and(|code| matches!(code, READONLY | IOERR | CANTOPEN))
}

/// SQLite's primary result code: the low byte of an extended one. (PostgreSQL's codes have five characters,
/// SQLite's fewer.)
fn primary_code(error: &DbErr) -> Option<i32> {
    let Some(SqlxError::Database(error)) = sqlx_error(error) else { return None };
    let code = error.code().filter(|code| code.len() < 5)?;
    Some(code.parse::<i32>().ok()? & 0xff)
}

/// Whether the database, not the statement, caused the error: it may succeed later.
fn is_unavailable(error: &DbErr) -> bool {
    match sqlx_error(error) {
        None => matches!(error, DbErr::ConnectionAcquire(_)),
        Some(SqlxError::Database(said)) => {
            let code = said.code().unwrap_or_default();
            // PostgreSQL: connection exception, insufficient resources, operator intervention, read-only
            // transaction (a demoted primary), idle transaction timeout. SQLite: another writer, or a file
            // that cannot be opened or written to.
            let postgres = ["08", "53", "57", "25006", "25P03"].iter().any(|class| code.starts_with(class))
                && code.len() == 5;
            let sqlite = primary_code(error)
                .is_some_and(|code| matches!(code, BUSY | LOCKED | READONLY | IOERR | CANTOPEN));
            postgres || sqlite
        }
        Some(
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed
            | SqlxError::Protocol(_),
        ) => true,
        Some(_) => false,
    }
}

/// sqlx's error on acquiring a connection, as sea-orm's.
pub(super) fn acquire_error(error: SqlxError) -> DbErr {
    match error {
        SqlxError::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        SqlxError::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        other => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(other))),
    }
}

/// sqlx's error on executing a statement, as sea-orm's.
pub(super) fn exec_error(error: SqlxError) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// sqlx's error on a query, as sea-orm's.
pub(super) fn query_error(error: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The kind of the error and the database's code, without values.
fn describe(error: &DbErr) -> String {
    let kind = match error {
        DbErr::ConnectionAcquire(_) => "no connection became available in time",
        DbErr::Conn(_) => "connection failed",
        DbErr::Exec(_) => "statement failed",
        DbErr::Query(_) => "query failed",
        DbErr::Migration(_) => "migration failed",
        _ => "a row could not be mapped",
    };
    match sqlx_error(error) {
        Some(SqlxError::Database(error)) => {
            format!("{kind}: database error {}", error.code().unwrap_or_default())
        }
        Some(SqlxError::Io(error)) => format!("{kind}: {}", error.kind()),
        _ => kind.to_owned(),
    }
}

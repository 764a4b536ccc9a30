//! The spans of the storage; see [`crate::trace`]. Few, and each says where time has gone: waiting, reading, or a transaction.
//! The names of systems are those of OpenTelemetry's semantic conventions.

use sea_orm::DbBackend;
use tracing::{Span, info_span};

use crate::trace;

fn system(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "postgresql",
        DbBackend::Sqlite => "sqlite",
        _ => "other_sql",
    }
}

/// A read, of one statement or several, with the wait for its connection.
pub(crate) fn read(backend: DbBackend) -> Span {
    info_span!(target: trace::PART, "read", otel.kind = "client", db.system.name = system(backend))
}

/// A command, from its entry into the queue of group commit to its reply.
pub(crate) fn queued_write() -> Span {
    info_span!(target: trace::PART, "write")
}

/// A transaction of its own.
pub(crate) fn transaction(backend: DbBackend) -> Span {
    info_span!(target: trace::PART, "transaction", otel.kind = "client", db.system.name = system(backend))
}

/// The transaction of a group, as a part of one of its commands.
pub(crate) fn group_transaction(command: &Span, backend: DbBackend, size: usize) -> Option<Span> {
    let span = || {
        // The exporter knows no other whole numbers.
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        info_span!(
            target: trace::SAMPLED,
            parent: command,
            "transaction",
            otel.kind = "client",
            db.system.name = system(backend),
            addressbook.group.size = size
        )
    };
    (!command.is_disabled()).then(span)
}

/// Until the database has made a transaction durable.
pub(crate) fn commit(backend: DbBackend) -> Span {
    info_span!(target: trace::PART, "commit", otel.kind = "client", db.system.name = system(backend))
}

pub(crate) fn wait_for_connection() -> Span {
    info_span!(target: trace::PART, "wait for a connection")
}

/// SQLite has one writer.
pub(crate) fn wait_for_write_lock() -> Span {
    info_span!(target: trace::PART, "wait for the write lock")
}

/// One round of an erasure's steps.
pub(crate) fn erasure() -> Span {
    info_span!(target: trace::ROOT, "erasure")
}

/// The deletion of all rows of closed accounts that are due.
pub(crate) fn purge() -> Span {
    info_span!(target: trace::ROOT, "purge of accounts")
}

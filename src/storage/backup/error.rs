//! Why there is no backup, or it cannot be restored: one line for the operator.

use std::io;
use std::path::{Path, PathBuf};

use sea_orm::DbErr;

use crate::storage::error::{OpenError, one_line};

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the database cannot be read: {reason}")]
    Database {
        /// The driver's message.
        reason: String,
    },
    #[error("cannot {action} {}: {reason}", path.display())]
    File { action: &'static str, path: PathBuf, reason: io::Error },
    #[error("{} already exists; `--force` replaces it", path.display())]
    Exists { path: PathBuf },
    #[error("{} is not a directory; `--keep` needs one, in which it names the backups by their time", path.display())]
    NotADirectory { path: PathBuf },
    #[error("another process is writing {}", path.display())]
    BeingWritten { path: PathBuf },
    #[error("{} is not a backup of addressbook: {reason}", path.display())]
    NotABackup { path: PathBuf, reason: String },
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("the copy of the database is not sound: {reason}")]
    UnsoundCopy { reason: String },
    #[error("this is a backup of {kind}, which cannot be restored to another kind of database")]
    OtherKind { kind: String },
    #[error("the backup is newer than this program (its schema has {migration}); use a newer addressbook")]
    NewerBackup {
        /// The first migration that this program does not know.
        migration: String,
    },
    #[error(
        "the backup is of the schema \"{of}\", and this database uses \"{here}\"; set the role's `search_path`"
    )]
    OtherSchema { of: String, here: String },
    #[error("there is a database already; `--force` replaces it, and what is in it is lost")]
    DatabaseExists,
    #[error("the database is in use; stop its servers, and whatever else has it open, first")]
    InUse,
    #[error("{program} is not found; it is one of PostgreSQL's client programs")]
    NoProgram { program: &'static str },
    #[error("{program} failed: {reason}")]
    Program {
        program: &'static str,
        /// The first of its messages that says so.
        reason: String,
    },
}

impl From<DbErr> for BackupError {
    fn from(error: DbErr) -> Self {
        Self::Database { reason: one_line(&error) }
    }
}

impl BackupError {
    /// For `map_err`.
    pub(super) fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |reason| Self::File { action, path: path.clone(), reason }
    }
}

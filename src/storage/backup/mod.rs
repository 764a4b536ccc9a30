//! Backups: one file, which describes itself and can be verified without a database.
//!
//! A backup is a tar archive of a manifest, of the data, and of their hashes; see `archive`. On SQLite, the data is a copy
//! of the database; on PostgreSQL, it is written and read by PostgreSQL's own programs.
//!
//! **Invariants.** A file that has the name of a backup is a whole one: it is written under another name, synced and
//! renamed (`partial_file`). Whatever is restored has been verified before, and replaces the database as a whole or not at
//! all. A restored database has another timeline than any before it; see [`crate::domain::change::Timeline`].

mod archive;
mod destination;
mod error;
mod manifest;
mod partial_file;
mod postgres;
mod programs;
mod sqlite;
mod timeline;

use std::path::{Path, PathBuf};

pub use destination::Destination;
pub use error::BackupError;
pub use manifest::Manifest;

use archive::Archive;
use manifest::Kind;

use super::db::connect::Options;

/// A backup that was written.
#[derive(Debug)]
pub struct Written {
    pub path: PathBuf,
    pub manifest: Manifest,
    /// Older backups that were deleted, since only so many are kept.
    pub deleted: Vec<PathBuf>,
}

/// A backup that was verified.
#[derive(Debug)]
pub struct Verified {
    pub manifest: Manifest,
    /// Why its rows could not be counted.
    pub uncounted: Option<String>,
}

/// Backs a database up, beside its servers.
///
/// # Errors
/// There is no new backup. (Only if older ones could not be deleted, there is one.)
pub async fn back_up(options: &Options, destination: &Destination) -> Result<Written, BackupError> {
    let (path, manifest, family) = match Kind::of_url(&options.url)? {
        Kind::Sqlite => sqlite::back_up(options, destination).await?,
        Kind::Postgresql => postgres::back_up(options, destination).await?,
    };
    let deleted = family.delete_old(&path)?;
    Ok(Written { path, manifest, deleted })
}

/// Verifies a backup: its hashes, and that its data is what the manifest says.
///
/// # Errors
/// It is damaged, or no backup.
pub async fn verify(path: &Path) -> Result<Verified, BackupError> {
    let archive = Archive::open(path)?;
    let uncounted = match archive.manifest().database {
        Kind::Sqlite => sqlite::verify(&archive).await.map(|()| None)?,
        Kind::Postgresql => postgres::verify(&archive)?,
    };
    Ok(Verified { manifest: archive.into_manifest(), uncounted })
}

/// Restores a backup after verifying it. `replace`: also if there is a database already.
///
/// # Errors
/// Nothing has changed.
pub async fn restore(options: &Options, path: &Path, replace: bool) -> Result<Manifest, BackupError> {
    let archive = Archive::open(path)?;
    let kind = archive.manifest().database;
    if kind != Kind::of_url(&options.url)? {
        return Err(BackupError::OtherKind { kind: kind.to_string() });
    }
    archive.manifest().require_known_schema()?;
    match kind {
        Kind::Sqlite => sqlite::restore(options, &archive, replace).await?,
        Kind::Postgresql => postgres::restore(options, &archive, replace).await?,
    }
    Ok(archive.into_manifest())
}

//! Backups of SQLite databases: a copy of the file, which SQLite makes of one moment while others write.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tempfile::NamedTempFile;

use super::archive::{self, Archive};
use super::destination::{Destination, Family};
use super::error::BackupError;
use super::manifest::{Contents, Kind, Manifest};
use super::partial_file::{PartialFile, with_suffix};
use super::timeline;
use crate::domain::Timestamp;
use crate::storage::db::connect::{self, Access, Options};
use crate::storage::directory::{directory_of, sync_directory};
use crate::storage::error::OpenError;
use crate::storage::sqlite::database_file::{DatabaseFile, FileLock};

/// What SQLite keeps beside a database. Another database under the same name must not find it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How long the last write of another process is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn back_up(
    options: &Options,
    destination: &Destination,
) -> Result<(PathBuf, Manifest, Family), BackupError> {
    let time = Timestamp::now();
    let pools = connect::open_with(options, Access::Existing).await?;
    let stem = pools.file.as_ref().and_then(|file| file.path().file_stem());
    let name = stem.unwrap_or_default().to_string_lossy();
    let (path, family) = destination.choose(&name, time)?;
    let mut backup = PartialFile::create(&path)?;
    // Its name is that of a temporary file alone.
    let copy = PartialFile::create(&with_suffix(&path, ".database"))?;
    delete_companions(copy.path())?;
    // SQLite accepts a file that exists if it is empty.
    let vacuum =
        Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [text(copy.path())?.into()]);
    let copied = pools.pool.execute_raw(vacuum).await;
    pools.close().await;
    copied?;

    let database = open_copy(copy.path()).await?;
    let described = describe(&database).await;
    drop(database.close().await);
    let (contents, version) = described?;
    contents.require_known_schema()?;
    let manifest = Manifest::new(time, Kind::Sqlite, version, None, contents);
    let data = File::open(copy.path()).map_err(BackupError::file("read", copy.path()))?;
    let fail = BackupError::file("write", backup.path());
    archive::write(backup.file(), &manifest, data).map_err(fail)?;
    drop(copy);
    backup.complete()?;
    Ok((path, manifest, family))
}

pub(super) async fn verify(archive: &Archive) -> Result<(), BackupError> {
    // Where there is space for the backup, there is space for its data; but that may be a medium that is read-only.
    let here = directory_of(archive.path());
    let elsewhere = std::env::temp_dir();
    let mut file = NamedTempFile::new_in(here)
        .or_else(|_| NamedTempFile::new_in(&elsewhere))
        .map_err(BackupError::file("create a file in", &elsewhere))?;
    let fail = BackupError::file("write", file.path());
    archive.copy_data(&mut file, &fail)?;
    let database = open_copy(file.path()).await?;
    // SQLite has it open: it needs no name any more, and a process that is killed leaves nothing.
    file.close().map_err(fail)?;
    verify_copy(archive, database).await
}

/// Asserts that a copy is sound, and is what the manifest says.
async fn verify_copy(archive: &Archive, database: DatabaseConnection) -> Result<(), BackupError> {
    let described = describe(&database).await;
    drop(database.close().await);
    let (contents, _) = described.map_err(|error| archive.damaged(error.to_string()))?;
    match archive.manifest().contents.difference(&contents) {
        None => Ok(()),
        Some(difference) => Err(archive.damaged(difference)),
    }
}

/// What is in a copy that is sound, and the version of SQLite.
async fn describe(database: &DatabaseConnection) -> Result<(Contents, String), BackupError> {
    let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA integrity_check");
    let rows = database.query_all_raw(check).await?;
    let first: String = rows.first().map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    if first != "ok" {
        return Err(BackupError::UnsoundCopy { reason: first });
    }
    let version = Statement::from_string(DbBackend::Sqlite, "SELECT sqlite_version()");
    let version = database.query_one_raw(version).await?;
    let version = version.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    Ok((Contents::read(database).await?, version))
}

/// Opens a copy, which is not written to while it is open.
async fn open_copy(path: &Path) -> Result<DatabaseConnection, BackupError> {
    open(path, |sqlite| sqlite.read_only(true).immutable(true)).await
}

/// One connection to a database that exists.
async fn open(
    path: &Path,
    configure: fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, BackupError> {
    let mut pool = ConnectOptions::new("sqlite://");
    pool.max_connections(1).sqlx_logging(false);
    let path = path.to_owned();
    pool.map_sqlx_sqlite_opts(move |_| {
        let sqlite = SqliteConnectOptions::new().filename(&path).busy_timeout(BUSY_TIMEOUT);
        // Sorting takes memory, and no temporary file.
        configure(sqlite.pragma("temp_store", "memory"))
    });
    Ok(sea_orm::Database::connect(pool).await?)
}

/// SQLite takes paths as texts.
fn text(path: &Path) -> Result<&str, BackupError> {
    let no_text = || io::Error::new(ErrorKind::InvalidFilename, "its name is not UTF-8");
    path.to_str().ok_or_else(|| BackupError::file("create", path)(no_text()))
}

pub(super) async fn restore(options: &Options, archive: &Archive, replace: bool) -> Result<(), BackupError> {
    let target = Target::find(options, replace)?;
    let mut copy = PartialFile::create(&target.path)?;
    // If an earlier restore was killed, SQLite would take its journal for one of this copy.
    delete_companions(copy.path())?;
    let fail = BackupError::file("write", copy.path());
    archive.copy_data(copy.file(), &fail)?;
    verify_copy(archive, open_copy(copy.path()).await?).await?;

    if let Some(renewal) = timeline::renewal(&archive.manifest().contents, None)? {
        let database = open(copy.path(), |sqlite| sqlite).await?;
        let renewed = database.execute(&renewal).await;
        drop(database.close().await);
        renewed?;
    }
    target.give_to_owner(copy.file()).map_err(&fail)?;

    target.lock_exclusively().await?;
    // Whatever the log beside the old file still has, SQLite would apply to the new one.
    delete_companions(&target.path)?;
    sync_directory(&target.path).map_err(BackupError::file("write", &target.path))?;
    copy.complete()
}

fn delete_companions(database: &Path) -> Result<(), BackupError> {
    for companion in COMPANIONS {
        let path = with_suffix(database, companion);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(BackupError::file("delete", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The database that is to be replaced, or the place of one.
struct Target {
    /// Canonical, of the file or of its directory.
    path: PathBuf,
    existing: Option<(DatabaseFile, FileLock)>,
}

impl Target {
    /// Locks an existing database, so that no server starts from here on.
    fn find(options: &Options, replace: bool) -> Result<Self, BackupError> {
        let given = connect::sqlite_path(&options.url)?;
        match DatabaseFile::find(&given) {
            Ok(_) if !replace => Err(BackupError::DatabaseExists),
            Ok(file) => {
                let lock = file.lock().map_err(in_use)?;
                Ok(Self { path: file.path().to_owned(), existing: Some((file, lock)) })
            }
            Err(OpenError::NoDatabase) => {
                let directory = DatabaseFile::create_folder(&given)?;
                let name = given.file_name().ok_or(OpenError::BadUrl)?;
                Ok(Self { path: directory.join(name), existing: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The owner of the old file, or of the directory, is to own the new one: the server may run as another user than root,
    /// who restores. (Other users can give nothing away, and need not.)
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        let owner =
            fs::metadata(if self.existing.is_some() { &self.path } else { directory_of(&self.path) })?;
        match fchown(file, Some(owner.uid()), Some(owner.gid())) {
            Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
            _ => Ok(()),
        }
    }

    /// Locks the existing database against every process that uses SQLite. When this returns, no log beside it has
    /// anything that it lacks, unless it is damaged: renaming another file over it is all that it takes to replace it.
    async fn lock_exclusively(&self) -> Result<(), BackupError> {
        let Some((file, lock)) = &self.existing else { return Ok(()) };
        // The last one to close a database moves the log into it, and deletes the log. A damaged database, which is a
        // reason to restore a backup, need not have any of this done.
        if let Ok(database) = open(file.path(), |sqlite| sqlite).await {
            let checkpoint = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
            drop(database.execute_raw(checkpoint).await);
            drop(database.close().await);
        }
        lock.extend_to_sqlite().map_err(in_use)
    }
}

fn in_use(error: OpenError) -> BackupError {
    match error {
        OpenError::ServedElsewhere => BackupError::InUse,
        other => other.into(),
    }
}

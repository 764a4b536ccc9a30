//! `addressbook backup`, `restore` and `verify`: a database in one file, without a running server or beside it.

use std::io::{Write, stdout};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::command::{CommandResult, runtime};
use super::settings_file::SettingsFile;
use crate::app::{self, Destination};
use crate::config::DatabaseSettings;

pub(super) const BACKUP_HELP: &str = "\
The file is a tar archive of manifest.json (when it was made, the schema, the number of rows of each table, the position of each \
account's change log), the database, and SHA256SUMS. Only its owner can read it: it has personal data and the hashes of keys. \
It gets its name when it is whole.

The command prints the name of the file. A backup of PostgreSQL needs its client program pg_dump. While an SQLite database is \
backed up, there must be space for two copies of it beside the file.

Every night, keeping a week: addressbook backup --keep 7 /var/backups/addressbook";

pub(super) const RESTORE_HELP: &str = "\
The database is replaced as a whole, or stays as it is. What was written after the backup was made is lost, and what was revoked, \
opted out or deleted since then is there again. Clients that follow the changes get 410 and read everything again.

The next start of the server brings the schema up to date. A restore to PostgreSQL needs its client programs pg_restore and psql.";

pub(super) const VERIFY_HELP: &str = "\
A backup of SQLite is opened, checked with PRAGMA integrity_check, and its rows are counted. The rows of a backup of PostgreSQL \
are counted if pg_restore is found. Without this program, `tar -xf FILE && sha256sum --check SHA256SUMS` verifies the hashes.

The exit code is 0 if the backup can be restored, and 1 if it is damaged.";

#[derive(Args, Debug)]
pub(super) struct Backup {
    /// The file to be written; or an existing directory, in which the file is named by the database and the time, such as
    /// addressbook-20261128T003000000Z.tar
    #[arg(value_name = "FILE OR DIRECTORY")]
    path: PathBuf,
    /// Keep only so many backups of this database in the directory, the new one included, and delete the oldest; what has
    /// other names stays. By default, all stay
    #[arg(long, value_name = "NUMBER")]
    keep: Option<NonZeroUsize>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    database: DatabaseSettings,
}

#[derive(Args, Debug)]
pub(super) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// Replace the database that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    database: DatabaseSettings,
}

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The backup
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

impl Backup {
    pub(super) fn run(self) -> CommandResult {
        let Self { path, keep, force, file: _, database } = self;
        let destination = Destination { path, keep, replace: force };
        let written = runtime()?.block_on(app::back_up(&database, &destination))?;
        eprintln!("backed up {}", written.manifest);
        for deleted in &written.deleted {
            eprintln!("deleted {}", deleted.display());
        }
        writeln!(stdout(), "{}", written.path.display())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(super) fn run(self) -> CommandResult {
        let Self { path, force, file: _, database } = self;
        let manifest = runtime()?.block_on(app::restore(&database, &path, force))?;
        eprintln!("restored {manifest}");
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    pub(super) fn run(self) -> CommandResult {
        let verified = runtime()?.block_on(app::verify_backup(&self.path))?;
        if let Some(reason) = verified.uncounted {
            eprintln!("its hashes are right, but its rows were not counted: {reason}");
        }
        writeln!(stdout(), "{}", verified.manifest)?;
        Ok(ExitCode::SUCCESS)
    }
}

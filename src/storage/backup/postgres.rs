//! Backups of PostgreSQL databases: `pg_dump` of a snapshot, of which the manifest is as well.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;

use addressbook_migrations::TABLES;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, IsolationLevel, Statement,
    TransactionTrait, TryGetable,
};

use super::archive::{self, Archive};
use super::destination::{Destination, Family};
use super::error::BackupError;
use super::manifest::{Contents, Kind, Manifest, rows_difference, tables};
use super::partial_file::PartialFile;
use super::programs::{Program, Server};
use super::timeline;
use crate::domain::Timestamp;
use crate::storage::db::connect::{APPLICATION_NAME, Options, open_postgres_without_timeouts};

const PG_DUMP: &str = "pg_dump";
const PG_RESTORE: &str = "pg_restore";
const PSQL: &str = "psql";

/// A restore waits that long for a lock that another program has.
const LOCK_TIMEOUT: &str = "10s";

pub(super) async fn back_up(
    options: &Options,
    destination: &Destination,
) -> Result<(PathBuf, Manifest, Family), BackupError> {
    const NAME: &str = "addressbook backup";
    let time = Timestamp::now();
    let pool = open_postgres_without_timeouts(options, NAME).await?;
    // While it is open, `pg_dump` can use its snapshot, and no migration can change the tables that it has read.
    let snapshot =
        pool.begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly)).await?;
    let contents = Contents::read(&snapshot).await?;
    contents.require_known_schema()?;
    let id: String = value(&snapshot, "SELECT pg_catalog.pg_export_snapshot()").await?;
    let version: String = value(&snapshot, "SELECT pg_catalog.current_setting('server_version')").await?;
    let schema = current_schema(&snapshot).await?;
    let database: String = value(&snapshot, "SELECT pg_catalog.current_database()::text").await?;
    let (path, family) = destination.choose(&database, time)?;
    let mut backup = PartialFile::create(&path)?;

    let tables = contents.rows.keys().map(|table| format!("--table={}", qualified(&schema, table)));
    let tables: Vec<String> = tables.collect();
    let manifest = Manifest::new(time, Kind::Postgresql, version, Some(schema), contents);
    let snapshot_option = format!("--snapshot={id}");
    let mut arguments = vec!["--format=custom", "--no-password", &snapshot_option];
    arguments.extend(tables.iter().map(String::as_str));
    let mut dump = Program::start(PG_DUMP, &arguments, Some(&Server::of_url(&options.url, NAME)?))?;
    let written = archive::write(backup.file(), &manifest, dump.output()?);
    written.map_err(BackupError::file("write", backup.path()))?;
    dump.end()?;
    snapshot.rollback().await?;
    drop(pool.close().await);
    backup.complete()?;
    Ok((path, manifest, family))
}

/// Verifies the hashes and counts the rows; without `pg_restore`, returns why it has not counted them.
pub(super) fn verify(archive: &Archive) -> Result<Option<String>, BackupError> {
    let mut restore = match Program::start(PG_RESTORE, &["--data-only", "--file=-"], None) {
        Ok(restore) => restore,
        Err(error @ BackupError::NoProgram { .. }) => {
            archive.copy_data(&mut io::sink(), |_| archive.damaged(String::new()))?;
            return Ok(Some(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let output = restore.output()?;
    let (copied, counted) = copy_through(archive, &mut restore, |_| count_rows(BufReader::new(output)))?;
    // A damaged archive is the reason for whatever `pg_restore` says.
    copied?;
    let counted = counted.map_err(|error| restore.failed(error));
    restore.end()?;
    match rows_difference(&archive.manifest().contents.rows, &counted?) {
        None => Ok(None),
        Some(difference) => Err(archive.damaged(difference)),
    }
}

/// Sends the data of a backup to a program, in a thread, while its output is consumed.
fn copy_through<T>(
    archive: &Archive,
    program: &mut Program,
    consume: impl FnOnce(&Program) -> T,
) -> Result<(Result<(), BackupError>, T), BackupError> {
    let mut input = program.input()?;
    Ok(std::thread::scope(|scope| {
        // A program that ends early says itself why.
        let mut gone = false;
        let copied = scope.spawn(move || {
            let sink = &mut Tolerant { inner: &mut input, gone: &mut gone };
            let unreachable = |error: io::Error| archive.damaged(error.to_string());
            archive.copy_data(sink, unreachable)
        });
        let consumed = consume(program);
        let panicked = |_| Err(archive.damaged("it could not be read".to_owned()));
        (copied.join().unwrap_or_else(panicked), consumed)
    }))
}

/// Discards what is written to a pipe without a reader: the hashes are verified to the end.
struct Tolerant<'a, W> {
    inner: W,
    gone: &'a mut bool,
}

impl<W: Write> Write for Tolerant<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if *self.gone {
            return Ok(buffer.len());
        }
        match self.inner.write(buffer) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                *self.gone = true;
                Ok(buffer.len())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if *self.gone { Ok(()) } else { self.inner.flush() }
    }
}

/// The rows of each table in a script of `pg_restore`: `COPY schema.table (…) FROM stdin;`, a line for each row, and `\.`.
fn count_rows(mut script: impl BufRead) -> io::Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::new();
    let mut table: Option<(String, u64)> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if script.read_until(b'\n', &mut line)? == 0 {
            return Ok(rows);
        }
        table = match table.take() {
            Some((name, count)) if line == b"\\.\n" => {
                rows.insert(name, count);
                None
            }
            Some((name, count)) => Some((name, count + 1)),
            None => copied_table(&line).map(|name| (name, 0)),
        };
    }
}

fn copied_table(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let name = line.strip_prefix("COPY ")?.strip_suffix(" FROM stdin;\n")?.split(" (").next()?;
    // None of our names contains what would have to be quoted, but some are keywords.
    let table = name.rsplit('.').next()?;
    Some(table.trim_matches('"').to_owned())
}

pub(super) async fn restore(options: &Options, archive: &Archive, replace: bool) -> Result<(), BackupError> {
    const NAME: &str = "addressbook restore";
    let pool = open_postgres_without_timeouts(options, NAME).await?;
    let checked = check_target(&pool, archive, replace).await;
    drop(pool.close().await);
    let schema = checked?;
    verify(archive)?;

    let server = Server::of_url(&options.url, NAME)?;
    let options = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--output=/dev/null"];
    let mut psql = Program::start(PSQL, &[&options[..], &["--file=-"]].concat(), Some(&server))?;
    // It prints nothing.
    drop(psql.output()?);
    let mut script = psql.input()?;
    let restored = write_script(archive, &schema, &mut script);
    // Without a COMMIT, everything is rolled back.
    drop(script);
    match restored {
        // Its own reason is the better one.
        Err(BackupError::Program { program: PSQL, reason }) => {
            psql.end()?;
            Err(BackupError::Program { program: PSQL, reason })
        }
        Err(error) => {
            drop(psql.end());
            Err(error)
        }
        Ok(()) => psql.end(),
    }
}

/// Returns the schema that the tables go to.
async fn check_target(
    pool: &DatabaseConnection,
    archive: &Archive,
    replace: bool,
) -> Result<String, BackupError> {
    let here = current_schema(pool).await?;
    let of = archive.manifest().database_schema.clone().unwrap_or_default();
    if of != here {
        return Err(BackupError::OtherSchema { of, here });
    }
    if !replace && !tables(pool).await?.is_empty() {
        return Err(BackupError::DatabaseExists);
    }
    let connected: bool = value(pool, &format!("SELECT {}", is_in_use())).await?;
    if connected { Err(BackupError::InUse) } else { Ok(here) }
}

/// Whether an instance is connected: it might have cached what is about to be replaced, and would go on with it.
fn is_in_use() -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() \
         AND application_name = '{APPLICATION_NAME}')"
    )
}

/// Writes one transaction: out with the old tables, in with those of the backup.
///
/// # Errors
/// The transaction has not been committed.
fn write_script(archive: &Archive, schema: &str, script: &mut impl Write) -> Result<(), BackupError> {
    let contents = &archive.manifest().contents;
    let psql_failed = |error: io::Error| BackupError::Program { program: PSQL, reason: error.to_string() };
    let names: Vec<_> = TABLES.iter().map(|table| qualified(schema, table)).collect();
    // In one statement, whichever refers to which. What else refers to them, say a view, is not dropped: it fails.
    // Once they are dropped, they are locked: an instance that connects later waits, and has seen nothing of them.
    let beginning = format!(
        "BEGIN;\nSET LOCAL lock_timeout = '{LOCK_TIMEOUT}';\nSET LOCAL client_min_messages = warning;\n\
         DROP TABLE IF EXISTS {};\n{}",
        names.join(", "),
        failure_if(&is_in_use(), &BackupError::InUse.to_string()),
    );
    script.write_all(beginning.as_bytes()).map_err(psql_failed)?;

    let arguments = ["--no-owner", "--no-tablespaces", "--file=-"];
    let mut restore = Program::start(PG_RESTORE, &arguments, None)?;
    let mut output = BufReader::new(restore.output()?);
    let (copied, written) = copy_through(archive, &mut restore, |_| copy_script(&mut output, script))?;
    // If the connection has failed, all the others have for that reason.
    written.map_err(psql_failed)?;
    copied?;
    restore.end()?;

    let mut end = String::new();
    for (table, rows) in &contents.rows {
        let differs = format!("(SELECT pg_catalog.count(*) FROM {}) <> {rows}", qualified(schema, table));
        end += &failure_if(&differs, &format!("{table} has not got {rows} rows"));
    }
    if let Some(renewal) = timeline::renewal(contents, Some(schema))? {
        let renewal = DbBackend::Postgres.build(&renewal).to_string();
        end += &format!("{renewal};\n");
    }
    end += "COMMIT;\n";
    script.write_all(end.as_bytes()).and_then(|()| script.flush()).map_err(psql_failed)
}

/// The settings at the beginning of a script of `pg_restore` end with this one.
const LAST_SETTING: &[u8] = b"SET row_security = off;\n";

/// From version 17 on, `pg_restore` sets what earlier servers do not know.
const NEW_SETTING: &[u8] = b"SET transaction_timeout = 0;\n";
const NEW_SETTING_IF_KNOWN: &[u8] =
    b"SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
    WHERE name = 'transaction_timeout';\n";

/// Copies a script to the end, and reads it to the end even if the sink fails: the program that writes must not wait forever.
fn copy_script(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    let copied = copy_settings(from, to).and_then(|()| io::copy(from, to).map(drop));
    if copied.is_err() {
        drop(io::copy(from, &mut io::sink()));
    }
    copied
}

fn copy_settings(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while line != LAST_SETTING {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        to.write_all(if line == NEW_SETTING { NEW_SETTING_IF_KNOWN } else { &line })?;
    }
    Ok(())
}

/// A statement that fails, and with it the transaction, if a condition holds.
fn failure_if(condition: &str, message: &str) -> String {
    let message = message.replace('\'', "''").replace('%', "%%");
    format!("DO $check$ BEGIN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; END $check$;\n")
}

/// Quoted: also a pattern of `pg_dump` that matches this table alone.
fn qualified(schema: &str, table: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quoted(schema), quoted(table))
}

async fn current_schema(connection: &impl ConnectionTrait) -> Result<String, BackupError> {
    let schema: Option<String> = value(connection, "SELECT pg_catalog.current_schema()::text").await?;
    let none = || BackupError::Database { reason: "no schema is in its search_path".to_owned() };
    schema.ok_or_else(none)
}

/// The only value of a query.
async fn value<T: TryGetable>(connection: &impl ConnectionTrait, sql: &str) -> Result<T, BackupError> {
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
    Ok(row.try_get_by_index(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_the_server_may_not_know_is_set_if_it_does() {
        let mut copied = Vec::new();
        let script =
            [b"SET lock_timeout = 0;\n", NEW_SETTING, LAST_SETTING, b"COPY a (b) FROM stdin;\n", NEW_SETTING];
        copy_script(&mut script.concat().as_slice(), &mut copied).unwrap();
        let mut expected = script;
        expected[1] = NEW_SETTING_IF_KNOWN;
        assert_eq!(copied, expected.concat());
        copied.clear();
        copy_script(&mut &b"no settings"[..], &mut copied).unwrap();
        assert_eq!(copied, b"no settings");
    }

    #[test]
    fn rows_are_counted_by_table() {
        let script = "--\nCOPY public.contacts (id, handle) FROM stdin;\n1\tCOPY public.x (a) FROM stdin;\n\
                      2\t\\\\.\n\\.\n\nCOPY public.\"groups\" (id) FROM stdin;\n\\.\nSELECT 1;\n";
        let rows = count_rows(script.as_bytes()).unwrap();
        let expected = [("contacts".to_owned(), 2), ("groups".to_owned(), 0)];
        assert_eq!(rows, BTreeMap::from(expected));
    }
}

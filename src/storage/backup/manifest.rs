//! What a backup says about itself, for people and programs: JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use addressbook_migrations::TABLES;
use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, Query};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryOrder};
use sea_orm_migration::seaql_migrations;
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use crate::domain::Timestamp;
use crate::storage::db::connect::Scheme;
use crate::storage::db::migrate;
use crate::storage::entity::{account, change_head};
use crate::storage::error::OpenError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Sqlite,
    Postgresql,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "an SQLite database",
            Self::Postgresql => "a PostgreSQL database",
        })
    }
}

impl Kind {
    pub(super) fn of_url(url: &str) -> Result<Self, OpenError> {
        Ok(match Scheme::of(url)? {
            Scheme::Sqlite => Self::Sqlite,
            Scheme::Postgres => Self::Postgresql,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    program: String,
    /// RFC 3339. Whatever was acknowledged before is in the backup.
    created_at: String,
    pub(super) database: Kind,
    database_version: String,
    /// In which the tables are; PostgreSQL only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) database_schema: Option<String>,
    #[serde(flatten)]
    pub(super) contents: Contents,
}

/// What was read from the database itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// Those that were applied.
    pub(super) migrations: Vec<String>,
    /// By table.
    pub(super) rows: BTreeMap<String, u64>,
    /// By account, the number of the last change.
    pub(super) change_log: BTreeMap<String, i64>,
}

impl Manifest {
    /// Of this form; a program that does not know it must not guess.
    pub(super) const FORMAT: u32 = 1;

    pub(super) fn new(
        created_at: Timestamp,
        database: Kind,
        database_version: String,
        database_schema: Option<String>,
        contents: Contents,
    ) -> Self {
        Self {
            format: Self::FORMAT,
            program: concat!("addressbook ", env!("CARGO_PKG_VERSION")).to_owned(),
            created_at: created_at.to_string(),
            database,
            database_version,
            database_schema,
            contents,
        }
    }

    /// Parses a manifest of the form that this program knows.
    ///
    /// # Errors
    /// The reason, as a part of a sentence.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if format != Self::FORMAT {
            return Err(format!("its form is {format}, and this program knows {} alone", Self::FORMAT));
        }
        serde_json::from_slice(json).map_err(|error| error.to_string())
    }

    /// Rejects what this program could not use, and tables that it does not know.
    pub(super) fn require_known_schema(&self) -> Result<(), BackupError> {
        let unknown = migrate::first_unknown(&self.contents.migrations);
        let unknown = unknown
            .or_else(|| self.contents.rows.keys().map(String::as_str).find(|table| !TABLES.contains(table)));
        match unknown {
            None => Ok(()),
            Some(unknown) => Err(BackupError::NewerBackup { migration: unknown.to_owned() }),
        }
    }

    /// Seconds since 1970.
    pub(super) fn time(&self) -> u64 {
        let millis = Timestamp::parse(&self.created_at).map_or(0, Timestamp::millis);
        u64::try_from(millis / 1_000).unwrap_or_default()
    }
}

impl fmt::Display for Manifest {
    /// For people: what it is a backup of, and when it was made.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, created_at, database, contents, .. } = self;
        let count = |table| contents.rows.get(table).copied().unwrap_or_default();
        let contacts = counted(count("contacts"), "contact");
        let accounts = counted(count("accounts"), "account");
        write!(f, "{database} with {contacts} in {accounts}, as it was at {created_at} ({program})")
    }
}

fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

impl Contents {
    /// Reads it from a snapshot.
    pub(super) async fn read(snapshot: &impl ConnectionTrait) -> Result<Self, BackupError> {
        let tables = tables(snapshot).await?;
        if !tables.contains("seaql_migrations") {
            return Err(OpenError::NoSchema.into());
        }
        let mut rows = BTreeMap::new();
        for table in &tables {
            let count =
                Query::select().expr(Func::count(Expr::col(Asterisk))).from(Alias::new(*table)).to_owned();
            let row = snapshot.query_one(&count).await?;
            let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
            rows.insert((*table).to_owned(), u64::try_from(count).unwrap_or_default());
        }
        let by_version = seaql_migrations::Entity::find().order_by_asc(seaql_migrations::Column::Version);
        let migrations: Vec<_> = by_version.all(snapshot).await?.into_iter().map(|row| row.version).collect();
        let mut change_log = BTreeMap::new();
        if tables.contains("change_heads") {
            let heads = Query::select()
                .column((account::Entity, account::Column::Name))
                .column((change_head::Entity, change_head::Column::Sequence))
                .from(change_head::Entity)
                .inner_join(
                    account::Entity,
                    Expr::col((account::Entity, account::Column::Id))
                        .equals((change_head::Entity, change_head::Column::AccountId)),
                )
                .to_owned();
            for row in snapshot.query_all(&heads).await? {
                change_log.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            }
        }
        Ok(Self { migrations, rows, change_log })
    }

    /// A backup of tables that this program does not know would lack them.
    pub(super) fn require_known_schema(&self) -> Result<(), OpenError> {
        match migrate::first_unknown(&self.migrations) {
            None => Ok(()),
            Some(migration) => Err(OpenError::NewerSchema { migration: migration.to_owned() }),
        }
    }

    /// What differs, as a part of a sentence.
    pub(super) fn difference(&self, found: &Self) -> Option<String> {
        rows_difference(&self.rows, &found.rows).or_else(|| {
            (self != found).then(|| "its change log is not the one that the manifest describes".to_owned())
        })
    }
}

/// The first table whose number of rows is another one than the manifest says.
pub(super) fn rows_difference(said: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Option<String> {
    let tables: BTreeSet<_> = said.keys().chain(found.keys()).collect();
    tables.into_iter().find_map(|table| {
        let [said, found] = [said, found].map(|rows| rows.get(table).copied().unwrap_or_default());
        (said != found).then(|| format!("it has {found} rows of {table}, and its manifest says {said}"))
    })
}

/// Those of ours that there are.
pub(super) async fn tables(connection: &impl ConnectionTrait) -> Result<BTreeSet<&'static str>, BackupError> {
    let mut query = Query::select();
    match connection.get_database_backend() {
        DbBackend::Sqlite => {
            query.column("name").from("sqlite_master").and_where(Expr::col("type").eq("table"))
        }
        _ => query
            .column("tablename")
            .from(("pg_catalog", "pg_tables"))
            .and_where(Expr::col("schemaname").eq(Expr::cust("current_schema()"))),
    };
    let mut tables = BTreeSet::new();
    for row in connection.query_all(&query).await? {
        let name: String = row.try_get_by_index(0)?;
        tables.extend(TABLES.into_iter().find(|table| *table == name));
    }
    Ok(tables)
}

//! Schema migration: once, however many instances start at the same time.

use addressbook_migrations::Migrator;
use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder, TransactionTrait};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};

use super::connect::Pools;
use crate::storage::error::OpenError;

/// Key of the advisory lock on PostgreSQL: "addrbook" in ASCII.
const ADVISORY_LOCK: i64 = 0x6164_6472_626f_6f6b;

/// sea-orm's table of applied migrations.
const MIGRATIONS_TABLE: &str = "seaql_migrations";

/// The schema's record of the programs that may use it.
const COMPATIBILITY_TABLE: &str = "schema_compatibility";

/// The schema compared with what this program needs. (A newer one that it may not use is an error.)
enum Schema {
    /// All migrations that this program knows, perhaps more.
    Current,
    Older {
        /// The missing migrations.
        lacks: Vec<String>,
        /// Whether no migration was applied.
        absent: bool,
    },
}

/// Applies missing migrations. On SQLite it takes the file lock unless the caller has `locked` the file.
pub(crate) async fn migrate(pools: &Pools, locked: bool) -> Result<(), OpenError> {
    // An up-to-date database is only read: no lock, no write.
    if matches!(compare(pools).await?, Schema::Current) {
        return Ok(());
    }
    match &pools.file {
        Some(file) => {
            let _lock = if locked { None } else { Some(file.lock_when_free().await?) };
            up(pools).await
        }
        None => {
            // The lock lasts as long as this transaction; the migrations run on another connection.
            let holder = pools.pool.begin().await.map_err(OpenError::migration)?;
            holder
                .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
                .await
                .map_err(OpenError::migration)?;
            up(pools).await?;
            holder.commit().await.map_err(OpenError::migration)
        }
    }
}

/// Rejects a schema that this program cannot use as it is; writes nothing.
pub(crate) async fn require_current(pools: &Pools) -> Result<(), OpenError> {
    match compare(pools).await? {
        Schema::Current => Ok(()),
        Schema::Older { absent: true, .. } => Err(OpenError::NoSchema),
        Schema::Older { lacks, absent: false } => {
            Err(OpenError::OlderSchema { migration: lacks.into_iter().next().unwrap_or_default() })
        }
    }
}

/// The migrations that the schema lacks; writes nothing.
pub(crate) async fn pending(pools: &Pools) -> Result<Vec<String>, OpenError> {
    match compare(pools).await? {
        Schema::Current => Ok(Vec::new()),
        Schema::Older { lacks, absent: _ } => Ok(lacks),
    }
}

async fn compare(pools: &Pools) -> Result<Schema, OpenError> {
    let table = SchemaManager::new(&pools.pool).has_table(MIGRATIONS_TABLE).await;
    let mut applied = Vec::new();
    if table.map_err(OpenError::unreachable)? {
        let versions = seaql_migrations::Entity::find().order_by_asc(seaql_migrations::Column::Version);
        let rows = versions.all(&pools.pool).await.map_err(OpenError::unreachable)?;
        applied.extend(rows.into_iter().map(|row| row.version));
    }
    let known = known();
    if let Some(newer) = first_unknown(&applied) {
        if !is_compatible(pools).await? {
            return Err(OpenError::NewerSchema { migration: newer.to_owned() });
        }
        tracing::info!(migration = newer, "the schema is newer than this program, but compatible with it");
    }
    let lacks: Vec<_> = known.into_iter().filter(|known| !applied.contains(known)).collect();
    Ok(if lacks.is_empty() { Schema::Current } else { Schema::Older { lacks, absent: applied.is_empty() } })
}

/// The names of the migrations that this program knows.
fn known() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// The first of these migrations that this program does not know.
pub(crate) fn first_unknown(applied: &[String]) -> Option<&str> {
    let known = known();
    applied.iter().find(|applied| !known.contains(applied)).map(String::as_str)
}

/// Whether this program knows a migration.
pub(crate) fn knows(migration: &str) -> bool {
    Migrator::migrations().iter().any(|known| known.name() == migration)
}

/// Whether a newer schema allows this program.
async fn is_compatible(pools: &Pools) -> Result<bool, OpenError> {
    let table = SchemaManager::new(&pools.pool).has_table(COMPATIBILITY_TABLE).await;
    if !table.map_err(OpenError::unreachable)? {
        return Ok(false);
    }
    let oldest = Query::select().column("oldest_migration").from(COMPATIBILITY_TABLE).to_owned();
    let row = pools.pool.query_one(&oldest).await.map_err(OpenError::unreachable)?;
    let oldest = row.map(|row| row.try_get::<String>("", "oldest_migration")).transpose();
    Ok(oldest.map_err(OpenError::migration)?.is_some_and(|oldest| knows(&oldest)))
}

async fn up(pools: &Pools) -> Result<(), OpenError> {
    // Checked again under the lock: another instance may have migrated.
    if matches!(compare(pools).await?, Schema::Current) {
        return Ok(());
    }
    let result: Result<(), DbErr> = Migrator::up(&pools.pool, None).await;
    result.map_err(OpenError::migration)
}

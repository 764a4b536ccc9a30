//! Brings the schema up to date, once, however many instances start at the same time.

use addressbook_migrations::Migrator;
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::connect::Pools;
use super::error::OpenError;

/// The number of our advisory lock on PostgreSQL: "addrbook" in ASCII.
const ADVISORY_LOCK: i64 = 0x6164_6472_626f_6f6b;

pub(super) async fn migrate(pools: &Pools) -> Result<(), OpenError> {
    match &pools.file {
        Some(file) => {
            // Another process that opens the same file waits here; the lock ends with the handle.
            let mut path = file.clone().into_os_string();
            path.push(".migrate.lock");
            let lock = std::fs::File::create(&path).map_err(|error| lock_error(&error))?;
            lock.lock().map_err(|error| lock_error(&error))?;
            up(pools).await?;
            // Whoever comes later finds nothing left to do, with or without the file.
            drop(std::fs::remove_file(&path));
            Ok(())
        }
        None => {
            // The lock lives as long as this transaction; the migrations run beside it.
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

fn lock_error(error: &std::io::Error) -> OpenError {
    OpenError::Migration { reason: format!("its lock file: {error}") }
}

async fn up(pools: &Pools) -> Result<(), OpenError> {
    let known: Vec<_> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = Migrator::get_migration_models(&pools.pool).await.map_err(OpenError::migration)?;
    if let Some(newer) = applied.iter().find(|applied| !known.contains(&applied.version)) {
        return Err(OpenError::NewerSchema { migration: newer.version.clone() });
    }
    if applied.len() == known.len() {
        return Ok(());
    }
    let result: Result<(), DbErr> = Migrator::up(&pools.pool, None).await;
    result.map_err(OpenError::migration)
}

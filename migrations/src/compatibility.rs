//! Schema compatibility: a program may use the schema if it knows the migration named in `schema_compatibility`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

/// Locks out programs that do not know this migration.
pub(crate) async fn require_programs_that_know(
    manager: &SchemaManager<'_>,
    migration: &str,
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    connection.execute_unprepared("DELETE FROM schema_compatibility").await?;
    let insert = format!("INSERT INTO schema_compatibility (oldest_migration) VALUES ('{migration}')");
    connection.execute_unprepared(&insert).await?;
    Ok(())
}

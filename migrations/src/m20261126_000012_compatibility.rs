//! The table `schema_compatibility`; on PostgreSQL, a covering index for offsets in the order of handles.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::compatibility::require_programs_that_know;

#[derive(DeriveMigrationName)]
pub struct Migration;

const DROP: &str = "DROP INDEX contacts_by_handle";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection
            .execute_unprepared("CREATE TABLE schema_compatibility (oldest_migration TEXT NOT NULL)")
            .await?;
        require_programs_that_know(manager, self.name()).await?;
        // With the id in the index, a large offset skips index entries alone (index-only scan). SQLite's secondary
        // indexes contain the primary key anyway.
        if manager.get_database_backend() == DbBackend::Postgres {
            let create =
                "CREATE UNIQUE INDEX contacts_by_handle ON contacts (account_id, handle) INCLUDE (id)";
            connection.execute_unprepared(DROP).await?;
            connection.execute_unprepared(create).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            let create = "CREATE UNIQUE INDEX contacts_by_handle ON contacts (account_id, handle)";
            connection.execute_unprepared(DROP).await?;
            connection.execute_unprepared(create).await?;
        }
        manager.drop_table(Table::drop().table("schema_compatibility").to_owned()).await
    }
}

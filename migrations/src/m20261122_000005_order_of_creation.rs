//! A narrow index by order of creation, for SQLite.
//!
//! There the primary key is clustered, and a page at a large offset had to skip complete rows. (PostgreSQL's primary
//! key is already such a narrow index.)

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        manager
            .create_index(
                Index::create()
                    .name("contacts_by_creation")
                    .table("contacts")
                    .col("account_id")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        // Planner statistics, as for the other indexes.
        let insert =
            "INSERT INTO sqlite_stat1 VALUES ('contacts', 'contacts_by_creation', '1000000 100000 1')";
        manager.get_connection().execute_unprepared(insert).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        let delete = "DELETE FROM sqlite_stat1 WHERE idx = 'contacts_by_creation'";
        manager.get_connection().execute_unprepared(delete).await?;
        manager.drop_index(Index::drop().name("contacts_by_creation").to_owned()).await
    }
}

//! An index of the names that v1 shows: the display name, or the handle in its place.
//!
//! Lists are in its order, and filters choose by it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEX: &str = "contacts_by_shown_name";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Sqlite {
            let create =
                format!("CREATE INDEX {INDEX} ON contacts (account_id, coalesce(display_name, handle), id)");
            connection.execute_unprepared(&create).await?;
            // Planner statistics, as for the other indexes.
            let insert =
                format!("INSERT INTO sqlite_stat1 VALUES ('contacts', '{INDEX}', '1000000 100000 2 1')");
            connection.execute_unprepared(&insert).await?;
        } else {
            // Byte order, as in SQLite.
            let create = format!(
                "CREATE INDEX {INDEX} ON contacts (account_id, (coalesce(display_name, handle) COLLATE \"C\"), id)"
            );
            connection.execute_unprepared(&create).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            let delete = format!("DELETE FROM sqlite_stat1 WHERE idx = '{INDEX}'");
            manager.get_connection().execute_unprepared(&delete).await?;
        }
        manager.drop_index(Index::drop().name(INDEX).to_owned()).await
    }
}

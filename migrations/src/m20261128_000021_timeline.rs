//! The timeline of the change log: a random number that is part of every position in it.
//!
//! A restored backup has a shorter log, which then goes on differently under the same numbers. It gets another timeline, so
//! that no position from before the restore is taken for one in it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One row, always.
        let timeline =
            Table::create().table("change_timeline").col(big_integer("timeline").primary_key()).to_owned();
        manager.create_table(timeline).await?;
        let random = match manager.get_database_backend() {
            DbBackend::Sqlite => "random()",
            _ => "(random() * 9e18)::bigint",
        };
        let insert = format!("INSERT INTO change_timeline (timeline) VALUES ({random})");
        manager.get_connection().execute_unprepared(&insert).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("change_timeline").to_owned()).await
    }
}

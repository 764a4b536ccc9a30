//! What is left of budgets of requests that several instances share.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rate_budgets = Table::create()
            .table("rate_budgets")
            .col(big_integer("account_id"))
            // Empty for all keys of the account.
            .col(string("key_id").text())
            // Units per second.
            .col(big_integer("rate"))
            // Microseconds since 1970 by the database's clock.
            .col(big_integer("full_at"))
            // Of the last lease: how the statement that decides about it returns it.
            .col(big_integer("granted"))
            .primary_key(
                Index::create().name("rate_budgets_pkey").col("account_id").col("key_id").col("rate"),
            )
            .to_owned();
        manager.create_table(rate_budgets).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Empty yet: it is not written anew. Rows are updated several times a second, and have room for that.
            let unlogged = "ALTER TABLE rate_budgets SET UNLOGGED, SET (fillfactor = 50)";
            manager.get_connection().execute_unprepared(unlogged).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("rate_budgets").to_owned()).await
    }
}

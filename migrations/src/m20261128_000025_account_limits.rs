//! The limits that operators have set for one account, in place of the server's.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let account_limits = Table::create()
            .table("account_limits")
            .col(big_integer("account_id"))
            .col(string("name").text())
            .col(big_integer("value"))
            .primary_key(Index::create().name("account_limits_pkey").col("account_id").col("name"))
            .to_owned();
        manager.create_table(account_limits).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("account_limits").to_owned()).await
    }
}

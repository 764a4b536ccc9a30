//! The keys of operators, apart from those of accounts: a key of one kind is never found where the other is looked for.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, binary, string, string_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let operator_keys = Table::create()
            .table("operator_keys")
            .col(string("id").text().primary_key())
            .col(binary("hash"))
            .col(string_null("label").text())
            .col(big_integer("created_at"))
            .col(big_integer_null("expires_at"))
            .col(big_integer_null("revoked_at"))
            .to_owned();
        manager.create_table(operator_keys).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("operator_keys").to_owned()).await
    }
}

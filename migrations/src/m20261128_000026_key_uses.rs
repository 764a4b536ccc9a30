//! When and from where each key was last used; apart from the keys, whose rows a request with them does not change.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, string_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The foreign key: the last uses are stored later than the requests, and an account may be purged meanwhile.
        let key_uses = Table::create()
            .table("key_uses")
            .col(big_integer("account_id"))
            .col(string("key_id").text())
            .col(big_integer("used_at"))
            .col(string_null("address").text())
            .primary_key(Index::create().name("key_uses_pkey").col("account_id").col("key_id"))
            .foreign_key(ForeignKey::create().from("key_uses", "account_id").to("accounts", "id"))
            .to_owned();
        manager.create_table(key_uses).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("key_uses").to_owned()).await
    }
}

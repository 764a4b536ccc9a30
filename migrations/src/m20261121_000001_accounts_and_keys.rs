//! Accounts and API keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, binary, pk_auto, string, string_null, string_uniq,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("accounts")
                    .col(pk_auto("id").big_integer())
                    .col(string_uniq("name").text())
                    .col(big_integer("created_at"))
                    .to_owned(),
            )
            .await?;
        // The only table whose primary key does not begin with the account: authentication looks a key up by its id
        // before the account is known.
        manager
            .create_table(
                Table::create()
                    .table("api_keys")
                    .col(string("id").text().primary_key())
                    .col(big_integer("account_id"))
                    .col(binary("hash"))
                    .col(string("permissions").text())
                    .col(string_null("label").text())
                    .col(big_integer("created_at"))
                    .col(big_integer_null("expires_at"))
                    .col(big_integer_null("revoked_at"))
                    .foreign_key(ForeignKey::create().from("api_keys", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("api_keys_by_age")
                    .table("api_keys")
                    .col("account_id")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("api_keys").to_owned()).await?;
        manager.drop_table(Table::drop().table("accounts").to_owned()).await
    }
}

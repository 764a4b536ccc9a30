//! On SQLite, triggers maintain the counter of contacts: a create is a single statement and needs no explicit
//! transaction. (On PostgreSQL a trigger would hold the counter's row lock for longer; there each transaction updates
//! it last.)

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// SQLite has a single writer, which uses only the first counter row of an account.
const TRIGGERS: [(&str, &str); 2] = [
    (
        "contacts_created",
        "AFTER INSERT ON contacts BEGIN \
         INSERT INTO contact_counts (account_id, shard, contacts) VALUES (new.account_id, 0, 1) \
         ON CONFLICT (account_id, shard) DO UPDATE SET contacts = contacts + 1; END",
    ),
    (
        "contacts_deleted",
        "AFTER DELETE ON contacts BEGIN \
         UPDATE contact_counts SET contacts = contacts - 1 WHERE account_id = old.account_id AND shard = 0; END",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        for (name, trigger) in TRIGGERS {
            manager.get_connection().execute_unprepared(&format!("CREATE TRIGGER {name} {trigger}")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        for (name, _) in TRIGGERS {
            manager.get_connection().execute_unprepared(&format!("DROP TRIGGER {name}")).await?;
        }
        Ok(())
    }
}

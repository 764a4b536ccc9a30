//! SQLite counts the contacts of an account itself: whoever stores contacts needs one statement, which is a
//! transaction by itself. (On PostgreSQL the counter would be locked for longer; there each transaction adds
//! to it last.)

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// SQLite has one writer, which uses the first of an account's counters.
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

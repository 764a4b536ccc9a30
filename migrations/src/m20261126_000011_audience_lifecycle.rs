//! What a kept audience counts against its account, who is at work on it, and which contact an entry is about. And
//! an Idempotency-Key is stored with the id of what was made, and not with a copy of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

const AUDIENCE_COLUMNS: [&str; 5] = [
    // How many entries it counts as, from before they are stored.
    "entries BIGINT NOT NULL DEFAULT 0",
    // While entries are added: by which process, and until when the others leave it alone.
    "owner UUID",
    "leased_until BIGINT",
    // The Idempotency-Key that is free again if it is not finished.
    "attempt_operation TEXT",
    "attempt_key TEXT",
];

const INDEXES: [&str; 3] = [
    // For the sum of an account's entries, without a look at the rows.
    "CREATE INDEX audiences_by_account ON audiences (account_id, expires_at, entries)",
    "CREATE INDEX audiences_unfinished ON audiences (leased_until) WHERE leased_until IS NOT NULL",
    "CREATE INDEX audience_entries_by_contact ON audience_entries (account_id, contact_id) \
     WHERE contact_id IS NOT NULL",
];

fn backfill(backend: DbBackend) -> [&'static str; 6] {
    let unfinished = "UPDATE audiences SET leased_until = 0 WHERE report IS NULL";
    // A conflict is no longer remembered: its key is free.
    let conflicts = "DELETE FROM idempotency_keys WHERE contact IS NULL";
    if backend == DbBackend::Sqlite {
        [
            "UPDATE audiences SET entries = coalesce(report ->> '$.asked', 0)",
            unfinished,
            "UPDATE audience_entries SET contact_id = unhex(entry ->> '$.contact[0]', '-') \
             WHERE entry ->> '$.contact[0]' IS NOT NULL",
            conflicts,
            "DELETE FROM idempotency_keys WHERE operation = 'createAudience' \
             AND unhex(contact ->> '$.id', '-') IN (SELECT id FROM audiences WHERE report IS NULL)",
            "UPDATE idempotency_keys SET contact = json_object( \
             'id', coalesce(contact ->> '$.id', contact ->> '$.row.id'), \
             'is_new', json(iif(coalesce(contact ->> '$.is_new', 1), 'true', 'false')))",
        ]
    } else {
        [
            "UPDATE audiences SET entries = coalesce((report::json ->> 'asked')::bigint, 0)",
            unfinished,
            "UPDATE audience_entries SET contact_id = (entry::json #>> '{contact,0}')::uuid \
             WHERE entry::json #>> '{contact,0}' IS NOT NULL",
            conflicts,
            "DELETE FROM idempotency_keys WHERE operation = 'createAudience' \
             AND (contact::json ->> 'id')::uuid IN (SELECT id FROM audiences WHERE report IS NULL)",
            "UPDATE idempotency_keys SET contact = json_build_object( \
             'id', coalesce(contact::json ->> 'id', contact::json #>> '{row,id}'), \
             'is_new', coalesce((contact::json ->> 'is_new')::boolean, true))::text",
        ]
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        // SQLite keeps a UUID in a blob, as everywhere.
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let uuid = |column: &str| if sqlite { column.replace("UUID", "BLOB") } else { column.to_owned() };
        for column in AUDIENCE_COLUMNS {
            let sql = format!("ALTER TABLE audiences ADD COLUMN {}", uuid(column));
            connection.execute_unprepared(&sql).await?;
        }
        let sql = format!("ALTER TABLE audience_entries ADD COLUMN {}", uuid("contact_id UUID"));
        connection.execute_unprepared(&sql).await?;
        for sql in backfill(manager.get_database_backend()).into_iter().chain(INDEXES) {
            connection.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for sql in INDEXES {
            let name = sql.split(' ').nth(2).unwrap_or_default();
            connection.execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        for column in AUDIENCE_COLUMNS {
            let name = column.split(' ').next().unwrap_or_default();
            connection.execute_unprepared(&format!("ALTER TABLE audiences DROP COLUMN {name}")).await?;
        }
        connection.execute_unprepared("ALTER TABLE audience_entries DROP COLUMN contact_id").await?;
        // What was stored before is not there to be restored: the keys are forgotten.
        connection.execute_unprepared("DELETE FROM idempotency_keys").await?;
        Ok(())
    }
}

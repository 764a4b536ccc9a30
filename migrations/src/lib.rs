//! Schema migrations of addressbook, oldest first.
//!
//! Migrations name tables as strings and import nothing from the service: the meaning of a migration must not change
//! with the entities. Each runs in its own transaction on both databases.
//!
//! **Rolling upgrades.** While instances are replaced one by one, those of the previous release run on the new
//! schema, provided that they know the migration named in the table `schema_compatibility`. A migration that breaks
//! them (it drops or renames what they use, or adds a column without a default) must set that name to its own; the
//! others leave it.

#![forbid(unsafe_code)]

use sea_orm_migration::prelude::*;

mod compatibility;
mod m20261121_000001_accounts_and_keys;
mod m20261121_000002_contacts;
mod m20261121_000003_idempotency_keys;
mod m20261121_000004_planner_statistics;
mod m20261122_000005_order_of_creation;
mod m20261122_000006_opt_outs;
mod m20261122_000007_groups;
mod m20261122_000008_templates;
mod m20261122_000009_audiences;
mod m20261122_000010_counted_by_triggers;
mod m20261126_000011_audience_lifecycle;
mod m20261126_000012_compatibility;
mod m20261127_000013_change_log;
mod m20261127_000015_idempotent_results;
mod m20261127_000016_imports;
mod m20261127_000017_fields;
mod m20261127_000018_search;
mod m20261127_000019_segments;
mod m20261128_000021_timeline;
mod m20261128_000022_shown_name;
mod m20261128_000023_operator_keys;
mod m20261128_000024_account_states;
mod m20261128_000025_account_limits;
mod m20261128_000026_key_uses;
mod m20261128_000027_erasures;
mod m20261128_000028_suppressions;
mod m20261128_000029_rate_budgets;

/// All tables that a migration has ever created, those that later ones have dropped included: a backup holds those of them
/// that there are.
pub const TABLES: [&str; 34] = [
    "account_limits",
    "accounts",
    "api_keys",
    "audience_entries",
    "audiences",
    "change_heads",
    "change_timeline",
    "changes",
    "contact_counts",
    "contacts",
    "counters",
    "erasures",
    "field_values",
    "fields",
    "groups",
    "idempotency_keys",
    "import_chunks",
    "import_pages",
    "imports",
    "key_uses",
    "members",
    "operator_keys",
    "opt_outs",
    "rate_budgets",
    "schema_compatibility",
    "seaql_migrations",
    "search_blocks",
    "search_heads",
    "search_segments",
    "segments",
    "suppression_keys",
    "suppressions",
    "tallies",
    "templates",
];

#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts_and_keys::Migration),
            Box::new(m20261121_000002_contacts::Migration),
            Box::new(m20261121_000003_idempotency_keys::Migration),
            Box::new(m20261121_000004_planner_statistics::Migration),
            Box::new(m20261122_000005_order_of_creation::Migration),
            Box::new(m20261122_000006_opt_outs::Migration),
            Box::new(m20261122_000007_groups::Migration),
            Box::new(m20261122_000008_templates::Migration),
            Box::new(m20261122_000009_audiences::Migration),
            Box::new(m20261122_000010_counted_by_triggers::Migration),
            Box::new(m20261126_000011_audience_lifecycle::Migration),
            Box::new(m20261126_000012_compatibility::Migration),
            Box::new(m20261127_000013_change_log::Migration),
            Box::new(m20261127_000015_idempotent_results::Migration),
            Box::new(m20261127_000016_imports::Migration),
            Box::new(m20261127_000017_fields::Migration),
            Box::new(m20261127_000018_search::Migration),
            Box::new(m20261127_000019_segments::Migration),
            Box::new(m20261128_000021_timeline::Migration),
            Box::new(m20261128_000022_shown_name::Migration),
            Box::new(m20261128_000023_operator_keys::Migration),
            Box::new(m20261128_000024_account_states::Migration),
            Box::new(m20261128_000025_account_limits::Migration),
            Box::new(m20261128_000026_key_uses::Migration),
            Box::new(m20261128_000027_erasures::Migration),
            Box::new(m20261128_000028_suppressions::Migration),
            Box::new(m20261128_000029_rate_budgets::Migration),
        ]
    }
}

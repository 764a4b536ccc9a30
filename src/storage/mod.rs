//! Repositories in a database, through sea-orm: an embedded SQLite file, or PostgreSQL.
//!
//! Imports run one way: store → repositories → database handle → write path → cache, db → sqlite | postgres.

mod accounts;
mod audiences;
mod background_task;
pub mod backup;
mod cache;
mod change_set;
mod changes;
mod cleanup;
mod commands;
mod contact_stream;
mod contacts;
mod database;
mod db;
pub mod directory;
mod entity;
mod erasures;
mod error;
mod fair_semaphore;
mod fields;
mod figures;
mod filters;
mod groups;
mod imports;
mod instruments;
mod named;
mod opt_outs;
mod postgres;
mod process;
mod rate_budgets;
mod search;
mod segments;
mod spans;
mod sqlite;
mod store;
mod templates;
mod usage;
mod write;

pub use database::handle::Database;
pub use db::connect::{Options, safe_url};
pub use db::connection::Connection;
pub use error::OpenError;
pub use figures::Figures;
pub use instruments::Instruments;

//! Test harness: real servers on real databases, on ephemeral ports, over HTTP.

pub mod acknowledged;
pub mod change_log;
mod client;
pub mod collector;
pub mod exposition;
pub mod feed;
pub mod field_index;
pub mod fixtures;
mod folder;
pub mod imports;
pub mod operation_table;
pub mod operations;
mod postgres;
mod proxy;
pub mod raw;
mod service;
pub mod statements;

pub use client::{Client, Reply};
pub use folder::folder;
pub use postgres::Cluster;
pub use proxy::{Freezer, Hold, delay_replies, serve_under};
pub use service::{Backend, Service, new_account, new_database};

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use addressbook::domain::api_key::KeyId;
use addressbook::domain::{AccountId, RequestContext};

/// Upper bound on the time until a change of a key is effective on every instance: the cache's TTL and a margin.
pub const KEY_CHANGE_DELAY: std::time::Duration = std::time::Duration::from_secs(1);

/// The timeout of a service for a working database: longer than the default, since a busy test machine must not fail
/// tests.
pub const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// Reports that the running test is skipped. Past the capture of the test harness, which discards what passing tests
/// print.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {reason}\n", thread.name().unwrap_or("a thread of a test"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Runs `end` after `work`, also if that panics: a transaction that is dropped outside its runtime ends the test process.
pub fn finally<T>(work: impl FnOnce() -> T, end: impl FnOnce()) -> T {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    end();
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

/// A request for an account, for tests that call the store without a server.
pub fn context(account: AccountId) -> Arc<RequestContext> {
    RequestContext::new(account, KeyId::from_stored("test".to_owned()), "test")
}

/// Runs a test on SQLite and on PostgreSQL, each on the server that all tests share. Every test uses accounts of its
/// own.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* fn $name:ident($service:ident: &Service) $body:block)*) => {$(
        $(#[$doc])*
        fn $name($service: &$crate::harness::Service) $body

        mod $name {
            use $crate::harness::{Backend, Service};

            #[test]
            fn sqlite() {
                super::$name(Service::shared(Backend::Sqlite).unwrap());
            }

            #[test]
            fn postgres() {
                if let Some(service) = Service::shared(Backend::Postgres) {
                    super::$name(service);
                }
            }
        }
    )*};
}

/// Runs functions of a [`Backend`] as tests, on SQLite and on PostgreSQL: each makes a database of its own.
#[macro_export]
macro_rules! on_each {
    ($($test:ident)*) => {$(
        mod $test {
            use $crate::harness::Backend;

            #[test]
            fn sqlite() {
                super::$test(Backend::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$test(Backend::Postgres);
            }
        }
    )*};
}

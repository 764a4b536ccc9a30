//! Real servers on real databases, started on port 0 and asked over HTTP.

mod client;
mod folder;
mod postgres;
mod proxy;
pub mod raw;
mod service;

pub use client::{Client, Reply};
pub use folder::folder;
pub use postgres::Cluster;
pub use proxy::{Freezer, Hold, hold_back, serve_under};
pub use service::{Backend, Service, new_account, new_database};

/// After this time at the latest, what was done to a key is in force everywhere.
pub const IN_FORCE: std::time::Duration = std::time::Duration::from_secs(1);

/// How long a service waits for a database that works: longer than by default, since a machine that is
/// busy with tests is no fault.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Runs a test once on SQLite and once on PostgreSQL, each time on the server that all tests share.
/// Tests stay out of each other's way by having an account each.
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

//! The change log, as readers see it: positions, and the feed of changes after one.

mod audit;
mod feed;
mod position;
mod repository;
mod service;

pub use audit::{Actor, AuditEntry, AuditPage, AuditQuery};
pub use feed::{Change, ChangePage, ChangeQuery, ChangeType, ChangeTypes, ChangedField, Current};
pub use position::{ChangePosition, Timeline};
pub use repository::{ChangeRepository, ChangeSubscription};
pub use service::ChangeService;

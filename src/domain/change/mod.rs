//! The change log, as readers see it: positions, and the feed of changes after one.

mod feed;
mod position;
mod repository;
mod service;

pub use feed::{Change, ChangePage, ChangeQuery, ChangeType, ChangeTypes, ChangedField, Current};
pub use position::{ChangePosition, Timeline};
pub use repository::{ChangeRepository, ChangeSubscription};
pub use service::ChangeService;

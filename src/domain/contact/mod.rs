//! Contacts: fields, model, list queries, exports, repository trait and service.

pub mod batch;
mod export;
pub mod fields;
mod model;
mod query;
mod repository;
pub mod service;

pub use export::{ContactWithGroups, Export, ExportPage, ExportQuery, ExportSource};
pub use model::{Contact, ContactField, ContactId, ContactKey, ContactPatch, NewContact, OVERLAP};
pub use query::{
    ContactFilter, ContactOffsetQuery, ContactQuery, ContactSort, OrderCursor, OrderedOffsetQuery,
    OrderedPage, OrderedQuery,
};
pub use repository::ContactRepository;

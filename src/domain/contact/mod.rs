//! Contacts: fields, model, list queries, repository trait and service.

pub mod fields;
mod model;
mod query;
mod repository;
pub mod service;

pub use model::{Contact, ContactId, ContactKey, ContactPatch, NewContact, OVERLAP};
pub use query::{ContactOffsetQuery, ContactQuery, ContactSort};
pub use repository::ContactRepository;

//! Contacts: what they are made of, what is asked for, and what storage has to do for that.

pub mod fields;
mod model;
mod query;
mod repository;
pub mod service;

pub use model::{Contact, ContactId, ContactKey, ContactPatch, NewContact, OVERLAP};
pub use query::{ContactOffsetQuery, ContactQuery, ContactSort};
pub use repository::ContactRepository;

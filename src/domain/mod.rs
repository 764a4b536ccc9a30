//! What a contact is and what may be asked of it.
//!
//! Pure: no web framework, no database, no OpenAPI. Values are parsed once, at the edge, into types
//! whose fields are private, so that a value of such a type is a valid one.

pub mod account;
pub mod api_key;
pub mod audience;
pub mod contact;
pub mod error;
pub mod group;
pub mod id;
pub mod idempotency;
pub mod in_flight;
pub mod opt_out;
pub mod pagination;
pub mod permission;
pub mod precondition;
pub mod store;
pub mod template;
pub mod text;
pub mod timestamp;
pub mod violation;

pub use account::{AccountId, AccountName};
pub use contact::{Contact, ContactId, ContactKey, ContactPatch, NewContact};
pub use error::{Error, ErrorCode, Result};
pub use opt_out::{OptOut, OptOutId, OptOutKey};
pub use permission::{Permission, Permissions};
pub use template::saved::{SavedTemplate, TemplateId, TemplateKey};
pub use timestamp::Timestamp;
pub use violation::{Field, FieldViolation, Violation};

//! The resources, their rules, and the repository traits that storage implements.
//!
//! Imports no web framework, no database and no OpenAPI library. Input is parsed once, on entry, into types with
//! private fields: a value of such a type is valid.

pub mod account;
pub mod api_key;
pub mod audience;
pub mod change;
pub mod contact;
pub mod context;
pub mod erasure;
pub mod error;
pub mod field;
pub mod file_format;
pub mod filter;
pub mod group;
pub mod id;
pub mod idempotency;
pub mod import;
pub mod in_flight;
pub mod json;
pub mod named;
pub mod operator;
pub mod opt_out;
pub mod pagination;
pub mod permission;
pub mod precondition;
pub mod random;
pub mod rate_budget;
pub mod search;
pub mod segment;
pub mod store;
pub mod template;
pub mod text;
pub mod timestamp;
pub mod usage;
pub mod violation;
mod wire_names;

pub use account::{AccountId, AccountName};
pub use change::ChangePosition;
pub use contact::{Contact, ContactId, ContactKey, ContactPatch, NewContact};
pub use context::RequestContext;
pub use error::{Error, ErrorCode, Result};
pub use opt_out::{OptOut, OptOutId, OptOutKey};
pub use permission::{Permission, Permissions};
pub use template::saved::{SavedTemplate, TemplateId, TemplateKey};
pub use timestamp::Timestamp;
pub use violation::{Field, FieldViolation, Violation};

//! Extractors: from bytes to domain commands. One response reports all violations, each with its path.

pub mod batch;
pub mod body;
pub mod conditional;
pub mod conditional_permission;
mod diagnose;
pub mod items;
mod member_names;
pub mod meta;
pub mod path;
pub mod query;
pub mod upload;
pub mod violations;

pub use body::{Body, IdempotentBody, Payload, parse_item};
pub use conditional::{IfMatch, IfNoneMatch, entity_tag};
pub use conditional_permission::ConditionalPermission;
pub use items::{Entries, Integer, Items, Object};
pub use member_names::member_names;
pub use path::{PathParam, PathValue};
pub use query::{Parameters, Query, QueryReader};
pub use upload::Upload;
pub use violations::Violations;

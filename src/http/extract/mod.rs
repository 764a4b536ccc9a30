//! From bytes to commands of the domain: every fault is told, at its place, in one answer.

pub mod batch;
pub mod body;
pub mod conditional;
mod diagnose;
pub mod items;
mod member_names;
pub mod meta;
mod number;
pub mod patch;
pub mod path;
pub mod query;
pub mod violations;

pub use body::{Body, Payload};
pub use conditional::{IfMatch, IfNoneMatch, entity_tag};
pub use items::{Entries, Items, Object};
pub use patch::Patch;
pub use path::{Segment, Segments};
pub use query::{Parameters, Query};
pub use violations::Violations;

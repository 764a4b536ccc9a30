//! The fields of a contact, one module each: limits, validation rules and parser.

pub mod avatar_url;
pub mod display_name;
pub mod handle;
pub mod meta;
pub mod phone;

pub use avatar_url::AvatarUrl;
pub use display_name::DisplayName;
pub use handle::Handle;
pub use meta::{Meta, MetaPatch};
pub use phone::Phone;

//! The members that both dialects share: each type of the domain is described once. Limits and patterns are the constants
//! that the domain enforces.

pub mod account;
pub mod api_key;
pub mod audit;
pub mod change;
pub mod contact;
pub mod erasure;
pub mod field;
pub mod filter;
pub mod group;
pub mod import;
pub mod me;
pub mod opt_out;
pub mod search;
pub mod segment;
pub mod template;
mod value;

pub use contact::{
    META, handle, id, meta, meta_patch, meta_schema, phone, stored_handle, stored_msisdn, stored_phone,
};
pub use value::{ResourceId, count, id_of, id_or_phone, timestamp, with_description, word_of};

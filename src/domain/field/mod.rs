//! Fields: the keys of `meta` that an account has declared, so that contacts can be chosen and sorted by them.
//!
//! A field has a type, and each contact whose `meta` has a value of that type is indexed under it; [`IndexedValue`] is
//! what the index holds. A value of another type is a mismatch: it is counted, and no condition matches it.

mod model;
mod repository;
mod service;
mod value;

pub use model::{Field, FieldId, FieldKey, FieldNumber, FieldState, FieldType, MAX_FIELDS, NewField};
pub use repository::{FieldQuery, FieldRepository};
pub use service::FieldService;
pub use value::{FieldContent, IndexedValue};

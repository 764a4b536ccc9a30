//! Erasures: requests that nothing of a person is left (GDPR, article 17), each with a receipt.
//!
//! A person is found by [`Traces`]: ids of contacts, numbers and usernames. They are kept until the erasure is complete, and no
//! longer.

mod import_rows;
mod model;
mod repository;
mod service;
mod traces;

pub use import_rows::{Pages, erase_rows};
pub use model::{
    Erasure, ErasureId, ErasurePlace, ErasureState, MAX_SHOWN_CONTACTS, PlaceCount, Places, SelectedBy,
    Subject,
};
pub use repository::ErasureRepository;
pub use service::ErasureService;
pub use traces::Traces;

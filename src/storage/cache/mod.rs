//! The cache of an SQLite database's only writer: contacts, pages, and the versions that tell whether what a
//! reader found may still be inserted.

pub(super) mod cached_list;
pub(super) mod contacts;
pub(super) mod encoded_contact;
pub(super) mod pages;
pub(super) mod seek_points;
pub(super) mod seek_read;
pub(super) mod versions;

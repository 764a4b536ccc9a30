//! The cache of the only process that writes an SQLite database: contacts, pages, seek points, and the
//! versions that decide whether what a reader has read may still be inserted.

pub(super) mod contacts;
pub(super) mod encoded_contact;
pub(super) mod pages;
pub(super) mod seek_points;
pub(super) mod seek_read;
pub(super) mod versions;

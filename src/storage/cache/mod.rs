//! The cache of the only process that writes an SQLite database: contacts, pages, seek points.
//!
//! **Invariant: the cache never contradicts the database; a reader that begins after a write was acknowledged sees it, and no
//! reader sees an old version after a new one.** It follows from four rules, which [`versions`] decides:
//! 1. What a write is about to change is removed before its commit. From then until the write is published, all requests
//!    see what the database returns.
//! 2. A reader inserts what it has read only if no write of the same scope has begun since it took its read version:
//!    otherwise it could put an old version in the place of a new one.
//! 3. The writer inserts what it has committed, in the order of commits: the write guard is held until then.
//! 4. It leaves out what a later write changes that has begun already: writes are pipelined, and a write may begin before
//!    its predecessor is published.
//!
//! So, to the holder of the write guard, a cached contact is the stored one.
//!
//! [`counts`] are kept by every process, on both databases, and have an invariant of their own.

pub(super) mod contacts;
pub(super) mod counts;
pub(super) mod encoded_contact;
pub(super) mod pages;
pub(super) mod seek_points;
pub(super) mod seek_read;
pub(super) mod versions;

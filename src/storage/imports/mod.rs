//! Imports: what is stored of them, and how a page of a plan is carried out and taken back.
//!
//! **A page is carried out once.** The page is marked in the transaction that changes its contacts, by the holder of the
//! import's lease, which the same transaction renews: a process that lost its lease, or that was killed, has either changed
//! and marked a page or done neither.

mod cleanup;
mod erase;
mod execute;
mod lease;
mod prepared;
mod queue;
mod repository;
mod stored;

pub(super) use cleanup::{delete_expired, has_expired};
pub(super) use erase::{
    cut_off_uploads, erase_page, erase_report, has_file_since, pages_about, pages_after, regions,
    report_is_about,
};
pub(super) use queue::SqlImportQueue;
pub(super) use repository::{SqlImports, stored_bytes};

//! The dialect of contract 000: `/v1`.

pub mod audiences;
mod audit;
mod changes;
pub mod contact_batch;
mod contact_export;
pub mod contacts;
pub mod dialect;
pub mod envelope;
mod erasures;
mod fields;
mod group_members;
pub mod groups;
pub mod imports;
pub mod me;
pub(in crate::http) mod names;
pub(in crate::http) mod operations;
pub mod opt_outs;
pub mod pagination;
mod segment_members;
pub mod segments;
mod tags;
pub mod templates;
mod updated;

use super::routes::RouteTable;

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let table = contact_export::routes(contact_batch::routes(contacts::routes(table)));
    let table = group_members::routes(groups::routes(table));
    let table = imports::routes(audiences::routes(templates::routes(opt_outs::routes(table))));
    let table =
        audit::routes(changes::routes(segment_members::routes(segments::routes(fields::routes(table)))));
    me::routes(erasures::routes(table))
}

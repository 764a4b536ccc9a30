//! The dialect of contract 003: `/addressbook`, and its contacts also under `/contacts`.

pub mod contact_batch;
pub mod contacts;
pub mod dialect;
pub mod envelope;
mod group_members;
pub mod groups;
mod names;
mod operations;
pub mod opt_outs;
mod pagination;
pub mod records;
pub mod resolve;
pub mod segments;
mod tags;

use super::routes::RouteTable;

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let table = contact_batch::routes(contacts::routes(table)).alias("/addressbook/contacts", "/contacts");
    let table = segments::routes(group_members::routes(groups::routes(table)));
    resolve::routes(opt_outs::routes(table))
}

//! The dialect of contract 003: `/addressbook`, and its contacts also under `/contacts`.

pub mod contacts;
pub mod dialect;
pub mod envelope;
pub mod groups;
mod names;
pub mod opt_outs;
mod pagination;
pub mod resolve;
mod tags;

use super::routes::RouteTable;

pub(super) fn routes(table: RouteTable) -> RouteTable {
    resolve::routes(opt_outs::routes(groups::routes(contacts::routes(table))))
}

//! The dialect of contract 000: `/v1`.

pub mod audiences;
pub mod contacts;
pub mod dialect;
pub mod envelope;
pub mod groups;
mod names;
pub mod opt_outs;
mod pagination;
mod tags;
pub mod templates;
mod updated;

use super::routes::RouteTable;

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let table = opt_outs::routes(groups::routes(contacts::routes(table)));
    audiences::routes(templates::routes(table))
}

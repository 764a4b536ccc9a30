//! The dialect of contract 000: `/v1/contacts`, and what belongs to it.

pub mod audiences;
pub mod contacts;
pub mod envelope;
pub mod groups;
pub mod opt_outs;
mod pagination;
pub mod templates;
mod updated;

use super::dialect::Dialect;
use super::routes::RouteTable;
use crate::domain::Field;

/// What the rest of the server needs to know of this dialect.
pub static DIALECT: Dialect = Dialect {
    prefixes: &["v1"],
    tag: "Contacts",
    summary_prefix: None,
    field,
    label: str::to_owned,
    envelope: envelope::write,
    error_schema: "V1Error",
};

fn field(field: Field) -> &'static str {
    match field {
        Field::Handle => "username",
        Field::Phone => "phone_number",
        Field::DisplayName => "display_name",
        Field::AvatarUrl => "avatar_url",
        Field::Meta => "meta",
    }
}

/// Adds the routes.
pub(super) fn routes(api: RouteTable) -> RouteTable {
    let api = opt_outs::routes(groups::routes(contacts::routes(api)));
    audiences::routes(templates::routes(api))
}

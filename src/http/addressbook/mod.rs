//! The dialect of contract 003: `/addressbook/contacts`, the same under `/contacts`, and what belongs
//! to it.

pub mod contacts;
pub mod envelope;
pub mod groups;
pub mod opt_outs;
mod pagination;
pub mod resolve;

use super::dialect::Dialect;
use super::routes::RouteTable;
use crate::domain::Field;

/// What the rest of the server needs to know of this dialect.
pub static DIALECT: Dialect = Dialect {
    prefixes: &["addressbook", "contacts"],
    tag: "Address book",
    summary_prefix: Some("Address book"),
    field,
    label,
    envelope: envelope::write,
    error_schema: "AddressBookError",
};

/// Display name and avatar are not part of this dialect and cannot be at fault in it.
fn field(field: Field) -> &'static str {
    match field {
        Field::Handle => "alias",
        Field::Phone => "msisdn",
        Field::DisplayName => "display_name",
        Field::AvatarUrl => "avatar_url",
        Field::Meta => "meta",
    }
}

/// Contract 003 begins its sentences about the members of a contact with a capital: `Alias is
/// required`. Names that a request made up stand as they were written.
fn label(name: &str) -> String {
    match name {
        "alias" => "Alias".to_owned(),
        "msisdn" => "Msisdn".to_owned(),
        "meta" => "Meta".to_owned(),
        other => other.to_owned(),
    }
}

/// Adds the routes.
pub(super) fn routes(api: RouteTable) -> RouteTable {
    resolve::routes(opt_outs::routes(groups::routes(contacts::routes(api))))
}

//! What this dialect calls the members of a contact.

use crate::domain::Field;
use crate::domain::filter::PropertyNames;
use crate::http::dialect::FieldNames;

pub static NAMES: FieldNames = FieldNames { name, label: str::to_owned };

/// In filters.
pub static PROPERTIES: PropertyNames = PropertyNames {
    handle: "username",
    phone: "phone_number",
    created_at: "created_at",
    updated_at: "updated_at",
};

fn name(field: Field) -> &'static str {
    match field {
        Field::Handle => "username",
        Field::Phone => "phone_number",
        Field::DisplayName => "display_name",
        Field::AvatarUrl => "avatar_url",
        Field::Meta => "meta",
    }
}

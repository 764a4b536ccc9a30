//! What this dialect calls the members of a contact.

use crate::domain::Field;
use crate::http::dialect::FieldNames;

pub static NAMES: FieldNames = FieldNames { name, label: str::to_owned };

fn name(field: Field) -> &'static str {
    match field {
        Field::Handle => "username",
        Field::Phone => "phone_number",
        Field::DisplayName => "display_name",
        Field::AvatarUrl => "avatar_url",
        Field::Meta => "meta",
    }
}

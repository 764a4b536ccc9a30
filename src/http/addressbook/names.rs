//! What this dialect calls the members of a contact.

use crate::domain::Field;
use crate::domain::filter::PropertyNames;
use crate::http::dialect::FieldNames;

pub static NAMES: FieldNames = FieldNames { name, label };

/// In filters.
pub static PROPERTIES: PropertyNames =
    PropertyNames { handle: "alias", phone: "msisdn", created_at: "created_on", updated_at: "updated_on" };

/// Display name and avatar are not part of this dialect, so no violation names them.
fn name(field: Field) -> &'static str {
    match field {
        Field::Handle => "alias",
        Field::Phone => "msisdn",
        Field::DisplayName => "display_name",
        Field::AvatarUrl => "avatar_url",
        Field::Meta => "meta",
    }
}

/// Contract 003 capitalises the members of a contact at the start of a sentence: `Alias is required`. Names that
/// come from a request stay as they were sent.
fn label(name: &str) -> String {
    match name {
        "alias" => "Alias".to_owned(),
        "msisdn" => "Msisdn".to_owned(),
        "meta" => "Meta".to_owned(),
        other => other.to_owned(),
    }
}

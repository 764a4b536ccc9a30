//! Which field of a contact a column of our own exports holds.

use crate::domain::file_format::FileFormat;

/// What a column of an export holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Id,
    Username,
    PhoneNumber,
    DisplayName,
    AvatarUrl,
    /// A JSON object: all members of meta, or those without a column of their own.
    Meta,
    /// One member of meta, a string. An empty cell means that there is none.
    MetaKey(String),
    /// A JSON array of names.
    Groups,
    CreatedAt,
    UpdatedAt,
}

/// Before the key, in the name of a column of the spreadsheet profile.
pub const META_PREFIX: &str = "meta.";

/// Our properties in vCard.
pub const VCARD_USERNAME: &str = "X-ADDRESSBOOK-USERNAME";
/// JSON text.
pub const VCARD_META: &str = "X-ADDRESSBOOK-META";
/// Our properties in JSContact (RFC 9553, section 1.8.1).
pub const JSCONTACT_USERNAME: &str = "addressbook.internal:username";
pub const JSCONTACT_META: &str = "addressbook.internal:meta";

/// The only member of the last line of an NDJSON export: where the change log goes on.
pub const POSITION_MEMBER: &str = "$position";

/// Before an id in `UID` and `uid`.
pub const UUID_URN: &str = "urn:uuid:";

impl Field {
    /// The field in a column with this name; `None` if our exports have no such column.
    #[must_use]
    pub fn of_column(format: FileFormat, column: &str) -> Option<Self> {
        match format {
            FileFormat::Csv | FileFormat::NdJson => match column {
                "id" => Some(Self::Id),
                "username" => Some(Self::Username),
                "phone_number" => Some(Self::PhoneNumber),
                "display_name" => Some(Self::DisplayName),
                "avatar_url" => Some(Self::AvatarUrl),
                "meta" => Some(Self::Meta),
                "groups" => Some(Self::Groups),
                "created_at" => Some(Self::CreatedAt),
                "updated_at" => Some(Self::UpdatedAt),
                _ => {
                    let key = column.strip_prefix(META_PREFIX).filter(|key| !key.is_empty())?;
                    (format == FileFormat::Csv).then(|| Self::MetaKey(key.to_owned()))
                }
            },
            FileFormat::VCard => match column {
                "UID" => Some(Self::Id),
                VCARD_USERNAME => Some(Self::Username),
                "TEL" => Some(Self::PhoneNumber),
                "FN" => Some(Self::DisplayName),
                "PHOTO" => Some(Self::AvatarUrl),
                VCARD_META => Some(Self::Meta),
                "CATEGORIES" => Some(Self::Groups),
                "CREATED" => Some(Self::CreatedAt),
                "REV" => Some(Self::UpdatedAt),
                _ => None,
            },
            FileFormat::JsContact => match column {
                "uid" => Some(Self::Id),
                JSCONTACT_USERNAME => Some(Self::Username),
                "phone" => Some(Self::PhoneNumber),
                "name.full" => Some(Self::DisplayName),
                "photo" => Some(Self::AvatarUrl),
                JSCONTACT_META => Some(Self::Meta),
                "keywords" => Some(Self::Groups),
                "created" => Some(Self::CreatedAt),
                "updated" => Some(Self::UpdatedAt),
                _ => None,
            },
        }
    }
}

/// The text of an id in a cell of [`Field::Id`]: vCard and JSContact have it as a URN (RFC 9562, section 4).
#[must_use]
pub fn id_text(cell: &str) -> &str {
    cell.strip_prefix(UUID_URN).unwrap_or(cell)
}

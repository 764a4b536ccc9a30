//! The members of a key as operators see it; see also [`super::me`].

use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::me;
use super::value::{inline_schema, text, texts, timestamp, word_of};
use crate::domain::api_key::{KeyId, KeyLabel, KeyState};
use crate::domain::pagination::MAX_BATCH;
use crate::domain::{Permission, Violation};
use crate::http::extract::PathValue;
use crate::http::field::{TextDoc, WireText, or_null};
use crate::http::openapi::examples::me as examples;

texts!(KeyLabel);
inline_schema!(KeyId, me::key_id());

impl WireText for KeyLabel {
    fn doc() -> TextDoc {
        TextDoc::trimmed("What the key is for.", Self::MAX_CHARS, examples::LABEL)
    }
}

impl PathValue for KeyId {
    const NAME: &'static str = "key";

    fn parse(text: &str) -> Result<Self, Violation> {
        text.parse().map_err(|_| Violation::NotKeyId)
    }

    fn schema() -> Object {
        me::key_id()
    }
}

#[must_use]
pub fn state() -> Object {
    let states = [
        (KeyState::Live, "requests with it are accepted"),
        (KeyState::Expired, "its time is over"),
        (KeyState::Revoked, "it was revoked"),
    ];
    word_of("Whether the key is in force", &states.map(|(state, about)| (state.as_str(), about)))
}

#[must_use]
pub fn revoked_at() -> Schema {
    let about =
        "The time at which the key was revoked, in UTC with millisecond precision; null if it was not.";
    or_null(timestamp(about), about)
}

#[must_use]
pub fn last_used_at() -> Schema {
    let about = "The time of the last request with the key, in UTC with millisecond precision, also of one that was refused; null if \
                 there was none. It is stored about once a minute.";
    or_null(timestamp(about), about)
}

#[must_use]
pub fn last_used_from() -> Schema {
    let address = text().max_length(Some(MAX_ADDRESS_CHARS)).examples([examples::ADDRESS]);
    or_null(
        address.build(),
        "The address of the client of that request, IPv4 or IPv6; null if there was none.",
    )
}

/// Of an IPv6 address.
const MAX_ADDRESS_CHARS: usize = 45;

/// Without `enum`: later versions have more.
#[must_use]
pub fn permissions() -> Array {
    let permission =
        text().pattern(Some(r"^(\*|[a-z]+:[A-Za-z]+)$")).examples([Permission::ReadContacts.as_str()]);
    ArrayBuilder::new()
        .description(Some("What the key permits; `*` alone for everything, also what later versions add."))
        .items(permission.build())
        .unique_items(true)
        .build()
}

/// In a request.
#[must_use]
pub fn requested_permissions() -> Array {
    let permission = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .title(Some("Permission"))
        .enum_values(Some(Permission::ALL.iter().map(|permission| permission.as_str())))
        .build();
    ArrayBuilder::new()
        .description(Some(
            "What the key permits. Without this list, the key has all permissions, also those that later versions add.",
        ))
        .items(RefOr::T(Schema::from(permission)))
        .min_items(Some(1))
        .max_items(Some(MAX_BATCH))
        .build()
}

/// A duration in a request.
#[must_use]
pub fn duration(about: &str, example: &str) -> Object {
    let unit = "(s|m|h|d)";
    text()
        .description(Some(about))
        .pattern(Some(format!("^[0-9]+{unit}( ?[0-9]+{unit})*$")))
        .max_length(Some(64))
        .examples([example])
        .build()
}

#[must_use]
pub fn expires_in() -> Object {
    duration("How long the key is valid, from now on; it does not expire without this member.", "90d")
}

#[must_use]
pub fn overlap() -> Object {
    duration(
        "How long the old key remains valid, if it does not expire before; 24 hours without this member.",
        "1h",
    )
}

/// The key itself, secret included.
#[must_use]
pub fn token() -> Object {
    text()
        .description(Some(
            "The key, with its secret: what clients send. This response alone has it; it cannot be read again.",
        ))
        .pattern(Some(format!("^ab_live_{}_[0-9a-z]+$", KeyId::PATTERN)))
        .examples([EXAMPLE_TOKEN])
        .build()
}

/// Its checksum is wrong: it is no key.
pub const EXAMPLE_TOKEN: &str =
    "ab_live_4xq7n2rk5tvh3wma_this2is2an2example2and2no2key2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

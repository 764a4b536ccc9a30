//! The members of an account and of a key.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{
    Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};

use super::value::{text, timestamp, word_of};
use crate::domain::account::limits::AccountLimit;
use crate::domain::api_key::{KeyId, KeyLabel};
use crate::domain::{AccountName, Permission};
use crate::http::field::or_null;
use crate::http::openapi::examples;

#[must_use]
pub fn account_name() -> Object {
    text()
        .description(Some("The name of the account."))
        .min_length(Some(1))
        .max_length(Some(AccountName::MAX_CHARS))
        .examples([AccountName::DEFAULT])
        .build()
}

#[must_use]
pub fn key_id() -> Object {
    text()
        .description(Some(
            "The id of the key, which lists and the log name it by: the part between the second and the \
             third underscore. It is no secret.",
        ))
        .pattern(Some(format!("^{}$", KeyId::PATTERN)))
        .examples([examples::me::KEY_ID])
        .build()
}

#[must_use]
pub fn key_label() -> Schema {
    let label = text().max_length(Some(KeyLabel::MAX_CHARS)).examples([examples::me::LABEL]);
    or_null(label.build(), "What the key is for, as its creator has labelled it; null without a label.")
}

#[must_use]
pub fn key_expires_at() -> Schema {
    let about = "The time from which the key is not accepted any more, in UTC with millisecond precision; null if it \
                 does not expire.";
    or_null(timestamp(about), about)
}

/// Without `enum`: later versions have more.
#[must_use]
pub fn permissions() -> Array {
    let permission = text().pattern(Some("^[a-z]+:[A-Za-z]+$")).examples([Permission::ReadContacts.as_str()]);
    ArrayBuilder::new()
        .description(Some("What the key permits, in the order of the documentation."))
        .items(permission.build())
        .unique_items(true)
        .build()
}

/// What a limit of an account is about, and an example of it.
pub(super) fn about_limit(limit: AccountLimit) -> (&'static str, u64) {
    match limit {
        AccountLimit::KeyRate => {
            ("How many requests per second may be sent with each key of the account", 100)
        }
        AccountLimit::AccountRate => {
            ("How many requests per second may be sent with all keys of the account together", 200)
        }
        AccountLimit::Contacts => ("How many contacts the account may have", 10_000_000),
        AccountLimit::AudienceEntries => (
            "How many entries all kept audiences may have together, each audience counted as at least 100",
            1_000_000,
        ),
        AccountLimit::ImportBytes => {
            ("How many bytes the files and the plans of all imports may have together", 4_294_967_296)
        }
        AccountLimit::Streams => ("How many exports and audiences may be sent to the account at once", 1_000),
        AccountLimit::Feeds => (
            "How many requests of the account may wait for changes, or receive them as a stream, at once",
            10_000,
        ),
        AccountLimit::Imports => {
            ("How many imports may be planned, committed or undone at once, or wait for that", 100)
        }
    }
}

fn limit(limit: AccountLimit) -> Schema {
    let (about, example) = about_limit(limit);
    let limit = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1))
        .examples([example]);
    or_null(limit.build(), &format!("{about}; null if any number."))
}

#[must_use]
pub fn contact_quota() -> Schema {
    limit(AccountLimit::Contacts)
}

#[must_use]
pub fn stream_limit() -> Schema {
    limit(AccountLimit::Streams)
}

#[must_use]
pub fn feed_limit() -> Schema {
    limit(AccountLimit::Feeds)
}

#[must_use]
pub fn import_limit() -> Schema {
    limit(AccountLimit::Imports)
}

#[must_use]
pub fn rate_limit_name() -> Object {
    word_of(
        "Whose requests are counted",
        &[("key", "those with this key"), ("account", "those with all keys of the account")],
    )
}

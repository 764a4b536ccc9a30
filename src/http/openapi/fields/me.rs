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

fn example(limit: AccountLimit) -> u64 {
    match limit {
        AccountLimit::KeyRate | AccountLimit::Imports => 100,
        AccountLimit::AccountRate => 200,
        AccountLimit::Contacts => 10_000_000,
        AccountLimit::AudienceEntries => 1_000_000,
        AccountLimit::ImportBytes => 4_294_967_296,
        AccountLimit::Streams => 1_000,
        AccountLimit::Feeds => 10_000,
    }
}

/// The value of a limit.
pub(super) fn limit_value(limit: AccountLimit) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(*limit.range().start()))
        .examples([example(limit)])
}

fn limit(limit: AccountLimit) -> Schema {
    or_null(limit_value(limit).build(), &format!("{}; null if any number.", limit.about()))
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

//! The members of an account.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use super::api_key::duration;
use super::me::limit_value;
use super::value::{inline_schema, texts, timestamp, word_of};
use crate::domain::account::limits::AccountLimit;
use crate::domain::{AccountId, AccountName, Violation};
use crate::http::extract::PathValue;
use crate::http::field::{TextDoc, WireText, or_null};
use crate::http::openapi::examples::account as examples;

texts!(AccountName);
inline_schema!(AccountId, AccountId::schema());

impl WireText for AccountName {
    fn doc() -> TextDoc {
        let about = "The name of the account.";
        let in_requests = "The name of the account. No other account has it; compared exactly. Leading and trailing \
                           whitespace is removed.";
        TextDoc::unique_name(about, Self::MAX_CHARS, examples::NAME).in_requests(in_requests)
    }
}

#[must_use]
pub fn state() -> Object {
    let states = [
        ("active", "its requests are carried out"),
        ("suspended", "its requests are refused"),
        ("closed", "its requests are refused, and what it has will be deleted"),
    ];
    word_of("Whether requests of the account are carried out", &states)
}

#[must_use]
pub fn suspended_at() -> Schema {
    let about = "Since when requests of the account are refused, in UTC with millisecond precision; null if they are not.";
    or_null(timestamp(about), about)
}

#[must_use]
pub fn purge_at() -> Schema {
    let about = "The time after which everything in the closed account is deleted, in UTC with millisecond precision; null \
                 if it is not closed.";
    or_null(timestamp(about), about)
}

#[must_use]
pub fn last_used_at() -> Schema {
    let about = "The time of the last request with any key of the account, in UTC with millisecond precision, also of one that was \
                 refused; null if there was none. It is stored about once a minute.";
    or_null(timestamp(about), about)
}

#[must_use]
pub fn keep() -> Object {
    duration(
        "How long what the account has is kept, from now on: at least an hour; 30 days without this member.",
        "30d",
    )
}

/// A limit of one account.
#[must_use]
pub fn limit(limit: AccountLimit) -> Schema {
    let value = limit_value(limit).maximum(Some(*limit.range().end())).build();
    or_null(value, &format!("{}; null for the limit of the server.", limit.about()))
}

impl PathValue for AccountId {
    const NAME: &'static str = "id";

    fn parse(text: &str) -> Result<Self, Violation> {
        Self::parse(text).ok_or(Violation::OutOfRange { min: 1, max: i64::MAX.unsigned_abs() })
    }

    fn schema() -> Object {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("The id of the account, assigned by the server. The log names accounts by it."))
            .minimum(Some(1))
            .examples([7])
            .build()
    }
}

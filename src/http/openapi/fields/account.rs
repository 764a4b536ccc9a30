//! The members of an account.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use super::value::{inline_schema, texts};
use crate::domain::{AccountId, AccountName, Violation};
use crate::http::extract::PathValue;
use crate::http::field::{TextDoc, WireText};
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

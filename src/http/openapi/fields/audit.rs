//! The parameters and members of the audit log.

use utoipa::openapi::schema::Object;

use super::value::text;
use super::{id, with_description};
use crate::domain::api_key::KeyId;
use crate::http::openapi::examples;

#[must_use]
pub fn resource(about: &str) -> Object {
    with_description(id(), about)
}

#[must_use]
pub fn key() -> Object {
    text()
        .description(Some("Only changes that were made with the key of this id."))
        .pattern(Some(format!("^{}$", KeyId::PATTERN)))
        .examples([examples::me::KEY_ID])
        .build()
}

#[must_use]
pub fn request_id() -> Object {
    text()
        .description(Some(
            "The `X-Request-Id` of the request; of an import, that of the request that committed or undid it.",
        ))
        .examples([examples::audit::REQUEST_ID])
        .build()
}

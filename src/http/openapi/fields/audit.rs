//! The parameters and members of the audit log.

use utoipa::openapi::schema::Object;

use super::value::text;
use super::{id, me, with_description};
use crate::http::openapi::examples;

#[must_use]
pub fn resource(about: &str) -> Object {
    with_description(id(), about)
}

#[must_use]
pub fn key() -> Object {
    with_description(me::key_id(), "Only changes that were made with the key of this id.")
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

//! Header parameters in the document. (The extractors read the headers, not these types.)

use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::examples;
use crate::domain::idempotency::IdempotencyKey;

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // read by utoipa
pub struct IdempotencyKeyHeader {
    #[param(rename = "Idempotency-Key", schema_with = idempotency_key)]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // read by utoipa
pub struct IfMatchHeader {
    #[param(rename = "If-Match", schema_with = if_match)]
    tag: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)] // read by utoipa
pub struct IfNoneMatchHeader {
    #[param(rename = "If-None-Match", schema_with = if_none_match)]
    tag: String,
}

fn header(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).description(Some(about))
}

fn idempotency_key() -> Object {
    header(
        "A key for this attempt: a new one for each resource to create (a UUID, for example). For 24 hours, \
         a request with the same key and the same body is not carried out again: the response is the \
         resource that the first request created, in its current state (or as it was created, if the API key \
         may not read it), or 410 if it has been deleted. The keys of failed requests are not stored.",
    )
    .min_length(Some(1))
    .max_length(Some(IdempotencyKey::MAX_CHARS))
    .pattern(Some("^[!-~]+$"))
    .examples([examples::ID])
    .build()
}

fn if_match() -> Object {
    header(
        "The entity tag (`ETag`) of the version to change, or `*`. If the resource has changed since, the \
         response is 412 and nothing is changed.",
    )
    .examples([examples::entity_tag()])
    .build()
}

fn if_none_match() -> Object {
    header(
        "The entity tag (`ETag`) of the version that the client has. If it is still current, the response is \
         304.",
    )
    .examples([examples::entity_tag()])
    .build()
}

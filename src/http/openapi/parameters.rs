//! The schemas of header parameters.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::examples;
use super::fields;
use crate::domain::idempotency::IdempotencyKey;
use crate::http::headers::{IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, LAST_EVENT_ID};

/// The schema of a header. `replays_results`: see [`OperationDoc`](super::OperationDoc::replays_results).
pub(super) fn schema(name: &str, replays_results: bool) -> Option<Object> {
    match name {
        IDEMPOTENCY_KEY if replays_results => Some(idempotency_key(
            "A key for this attempt (a UUID, for example). For 24 hours, a request with the same key and the same body \
             is not carried out again: the response has the results of the first request, also those of items that \
             failed. The keys of failed requests are not stored.",
        )),
        IDEMPOTENCY_KEY => Some(idempotency_key(
            "A key for this attempt: a new one for each resource to create (a UUID, for example). For 24 hours, \
             a request with the same key and the same body is not carried out again: the response is the \
             resource that the first request created, in its current state (or as it was created, if the API key \
             may not read it), or 410 if it has been deleted. The keys of failed requests are not stored.",
        )),
        IF_MATCH => Some(if_match()),
        IF_NONE_MATCH => Some(if_none_match()),
        LAST_EVENT_ID => Some(fields::change::position(
            "The `id` of the last event that a client of the event stream received, after which the stream goes on. \
             Clients send it by themselves.",
        )),
        _ => None,
    }
}

fn header(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).description(Some(about))
}

fn idempotency_key(about: &str) -> Object {
    header(about)
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
